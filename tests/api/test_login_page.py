from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.streams.site import Site
from tests.support.admission import make_access, some_token, stored
from tests.support.api import make_service, served
from tests.support.browser import Pages, check_accessibility


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with served(service, access=make_access((stored(1, "read"), stored(2, "read", "write")))) as url:
        yield url


@pytest.fixture
def page(pages: Pages) -> Page:
    pages.tolerate("the server responded with a status of 401")
    return pages.open()


def _sign_in(page: Page, url: str, number: int) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("Token").fill(some_token(number))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")


def test_a_person_signs_in_with_a_token_and_out_again(url: str, page: Page) -> None:
    page.goto(f"{url}/?machine=order")
    assert page.url.startswith(f"{url}/login?next=")
    check_accessibility(page)
    page.get_by_label("Token").fill("lsp_mistyped")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").get_by_text("checksum does not fit").wait_for()
    check_accessibility(page)
    page.get_by_label("Token").fill(some_token(1))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/?machine=order")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{url}/login")
    page.goto(url)
    assert page.url.startswith(f"{url}/login")


def test_the_login_page_works_without_scripts(url: str, pages: Pages) -> None:
    page = pages.open(java_script_enabled=False)
    _sign_in(page, url, 1)


def test_a_link_of_another_site_finds_who_is_signed_in(url: str, page: Page) -> None:
    _sign_in(page, url, 1)
    page.goto(url.replace("127.0.0.1", "localhost") + "/login")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("target => { location.href = target }", f"{url}/?machine=order")
    page.get_by_role("button", name="Sign out").wait_for()
    assert asked.count(f"{url}/?machine=order") == 2


def test_no_page_of_another_site_writes_with_the_cookie(url: str, page: Page, pages: Pages) -> None:
    pages.tolerate("the server responded with a status of 4")
    _sign_in(page, url, 2)
    ask = "target => fetch(target, {method: 'POST', credentials: 'include', mode: 'no-cors'}).catch(() => 0)"
    with page.expect_response(f"{url}/events") as own:
        page.evaluate(ask, f"{url}/events")
    assert own.value.status in (400, 415)
    page.goto("about:blank")
    page.set_content(f'<form method="post" action="{url}/events"><button>Go</button></form>')
    with page.expect_response(f"{url}/events") as others:
        page.get_by_role("button", name="Go").click()
    assert others.value.status in (401, 403)
