"""The page of one workflow in a real browser, on a real server, while a real worker folds."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journey.desk import Desk
from tests.streams.site import Site
from tests.support.browser import PHONE, Pages, check_accessibility
from tests.support.servers import Server

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def desk(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Desk]:
    """A page, and one workflow that has paused after an event that was rejected."""
    site = Site(valkey_server.url, prefix, tmp_path)
    desk = Desk(site)
    desk.tell("w-1", "started", data='{"label": "first"}')
    desk.tell("w-1", "odd")
    desk.tell("w-1", "paused")
    site.now_ms += 60_000
    desk.start()
    yield desk
    desk.stop()
    site.close()


def live(page: Page, url: str) -> None:
    """Open an address, and wait until changes come."""
    page.goto(url)
    expect(page.locator("#live")).to_have_text("Live")


def tones(page: Page) -> list[tuple[str, str]]:
    """Name and tone of every span, from above."""
    script = "rows => rows.map(row => [row.querySelector('.name').textContent, row.dataset.tone])"
    return [(name, tone) for name, tone in page.locator("#rows > li").evaluate_all(script)]


def test_a_workflow_starts_moves_and_fails_while_the_page_is_open(desk: Desk, page: Page) -> None:
    desk.tell("w-2", "started")
    live(page, f"{desk.url}/ui/workflows/w-2")
    assert tones(page) == [("job", "open"), ("running", "open")]
    expect(page.locator(".span", has_text="running").locator(".flag")).to_have_text("open")
    desk.tell("w-2", "paused")
    expect(page.locator("#rows > li")).to_have_count(3)
    assert tones(page) == [("job", "open"), ("running", "ok"), ("paused", "open")]
    expect(page.locator('.chart [data-state="paused"]')).to_have_attribute("data-lit", "now")
    expect(page.locator('.chart [data-state="running"]')).to_have_attribute("data-lit", "visited")
    expect(page.locator(".deadline")).to_contain_text("in ")
    desk.tell("w-2", "resumed")
    desk.tell("w-2", "failed", data='{"error": "node 7 ran out of memory"}')
    expect(page.locator("#head .heading .status")).to_have_text("error")
    assert tones(page)[-1] == ("running", "error")
    expect(page.locator(".message")).to_have_text("node 7 ran out of memory")
    expect(page.locator(".reason")).to_have_text("node 7 ran out of memory")
    expect(page.locator('.chart [data-state="failed"]')).to_have_attribute("data-lit", "error")
    expect(page.locator(".flag.open")).to_have_count(0)
    desk.tell("w-2", "resumed")
    expect(page.locator(".event").first).to_have_attribute("data-result", "late")
    expect(page.locator(".event")).to_have_count(5)
    desk.tell("w-2", "started")
    expect(page.locator(".runs [aria-current]")).to_have_text("run 2")
    page.get_by_role("link", name="run 1").click()
    expect(page.locator(".event")).to_have_count(5)
    expect(page.locator("#head .heading .status")).to_have_text("error")


def test_open_spans_grow_and_the_scale_adapts_by_the_clock_of_the_server(desk: Desk, page: Page) -> None:
    page.clock.install(time="2031-01-01T00:00:00Z")
    page.route("**/w-1/parts*", lambda _: None)  # an answer would say that no minute has passed
    page.goto(f"{desk.url}/ui/workflows/w-1")

    def share(bar: Locator, name: str) -> float:
        return float((bar.get_attribute(name) or "").rstrip("%"))

    def took_seconds() -> float:
        minutes, seconds = re.findall(r"^(?:(\d+)m)? ?(?:([\d.]+)s)?$", page.locator("#took").inner_text())[0]
        return 60 * float(minutes or 0) + float(seconds or 0)

    closed, opened = page.locator("#rows .bar[data-until]").first, page.locator("#rows .bar[data-growing]").last
    before, earlier = share(closed, "width"), took_seconds()
    page.clock.run_for(61_000)
    after, later = share(closed, "width"), took_seconds()
    assert later - earlier == pytest.approx(61, abs=2)
    assert after / before == pytest.approx(earlier / later, abs=0.02), "what has ended takes less of a longer time"
    end = share(opened, "x") + share(opened, "width")
    assert end == pytest.approx(100 / 1.03, abs=0.1)


def test_an_event_that_is_picked_in_the_journal_lights_its_mark_and_its_span(desk: Desk, page: Page) -> None:
    live(page, f"{desk.url}/ui/workflows/w-1")
    page.locator("#event-2 .pick").click()
    expect(page.locator("#event-2")).to_have_attribute("data-selected", "")
    mark = page.locator('.mark > g[data-event="2"]')
    expect(mark).to_have_attribute("data-selected", "")
    expect(mark).to_have_class("rejected")
    expect(page.locator(".span[data-selected] .name")).to_have_text("job")
    assert page.url.endswith("#event-2")
    desk.tell("w-1", "resumed")
    expect(page.locator(".event")).to_have_count(4)
    expect(mark).to_have_attribute("data-selected", "")
    page.reload()
    expect(mark).to_have_attribute("data-selected", "")
    page.keyboard.press("Escape")
    expect(page.locator("[data-selected]")).to_have_count(0)


def test_marks_are_reached_and_picked_with_the_keyboard(desk: Desk, page: Page) -> None:
    live(page, f"{desk.url}/ui/workflows/w-1")
    first = page.locator('.mark > g[tabindex="0"]')
    expect(first).to_have_count(1)
    first.focus()
    page.keyboard.press("ArrowRight")
    focused = page.locator(".mark > g:focus")
    expect(focused).to_have_attribute("data-event", "2")
    expect(page.locator(".tip")).to_contain_text("rejected")
    expect(page.locator(".tip")).to_contain_text("com.example.job.odd")
    desk.tell("w-1", "resumed")
    expect(page.locator(".event")).to_have_count(4)
    expect(focused).to_have_attribute("data-event", "2")
    page.keyboard.press("Enter")
    expect(page.locator("#event-2")).to_have_attribute("data-selected", "")
    page.keyboard.press("ArrowDown")
    expect(focused).to_have_attribute("data-event", "3")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".mark > g[tabindex='0']")).to_have_count(1)


def test_details_stay_open_and_the_trace_id_can_be_copied(desk: Desk, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live(page, f"{desk.url}/ui/workflows/w-1")
    page.locator("#event-1 summary").click()
    expect(page.locator("#event-1 pre")).to_contain_text('"label": "first"')
    desk.tell("w-1", "resumed")
    expect(page.locator(".event")).to_have_count(4)
    expect(page.locator("#event-1 pre")).to_be_visible()
    page.locator("#copy").click()
    expect(page.locator("#copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#trace").text_content()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nobody_is_left_out(desk: Desk, pages: Pages, scheme: str) -> None:
    page = pages.open(color_scheme=scheme)
    desk.tell("w-1", "resumed")
    desk.tell("w-1", "failed", data='{"error": "it broke"}')
    for path in ("/ui/workflows/w-1", "/ui/machines", "/ui/machines/job"):
        page.goto(f"{desk.url}{path}")
        check_accessibility(page)
    desk.tell("w-3", "started")
    live(page, f"{desk.url}/ui/workflows/w-3")
    page.locator("#event-1 .pick").click()
    check_accessibility(page)


def test_it_fits_on_a_phone(desk: Desk, pages: Pages) -> None:
    page = pages.open(viewport=PHONE)
    live(page, f"{desk.url}/ui/workflows/w-1")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    check_accessibility(page)


def test_it_can_be_read_without_scripts(desk: Desk, pages: Pages) -> None:
    page = pages.open(java_script_enabled=False)
    page.goto(f"{desk.url}/ui/workflows/w-1")
    expect(page.locator("#rows > li")).to_have_count(3)
    expect(page.locator(".span").last.locator(".flag")).to_have_text("open")
    expect(page.locator(".event")).to_have_count(3)
    expect(page.locator('.chart [data-state="paused"]')).to_have_attribute("data-lit", "now")
    expect(page.locator("#copy")).to_be_hidden()


def test_what_comes_from_outside_is_text(desk: Desk, pages: Pages) -> None:
    page = pages.open()
    page.add_init_script("window.alert = () => { throw new Error('alert was called') }")
    subject = f"{EVIL}/\"'&?#"
    live(page, f"{desk.url}/ui/workflows/w-1")
    desk.tell(subject, "started", data=json.dumps({"label": EVIL}), id=f"{EVIL}1", source=EVIL)
    desk.tell(subject, "x", type=f"com.{EVIL.replace(' ', '')}", data=json.dumps({EVIL: EVIL}))
    path = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%2F%22%27%26%3F%23"
    live(page, f"{desk.url}/ui/workflows/{path}")
    desk.tell(subject, "failed", data=json.dumps({"error": EVIL}))
    expect(page.locator(".message")).to_have_text(EVIL)
    page.locator("#event-2 summary").click()
    page.locator(".mark > g").nth(1).hover()
    expect(page.locator("h1")).to_have_text(subject)
    expect(page.locator("img")).to_have_count(0)


def test_a_run_with_a_thousand_visits_stays_small(desk: Desk, page: Page) -> None:
    site = desk.site
    moves = [site.event("w-9", "started")]
    for _ in range(500):
        moves += [site.event("w-9", "paused"), site.event("w-9", "resumed")]
    site.emit(*moves)
    desk.settle()
    live(page, f"{desk.url}/ui/workflows/w-9")
    expect(page.locator("#traced")).to_contain_text("older ones are not shown")
    expect(page.locator(".event")).to_have_count(200)
    assert page.evaluate("document.querySelectorAll('*').length") < 20_000
    desk.tell("w-9", "finished")
    expect(page.locator("#head .heading .status")).to_have_text("ok")
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".event").first).to_have_attribute("id", "event-802")


def test_a_workflow_that_is_not_there_is_told(desk: Desk, pages: Pages) -> None:
    pages.tolerate("404")
    page = pages.open()
    page.goto(f"{desk.url}/ui/workflows/nobody")
    expect(page.get_by_role("alert")).to_contain_text("nobody")
