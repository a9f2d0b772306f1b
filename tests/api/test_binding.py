"""The HTTP binding of CloudEvents: the same event by HTTP, in each mode, and by XADD."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.binding import BATCH, EVENTS_LIMIT, JSON, STRUCTURED, Delivery, read_delivery
from api.problems import Problem
from machines.entries import Prepared, parse_entry
from machines.errors import EventError
from machines.events import Event

POSITION = "1700000000000-0"
WHOLE = {"id": "e-1", "type": "com.x.done", "subject": "wf-42"}
BINARY = [(f"ce-{name}", value) for name, value in WHOLE.items()]
SPAN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-01"

_NOT_IN_HEADERS = {"data", "event", "datacontenttype", "data_base64"}
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8).filter(
    lambda name: name not in _NOT_IN_HEADERS
)
_KNOWN = st.sampled_from(
    ["source", "machine", "time", "sequence", "parent", "traceparent", "tracestate", "specversion"]
)
attributes = st.builds(
    lambda required, others: others | required,
    st.fixed_dictionaries({"id": _TEXT, "type": _TEXT, "subject": _TEXT}),
    st.dictionaries(_KNOWN | _NAME, _TEXT | st.sampled_from(["1.0", "7", "2026-11-22T16:00:00Z", SPAN]), max_size=4),
)
data = st.none() | st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=3).map(json.dumps)


def _read(headers: Iterable[tuple[str, str]] = (), body: str | bytes = b"") -> Delivery:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return read_delivery(raw, body.encode() if isinstance(body, str) else body, POSITION)


def _one(headers: Iterable[tuple[str, str]] = (), body: str | bytes = b"") -> Event:
    (item,) = _read(headers, body).items
    assert isinstance(item, Prepared), item
    assert parse_entry(item.fields, POSITION) == item.event  # what is sent is read as what was checked
    return item.event


def _fault(headers: Iterable[tuple[str, str]] = (), body: str | bytes = b"") -> tuple[str, str]:
    (item,) = _read(headers, body).items
    assert isinstance(item, EventError)
    return item.field, item.reason


def _outcome(item: Prepared | EventError) -> Event | str:
    return str(item) if isinstance(item, EventError) else parse_entry(item.fields, POSITION)


def _by_xadd(fields: dict[str, str]) -> Event | str:
    try:
        return parse_entry({name.encode(): value.encode() for name, value in fields.items()}, POSITION)
    except EventError as error:
        return str(error)


@given(attributes, data)
def test_the_same_event_in_every_mode_and_by_xadd_is_the_same(
    given_attributes: dict[str, str], text: str | None
) -> None:
    by_xadd = _by_xadd(given_attributes | ({} if text is None else {"data": text}))
    members = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in given_attributes.items()]
    event = "{" + ", ".join([*members, *([] if text is None else [f'"data": {text}'])]) + "}"
    headers = [(f"ce-{name}", quote(value, safe="")) for name, value in given_attributes.items()]
    assert _outcome(_read([*headers, ("content-type", JSON)], text or b"").items[0]) == by_xadd
    assert _outcome(_read([("content-type", STRUCTURED)], event).items[0]) == by_xadd
    assert _outcome(_read([("content-type", JSON)], event).items[0]) == by_xadd
    assert [_outcome(item) for item in _read([("content-type", BATCH)], f"[{event}, {event}]").items] == [by_xadd] * 2


def test_a_value_is_percent_decoded_once_and_unquoted() -> None:
    headers = [("ce-id", "100%25%2541"), ("ce-type", '"a \\"b\\" c"'), ("ce-subject", "%E2%82%AC"), ("ce-note", "50%")]
    event = _one(headers)
    assert (event.id, event.type, event.subject, event.extensions) == ("100%%41", 'a "b" c', "€", {"note": "50%"})


@pytest.mark.parametrize("value", ["%ff", "%C0%A0", "%ED%A0%80", "\xff"])
def test_a_value_that_is_not_utf8_is_refused_by_the_name_of_its_attribute(value: str) -> None:
    assert _fault([*BINARY, ("ce-source", value)]) == ("source", "is not percent-encoded UTF-8 text")


@pytest.mark.parametrize(
    ("header", "field"), [("ce-id", "id"), ("ce-data", "data"), ("ce-event", "event"), ("ce-", "''")]
)
def test_headers_that_say_something_twice_or_that_only_the_body_can_say_are_refused(header: str, field: str) -> None:
    assert _fault([*BINARY, (header, "x")])[0] == field


def test_the_id_is_required_since_a_retry_must_be_the_same_event() -> None:
    assert _fault([("content-type", STRUCTURED)], '{"type": "t", "subject": "s"}') == ("id", "is missing")


def test_data_keeps_its_text_and_none_is_none() -> None:
    text = '{"amount": 1.50, "big": 123456789012345678901234567890}'
    assert _one([*BINARY, ("content-type", "application/vnd.x+json; charset=UTF-8")], text).data == text
    assert _one([("content-type", STRUCTURED)], json.dumps(WHOLE)[:-1] + f', "data": {text}}}').data == text
    assert _one(BINARY).data is None
    assert _one([*BINARY, ("content-type", "text/plain")]).data is None
    assert _fault([*BINARY, ("content-type", JSON)], b'{"a": "\xff"}') == ("data", "is not UTF-8 text")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([*BINARY, ("content-type", "text/plain")], "{}"),
        (BINARY, "{}"),
        ([("content-type", "application/xml")], "<a/>"),
        ([("content-type", f"{STRUCTURED}; charset=latin1")], "{}"),
        ([], json.dumps(WHOLE)),
        ([], ""),
        ([("content-type", "application/x-www-form-urlencoded")], "a=b"),
    ],
)
def test_another_type_of_body_is_refused_with_what_is_right(headers: list[tuple[str, str]], body: str) -> None:
    with pytest.raises(Problem) as caught:
        _read(headers, body)
    assert (caught.value.status, caught.value.field) == (415, "Content-Type")
    assert "JSON" in caught.value.detail or "json" in caught.value.detail or "UTF-8" in caught.value.detail


def test_plain_json_is_one_event_or_a_list_and_data_only_beside_ce_headers() -> None:
    event = json.dumps(WHOLE)
    assert _one([("content-type", JSON)], event).data is None
    assert [_read([("content-type", JSON)], text).batch for text in (event, f" [{event}]")] == [False, True]
    assert _one([*BINARY, ("content-type", JSON)], event).data == event
    assert _one([*BINARY, ("content-type", STRUCTURED)], json.dumps(WHOLE | {"id": "e-2"})).id == "e-2"


@pytest.mark.parametrize("body", [b"{", b"1", b"{}", b"[1", b"[tru]", b'["\\ud800"]', b"\xff", b"[" * 100_000])
def test_a_batch_that_is_no_list_is_refused_whole(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        _read([("content-type", BATCH)], body)
    assert (caught.value.status, caught.value.field) == (400, "body")


@pytest.mark.parametrize("item", ["1", "[]", "null", '"x"', '{"id": 1}', '{"data": {"a": 1e999}}'])
def test_rubbish_in_a_batch_is_one_item_that_is_refused(item: str) -> None:
    items = _read([("content-type", BATCH)], f"[{json.dumps(WHOLE)}, {item}]").items
    assert [type(each) for each in items] == [Prepared, EventError]


def _nested(levels: int) -> str:
    return json.dumps(WHOLE)[:-1] + ', "data": ' + '{"a":' * levels + "1" + "}" * (levels + 1)


def test_a_batch_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(Problem, match="nested too deep"):
        _read([("content-type", BATCH)], f"[{_nested(1_000_000)}]")  # since Python 3.14 the stack is the limit
    assert _fault([("content-type", STRUCTURED)], _nested(10_000))[1].startswith("is nested deeper")


def test_a_batch_of_too_many_events_is_refused() -> None:
    assert len(_read([("content-type", BATCH)], "[" + ",".join(["1"] * EVENTS_LIMIT) + "]").items) == EVENTS_LIMIT
    with pytest.raises(Problem, match="at most 1,000"):
        _read([("content-type", BATCH)], "[" + ",".join(["1"] * (EVENTS_LIMIT + 1)) + "]")
    assert _read([("content-type", BATCH)], "[]") == Delivery([], True)


def test_the_callers_span_is_that_of_the_event_unless_it_has_one() -> None:
    caller = [("traceparent", SPAN), ("tracestate", "a=1"), ("tracestate", "b=2")]
    assert _one([*BINARY, *caller]).traceparent == SPAN
    assert _one([*BINARY, *caller]).tracestate == "a=1,b=2"
    own = _one([*BINARY, *caller, ("ce-traceparent", OTHER)])
    assert (own.traceparent, own.tracestate) == (OTHER, None)
    batch: list[dict[str, Any]] = [WHOLE, WHOLE | {"traceparent": OTHER}]
    items = _read([("content-type", BATCH), *caller], json.dumps(batch)).items
    assert [item.event.traceparent for item in items if isinstance(item, Prepared)] == [SPAN, OTHER]


@pytest.mark.parametrize("value", ["x" * 9_000, "\xe9", ""])
def test_a_callers_span_that_cannot_be_one_is_left_out(value: str) -> None:
    assert _one([*BINARY, ("traceparent", value), ("tracestate", "a=1")]).traceparent is None


def test_specversion_is_checked_and_not_kept() -> None:
    assert _fault([*BINARY, ("ce-specversion", "0.3")])[0] == "specversion"
    (item,) = _read([*BINARY, ("ce-specversion", "1.0")]).items
    assert isinstance(item, Prepared)
    assert b"specversion" not in item.fields
    assert item.event.extensions is None
