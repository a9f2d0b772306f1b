"""The live page in a real browser, on a real server, while a real worker folds."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journey.desk import Desk
from tests.streams.site import Site
from tests.support.browser import PHONE, Pages, check_accessibility
from tests.support.servers import Server

OTHERS = 12


@pytest.fixture
def desk(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Desk]:
    """A page with a dozen workflows on it, of which every third has failed."""
    site = Site(valkey_server.url, prefix, tmp_path)
    desk = Desk(site)
    for number in range(OTHERS):
        desk.tell(f"w-{number:02}", "started", data=f'{{"label": "{"even" if number % 2 == 0 else "odd"}"}}')
        if number % 3 == 0:
            desk.tell(f"w-{number:02}", "failed", data='{"error": "it broke"}')
    site.now_ms += 60_000
    desk.start()
    yield desk
    desk.stop()
    site.close()


def ids(page: Page) -> list[str]:
    """The workflows on the page, from its top."""
    found: list[str] = page.locator("#rows tr").evaluate_all("rows => rows.map(row => row.dataset.id)")
    return found


def live(page: Page, url: str) -> None:
    """Open an address, and wait until changes come."""
    page.goto(url)
    expect(page.locator("#live")).to_have_text("Live")


def test_a_workflow_starts_moves_and_ends_while_the_page_is_open(desk: Desk, page: Page) -> None:
    live(page, desk.url)
    desk.tell("w-new", "started", data='{"label": "<b>new</b>"}')
    row = page.locator("tr[data-id=w-new]")
    expect(row.locator("[data-slot=states]")).to_have_text("running")
    assert ids(page)[0] == "w-new"
    expect(row.locator("[data-slot=attributes]")).to_have_text("label=<b>new</b>")
    expect(row.locator("[data-slot=progress]")).to_have_text("0/1")
    desk.tell("w-new", "paused")
    expect(row.locator("[data-slot=states]")).to_have_text("paused")
    expect(row.locator("[data-slot=due]")).to_contain_text("in ")
    desk.tell("w-new", "resumed")
    desk.tell("w-new", "finished")
    expect(row.locator("[data-slot=status]")).to_have_text("ok")
    expect(row.locator("[data-slot=states]")).to_have_text("")
    expect(row.locator("[data-slot=progress]")).to_have_text("1/1")
    assert len(ids(page)) == OTHERS + 1


def test_the_server_and_the_script_write_the_same_row(desk: Desk, page: Page) -> None:
    live(page, desk.url)
    desk.tell("w-new", "started", data='{"label": ["a", 1], "other": 2}')
    desk.tell("w-new", "paused")
    desk.tell("w-05", "paused")
    cells = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.replace(/\\d+m? ?\\d*s/g, 'T')))"
    expect(page.locator("tr[data-id=w-05] [data-slot=states]")).to_have_text("paused")
    expect(page.locator("tr[data-id=w-new] [data-slot=states]")).to_have_text("paused")
    written = page.locator("#rows tr").evaluate_all(cells)
    page.reload()
    assert page.locator("#rows tr").evaluate_all(cells) == written


def test_time_in_a_state_passes_by_the_clock_of_the_server(desk: Desk, page: Page) -> None:
    page.clock.install(time="2031-01-01T00:00:00Z")
    page.goto(desk.url)
    shown = page.locator("tr[data-id=w-11] [data-slot=since]")
    expect(shown).to_have_text(re.compile(r"^4\ds$"))
    page.clock.run_for(66_000)
    expect(shown).to_have_text(re.compile(r"^1m 5\ds$"))


def test_filters_combine_are_in_the_address_and_go_back(desk: Desk, page: Page) -> None:
    live(page, desk.url)
    page.get_by_role("navigation", name="Status").get_by_role("link", name="error").click()
    expect(page.locator("#rows tr")).to_have_count(4)
    page.get_by_label("Attribute").fill("label=even")
    page.get_by_label("Attribute").press("Enter")
    expect(page.locator("#rows tr")).to_have_count(2)
    assert ids(page) == ["w-06", "w-00"]
    assert page.url == f"{desk.url}/?status=error&attr.label=even"
    desk.tell("w-02", "failed")
    expect(page.locator("#rows tr")).to_have_count(3)
    desk.tell("w-01", "failed")
    page.go_back()
    expect(page.locator("#rows tr")).to_have_count(6)
    expect(page.get_by_label("Attribute")).to_have_value("")
    page.goto(f"{desk.url}/?status=error&attr.label=even")
    assert ids(page) == ["w-06", "w-02", "w-00"]


def test_what_no_longer_fits_leaves_the_page_and_the_focus_goes_to_its_neighbour(desk: Desk, page: Page) -> None:
    live(page, f"{desk.url}/?state=running")
    page.locator("tr[data-id=w-10] a").focus()
    desk.tell("w-10", "finished")
    expect(page.locator("tr[data-id=w-10]")).to_have_count(0)
    expect(page.locator("tr[data-id=w-08] a")).to_be_focused()


def test_a_workflow_is_found_by_its_id_and_an_unknown_parameter_is_told(desk: Desk, pages: Pages) -> None:
    page = pages.open()
    page.goto(desk.url)
    page.get_by_label("Workflow or trace id").fill("w-03")
    page.get_by_label("Workflow or trace id").press("Enter")
    expect(page.locator("#rows tr")).to_have_count(1)
    assert page.url == f"{desk.url}/?id=w-03"
    pages.tolerate("400")
    page.goto(f"{desk.url}/?started_after=soon")
    expect(page.get_by_role("alert")).to_contain_text("started_after")


def test_everything_can_be_done_with_the_keyboard(desk: Desk, page: Page) -> None:
    live(page, desk.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("tr[data-id=w-11] a")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("tr[data-id=w-10] a")).to_be_focused()
    desk.tell("w-new", "started")
    expect(page.locator("tr[data-id=w-new]")).to_have_count(1)
    expect(page.locator("tr[data-id=w-10] a")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Workflow or trace id")).to_be_focused()
    page.keyboard.type("w-04")
    page.keyboard.press("Enter")
    expect(page.locator("#rows tr")).to_have_count(1)


def test_changes_can_be_stopped_and_go_on_with_all_that_was_missed(desk: Desk, page: Page) -> None:
    live(page, desk.url)
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live")).to_have_text("Paused")
    desk.tell("w-late", "started")
    desk.tell("w-11", "finished")
    page.locator("#live").click()
    expect(page.locator("tr[data-id=w-late]")).to_have_count(1)
    expect(page.locator("tr[data-id=w-11] [data-slot=status]")).to_have_text("ok")


def test_a_lost_connection_is_told_and_resumed(desk: Desk, pages: Pages) -> None:
    pages.tolerate("net::ERR_")
    page = pages.open()
    live(page, desk.url)
    desk.stop()
    expect(page.locator("#live")).to_have_text("Reconnecting")
    expect(page.get_by_role("status")).to_have_text("The connection is lost. Trying again.")
    desk.tell("w-meanwhile", "started")
    desk.start()
    expect(page.locator("#live")).to_have_text("Live", timeout=20_000)
    expect(page.locator("tr[data-id=w-meanwhile]")).to_have_count(1)
    desk.tell("w-after", "started")
    expect(page.locator("tr[data-id=w-after]")).to_have_count(1)


def test_the_list_works_without_javascript(desk: Desk, pages: Pages) -> None:
    page = pages.open(java_script_enabled=False)
    page.goto(desk.url)
    page.get_by_label("Machine").select_option("job")
    page.get_by_label("Attribute").fill("label=odd")
    page.get_by_role("button", name="Filter").click()
    assert page.url == f"{desk.url}/?machine=job&attr.label=odd"
    assert page.locator("#rows tr").count() == OTHERS // 2
    assert not page.get_by_role("button", name="Colours").is_visible()


def test_older_workflows_are_on_pages_of_their_own(desk: Desk, page: Page) -> None:
    for number in range(45):
        desk.site.emit(desk.site.event(f"x-{number:02}", "started"))
    desk.tell("x-last", "started")
    live(page, desk.url)
    assert len(ids(page)) == 50
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#rows tr")).to_have_count(OTHERS + 46 - 50)
    desk.tell("x-new", "started")
    desk.tell("w-01", "finished")
    expect(page.locator("tr[data-id=w-01] [data-slot=status]")).to_have_text("ok")
    assert "x-new" not in ids(page)


@pytest.mark.parametrize("path", ["/", "/ui/deadletters", "/ui/deadletters/one"])
def test_axe_finds_no_violation_in_dark_and_in_light_on_a_phone(desk: Desk, pages: Pages, path: str) -> None:
    desk.tell("w-bad", "started", time="yesterday")
    if path.endswith("one"):
        path = path.replace("one", desk.site.letters()[0].id)
    for scheme, viewport in (("dark", {"width": 1280, "height": 800}), ("light", PHONE)):
        page = pages.open(color_scheme=scheme, viewport=viewport)
        page.goto(desk.url + path)
        check_accessibility(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_choice_of_colours_is_remembered(desk: Desk, pages: Pages) -> None:
    page = pages.open(color_scheme="light")
    page.goto(desk.url)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Colours: as the system").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    page.get_by_role("button", name="Colours: dark").click()
    assert page.evaluate(background) == light


def test_a_dead_letter_is_redriven_and_another_is_dropped(desk: Desk, page: Page) -> None:
    desk.tell("w-early", "finished")
    desk.tell("w-bad", "started", time="yesterday")
    page.goto(f"{desk.url}/ui/deadletters?reason=malformed")
    page.get_by_role("link", name="11-").click()
    page.locator("summary", has_text="Redrive").press("Enter")
    page.get_by_role("button", name="Yes, send it again").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("was sent again")
    desk.settle()
    page.goto(f"{desk.url}/ui/deadletters")
    page.get_by_role("link", name="11-").first.click()
    page.locator("summary", has_text="Drop").click()
    page.get_by_role("button", name="Yes, drop it for good").click()
    expect(page.get_by_role("status")).to_contain_text("was dropped")
    assert not desk.site.letters()
