"""docs/events.md: its requests are answered as it says, and what they bring is the event of its XADD."""

import re
import shlex

import httpx

from api.binding import EVENTS_LIMIT
from api.bodies import BODY_SECONDS
from api.intake import ENDPOINTS
from machines.entries import parse_entry
from machines.events import Event
from scripts.map import ROOT
from streams.resending import SCRIPT_ARGUMENTS
from tests.streams.site import Site
from tests.support.api import AppClient

REFERENCE = (ROOT / "docs" / "events.md").read_text()
COMMANDS = re.findall(r"^\$ curl (.+)$", REFERENCE, re.MULTILINE)
(XADD, *_) = re.findall(r"^\$ redis-cli XADD (.+)$", REFERENCE, re.MULTILINE)


def _run(api: AppClient, command: str) -> httpx.Response:
    """What curl would do."""
    flag, url, *options = shlex.split(command)
    assert (flag, url) == ("-i", "http://127.0.0.1:8080/events")
    headers: dict[str, str] = {}
    body = ""
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option == "-H":
            name, _, text = value.partition(": ")
            headers[name] = text
        else:
            assert option == "-d"
            body = value
    return api.post("/events", content=body, headers=headers)


def _stored(site: Site) -> list[Event]:
    entries = site.client.call("XRANGE", site.keys.events, "-", "+")
    return [parse_entry(dict(zip(flat[::2], flat[1::2], strict=True)), "1-0") for _, flat in entries]


def test_every_request_is_accepted_and_brings_the_event_of_the_xadd(api: AppClient, site: Site) -> None:
    assert [_run(api, command).status_code for command in COMMANDS] == [202, 202, 202]
    _, _, *rest = shlex.split(XADD)
    by_xadd = parse_entry({k.encode(): v.encode() for k, v in zip(rest[::2], rest[1::2], strict=True)}, "1-0")
    assert _stored(site) == [by_xadd] * 3


def test_the_limits_are_the_ones_that_hold_and_every_answer_is_there() -> None:
    assert f"up to {EVENTS_LIMIT:,}:" in REFERENCE
    assert f"within {BODY_SECONDS:g} seconds" in REFERENCE
    assert f"more than {SCRIPT_ARGUMENTS // 2:,} attributes" in REFERENCE
    (endpoint,) = ENDPOINTS
    told = {
        int(status)
        for row in re.findall(r"^\| (`\d.*?) \|", REFERENCE, re.MULTILINE)
        for status in re.findall(r"\d{3}", row)
    }
    assert told == {answer.status for answer in endpoint.answers}
