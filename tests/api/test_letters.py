"""Dead letters over HTTP: pages, one, redrive and drop."""

from urllib.parse import quote

from api.page_letters import REASONS
from machines.instants import format_instant
from scripts.map import ROOT
from tests.streams.site import START_MS, Site
from tests.support.admission import NOW_NS, bearer, make_access, some_token, stored
from tests.support.api import AppClient, app_client, make_service


def spoil(site: Site, subject: str) -> str:
    """A dead letter of a workflow; its id."""
    before = {letter.id for letter in site.letters()}
    site.emit(site.event(subject, "started", time="yesterday"))
    site.settle(site.worker())
    (letter,) = [letter for letter in site.letters() if letter.id not in before]
    return letter.id


def test_pages_tell_of_all_the_newest_first(site: Site, api: AppClient) -> None:
    ids = [spoil(site, f"w-{number}") for number in range(3)]
    first = api.get("/deadletters?limit=2").json()
    second = api.get("/deadletters", params={"limit": 2, "cursor": first["next"]}).json()
    told = [letter["id"] for page in (first, second) for letter in page["deadletters"]]
    assert sorted(told) == sorted(ids)
    assert second["next"] is None
    assert api.get("/deadletters?reason=early").json() == {"deadletters": [], "next": None}
    assert api.get("/deadletters?cursor=nonsense").json()["field"] == "cursor"


def test_one_tells_what_came(site: Site, api: AppClient) -> None:
    letter_id = spoil(site, "w-1")
    told = api.get(f"/deadletters/{letter_id}").json()
    assert told["reason"] == "malformed"
    assert told["field"] == "time"
    assert told["entry"]["subject"] == "w-1"
    assert told["parked"] is False


def test_a_redrive_sends_it_again_and_a_second_finds_nothing(site: Site, api: AppClient) -> None:
    letter_id = spoil(site, "w-1")
    assert api.post(f"/deadletters/{letter_id}/redrive").json() == {"redriven": 1}
    assert api.post(f"/deadletters/{letter_id}/redrive").status_code == 404
    assert site.letters() == []
    site.settle(site.worker())
    assert [letter.reason for letter in site.letters()] == ["malformed"]


def test_what_was_dropped_is_gone(site: Site, api: AppClient) -> None:
    letter_id = spoil(site, "w-1")
    assert api.request("DELETE", f"/deadletters/{letter_id}").json() == {"dropped": 1}
    assert api.request("DELETE", f"/deadletters/{letter_id}").status_code == 404
    assert api.get(f"/deadletters/{letter_id}").status_code == 404


def test_what_is_parked_cannot_be_redriven_but_dropped(site: Site, api: AppClient) -> None:
    site.emit(site.event("p-1", "packed", machine="parcel"))
    worker = site.worker()
    site.settle(worker)
    (parked,) = site.letters()
    assert api.get(f"/deadletters/{parked.id}").json()["waits_for"] == {"machine": "parcel", "version": None}
    assert api.post(f"/deadletters/{parked.id}/redrive").status_code == 409
    assert "parcel" in api.get("/ui/deadletters?parked=true").text
    assert api.request("DELETE", f"/deadletters/{parked.id}").json() == {"dropped": 1}
    site.settle(worker)
    assert site.letters() == []


def test_an_id_that_is_none_is_not_found(site: Site, api: AppClient) -> None:
    spoil(site, "w-1")
    for letter_id in ("x", "0.1-1", "99.1-1", "0.99999999999999999999-0", "0.parked-0123456789abcdef", "0.٢-0"):
        assert api.get(f"/deadletters/{quote(letter_id)}").status_code == 404


def test_without_the_write_scope_a_letter_can_be_read_and_the_page_says_why_not_more(
    site: Site,
) -> None:
    service = make_service(site.connect, site.keys, site.catalog, lambda: NOW_NS)
    with app_client(service, make_access((stored(1, "read"),))) as reader:
        _check_reading(site, reader)


def _check_reading(site: Site, reader: AppClient) -> None:
    headers = bearer(some_token(1))
    letter_id = spoil(site, "w-1")
    page = reader.get(f"/ui/deadletters/{letter_id}", headers=headers)
    assert "/redrive" not in page.text
    assert "/drop" not in page.text
    assert "takes the scope <code>write</code>" in page.text
    for method, path in (("POST", "/redrive"), ("DELETE", "")):
        assert reader.request(method, f"/deadletters/{letter_id}{path}", headers=headers).status_code == 403
    assert reader.post(f"/ui/deadletters/{letter_id}/drop", headers=headers).status_code == 403
    assert [letter.id for letter in site.letters()] == [letter_id]


def test_the_page_filters_by_every_reason_of_the_reference() -> None:
    text = (ROOT / "docs" / "deadletters.md").read_text()
    assert [reason for reason in REASONS if f"| `{reason}` |" not in text] == []


def test_what_came_is_shown_as_text(site: Site, api: AppClient) -> None:
    letter_id = spoil(site, "<script>")
    page = api.get(f"/ui/deadletters/{letter_id}").text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page.replace('<script src="', "").replace('<script type="module"', "")
    assert format_instant(START_MS * 1_000_000)[:4] in page
