"""The list page as the server renders it: its address, its size, its files."""

import gzip
import re

import pytest

from api.page_list import clean_pairs
from tests.streams.site import Site
from tests.support.api import AppClient

VIEW_LIMIT = 200_000  # bytes: all that the first view loads


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("machine", ""), ("status", "ok")], [("status", "ok")]),
        ([("attribute", "portfolio=FX region=EMEA nothing")], [("attr.portfolio", "FX"), ("attr.region", "EMEA")]),
        ([("started_after", "2026-11-22T16:00")], [("started_after", "2026-11-22T16:00:00Z")]),
        ([("started_before", "2026-11-22T16:00:01")], [("started_before", "2026-11-22T16:00:01Z")]),
        ([("started_before", "2026-11-22T16:00:01+01:00")], [("started_before", "2026-11-22T16:00:01+01:00")]),
        ([("started_before", "2026-11-22T16:00:01-01:00")], [("started_before", "2026-11-22T16:00:01-01:00")]),
    ],
)
def test_what_a_form_sends_becomes_an_address_that_can_be_shared(
    given: list[tuple[str, str]], expected: list[tuple[str, str]]
) -> None:
    assert clean_pairs(given) == expected
    assert clean_pairs(expected) == expected


def test_a_form_is_sent_on_to_its_address(api: AppClient) -> None:
    answer = api.get("/?machine=&attribute=label%3Da+b&status=ok")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?attr.label=a&status=ok")


@pytest.mark.parametrize(
    "query", ["cursor=none", "nothing=1", "status=fine", "started_after=soon", "status=ok&status=ok"]
)
def test_a_wrong_address_is_a_page_that_says_what_is_wrong(api: AppClient, site: Site, query: str) -> None:
    site.settle(site.worker())
    answer = api.get(f"/?{query}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_before_the_first_event_the_page_says_so(api: AppClient) -> None:
    assert "No workflow has begun yet" in api.get("/").text


def test_the_first_view_is_small(site: Site, api: AppClient) -> None:
    label = "a label of some length that is cut off"
    for number in range(60):
        site.emit(
            site.event(f"a-workflow-with-a-long-name-{number:032}", "started", data=f'{{"label": "{label * 20}"}}')
        )
    site.settle(site.worker())
    page = api.get("/")
    assert page.text.count('data-id="a-') == 50
    names = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    names |= {name.rpartition("/")[0] + f"/{part}" for name in names for part in ("clock.js", "live.js", "rows.js")}
    files = [api.get(name).content for name in names]
    assert len(files) > 8
    assert len(page.content) + sum(map(len, files)) < VIEW_LIMIT


def test_static_files_are_kept_for_ever_under_their_address_and_no_longer_under_another(api: AppClient) -> None:
    (address,) = re.findall(r'href="(/static/\w+/theme.css)"', api.get("/").text)
    answer = api.get(address, headers={"Accept-Encoding": "identity"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    packed = api.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert (packed.content, packed.headers["vary"]) == (answer.content, "Accept-Encoding")
    assert packed.headers["etag"] != answer.headers["etag"]
    assert int(packed.headers["content-length"]) == len(gzip.compress(answer.content, mtime=0))
    again = api.get(address, headers={"If-None-Match": packed.headers["etag"], "Accept-Encoding": "gzip"})
    assert (again.status_code, again.content) == (304, b"")
    assert api.get("/static/0/theme.css").headers["cache-control"] == "no-cache"
    assert api.get("/static/0/frame.html").status_code == 404
    assert api.get("/static/0/..%2Ftemplates%2Fframe.html").status_code == 404


def test_no_page_names_another_host_or_holds_a_script_or_a_style_of_its_own(api: AppClient) -> None:
    for path in ("/", "/ui/deadletters", "/ui/machines"):
        text = api.get(path).text
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", text)
