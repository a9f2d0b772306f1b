"""docs/events.md: its examples are events, and its limits are the ones that hold."""

import json
import re
import shlex

import pytest

from machines.entries import DATA_LIMIT, EXTENSIONS_LIMIT, NAME_LIMIT, TEXT_LIMIT, parse_entry
from machines.errors import EventError
from machines.events import Event
from machines.recollection import DIGEST_BYTES, PAGE_BYTES, PAGES, PORTION_BYTES
from scripts.map import ROOT

REFERENCE = (ROOT / "docs" / "events.md").read_text()
COMMANDS = re.findall(r"^\$ redis-cli (XADD .+)$", REFERENCE, re.MULTILINE)
WHOLE: dict[str, str] = {"id": "e", "type": "t", "subject": "s"}


def _parse(fields: dict[str, str]) -> Event:
    return parse_entry({name.encode(): value.encode() for name, value in fields.items()}, "1-0")


def _entry(command: str) -> dict[str, str]:
    verb, stream, position, *rest = shlex.split(command)
    assert (verb, stream, position) == ("XADD", "longspan:events", "*")
    return dict(zip(rest[::2], rest[1::2], strict=True))


def _rules() -> dict[str, str]:
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \| ([^|]+) \|$", REFERENCE, re.MULTILINE)
    return {name: f"{needed}: {rule}" for names, needed, rule in rows for name in re.findall(r"`(\w+)`", names)}


def test_both_forms_of_the_example_say_the_same() -> None:
    plain, structured = (_parse(_entry(command)) for command in COMMANDS)
    assert json.loads(plain.data or "") == json.loads(structured.data or "")
    assert plain.time_ns == structured.time_ns
    assert (plain.id, plain.source, plain.type, plain.subject, plain.machine) == (
        structured.id,
        structured.source,
        structured.type,
        structured.subject,
        structured.machine,
    )


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("id", TEXT_LIMIT),
        ("source", TEXT_LIMIT),
        ("type", TEXT_LIMIT),
        ("subject", NAME_LIMIT),
        ("machine", NAME_LIMIT),
        ("parent", NAME_LIMIT),
    ],
)
def test_a_text_may_be_as_long_as_the_reference_says_and_no_longer(name: str, limit: int) -> None:
    assert f"{limit:,} " in _rules()[name]
    _parse({**WHOLE, name: "x" * limit})
    with pytest.raises(EventError, match=f"^{name}: .*{limit}"):
        _parse({**WHOLE, name: "x" * (limit + 1)})


@pytest.mark.parametrize("name", ["id", "type", "subject"])
def test_what_the_reference_calls_required_is_required(name: str) -> None:
    assert _rules()[name].startswith("yes")
    with pytest.raises(EventError, match=f"^{name}: is missing"):
        _parse({key: value for key, value in WHOLE.items() if key != name})


def test_what_the_reference_calls_optional_is_optional() -> None:
    assert {name for name, rule in _rules().items() if rule.startswith("yes")} == set(WHOLE)
    assert _parse(WHOLE).source == ""


def test_data_and_extensions_hold_what_the_reference_says() -> None:
    assert f"{DATA_LIMIT // 1024} KiB" in _rules()["data"]
    assert f"at most {EXTENSIONS_LIMIT // 1024} KiB" in REFERENCE


def test_at_least_as_many_events_are_remembered_as_the_reference_says() -> None:
    assert "at least the last 1,000 events" in REFERENCE
    assert (PAGES - 1) * PAGE_BYTES + 2 * PORTION_BYTES >= 1_000 * DIGEST_BYTES  # when a page has just begun


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("specversion", "1.0", "0.3"),
        ("datacontenttype", "application/vnd.example+json", "text/xml"),
        ("time", "1970-01-01T00:00:00Z", "2262-04-12T00:00:00Z"),
        ("time", "2262-04-11T00:00:00+02:00", "1969-12-31T23:59:59Z"),
        ("sequence", "9" * 18, "9" * 19),
        ("data", "{}", "[]"),
        ("longspanredrive", "1", "0"),
    ],
)
def test_the_rules_of_single_attributes_hold(name: str, good: str, bad: str) -> None:
    _parse({**WHOLE, name: good})
    with pytest.raises(EventError, match=f"^{name}: "):
        _parse({**WHOLE, name: bad})


def test_the_structured_form_stands_alone_and_takes_no_binary_data() -> None:
    event = json.dumps(WHOLE | {"source": None})
    assert _parse({"event": event}).source == ""
    with pytest.raises(EventError, match=r"^event: .*type"):
        _parse({"event": event, "type": "t"})
    with pytest.raises(EventError, match=r"^data_base64: "):
        _parse({"event": json.dumps(WHOLE | {"data_base64": "AA=="})})
