"""Entries of the ingress stream: the rules of every attribute, one by one."""

import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.entries import DATA_LIMIT, DEPTH_LIMIT, EXTENSIONS_LIMIT, TRACE_LIMIT, parse_entry
from machines.errors import EventError
from machines.events import Event
from machines.instants import LATEST_NS

WHOLE = {"id": "e-1", "type": "com.x.done", "subject": "wf-42"}
ATTRIBUTES = [*WHOLE, "source", "machine", "time", "data", "sequence", "parent", "traceparent", "tracestate"]
ATTRIBUTES += ["event", "specversion", "datacontenttype", "data_base64", "tenant"]


def _parse(fields: Mapping[str, str | bytes], position: str = "1700000000000-3") -> Event:
    raw = {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in fields.items()}
    return parse_entry(raw, position)


def _fault(fields: Mapping[str, str | bytes]) -> tuple[str, str]:
    with pytest.raises(EventError) as caught:
        _parse(fields)
    return caught.value.field, caught.value.reason


def _structured(**members: object) -> dict[str, str | bytes]:
    return {"event": json.dumps(WHOLE | members)}


def test_an_entry_with_three_attributes_is_an_event() -> None:
    assert _parse(WHOLE) == Event(
        "e-1", "", "com.x.done", "wf-42", None, 1_700_000_000_000 * 10**6, None, "1700000000000-3"
    )


def test_every_attribute_is_kept() -> None:
    given = WHOLE | {"source": "/a", "machine": "m", "time": "1970-01-01T00:00:01Z", "data": '{ "a": 1 }'}
    given |= {"traceparent": "00-x", "tracestate": "a=b", "sequence": "-7", "parent": "p", "tenant": "blue"}
    given |= {"specversion": "1.0", "datacontenttype": "application/json; charset=utf-8"}
    assert _parse(given) == Event(
        "e-1", "/a", "com.x.done", "wf-42", "m", 10**9, '{ "a": 1 }', "1700000000000-3",
        "00-x", "a=b", -7, "p", {"tenant": "blue"},
    )  # fmt: skip


def test_the_time_is_the_entrys_own_where_none_is_given() -> None:
    assert _parse(WHOLE, "12-0").time_ns == 12 * 10**6
    assert _parse(WHOLE, f"{2**64 - 1}-0").time_ns == LATEST_NS


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("id", "", "is empty"),
        ("id", "x" * 1_025, "is longer than 1024 characters"),
        ("source", "x" * 1_025, "is longer than 1024 characters"),
        ("type", "", "is empty"),
        ("type", "x" * 1_025, "is longer than 1024 characters"),
        ("subject", "", "is empty"),
        ("subject", "x" * 257, "is longer than 256 characters"),
        ("subject", "a\nb", "has characters that cannot be printed"),
        ("machine", "", "is empty"),
        ("machine", "x" * 257, "is longer than 256 characters"),
        ("parent", "", "is empty"),
        ("parent", "x" * 257, "is longer than 256 characters"),
        ("traceparent", "x" * (TRACE_LIMIT + 1), f"is longer than {TRACE_LIMIT} characters"),
        ("tracestate", "x" * (TRACE_LIMIT + 1), f"is longer than {TRACE_LIMIT} characters"),
        ("time", "", "not an RFC 3339 date-time such as 2026-11-22T16:00:00.123456789Z"),
        ("time", "1969-12-31T23:59:59Z", "must lie between 1970-01-01 and 2262-04-11"),
        ("sequence", "", "is not an integer"),
        ("sequence", "1.0", "is not an integer"),
        ("sequence", "--1", "is not an integer"),
        ("sequence", "²", "is not an integer"),
        ("sequence", "1" * 19, "is not an integer"),
        ("data", "[]", "is not a JSON object"),
        ("data", "null", "is not a JSON object"),
        ("data", '"{}"', "is not a JSON object"),
        ("data", "", "is not JSON: Input data was truncated"),
        ("data", '{"a": NaN}', "is not JSON: JSON is malformed: invalid character (byte 6)"),
        ("data", '{"a": 1e400}', "cannot be read: Number out of range - at `$[...]`"),
        ("data", '{"a": "' + "x" * DATA_LIMIT + '"}', "is longer than 262144 bytes"),
        ("data", '{"a": "' + "ü" * (DATA_LIMIT // 2) + '"}', "is longer than 262144 bytes"),
        ("specversion", "0.3", "is '0.3': only CloudEvents 1.0 is understood"),
        ("datacontenttype", "text/xml", "is 'text/xml': data must be JSON"),
        ("data_base64", "AA==", "binary data is not supported: send a JSON object as data"),
    ],
)
def test_an_attribute_that_breaks_its_rule_is_named_with_the_reason(name: str, value: str, reason: str) -> None:
    assert _fault(WHOLE | {name: value}) == (name, reason)


@pytest.mark.parametrize("name", ["id", "type", "subject"])
def test_a_missing_attribute_is_named(name: str) -> None:
    assert _fault({key: value for key, value in WHOLE.items() if key != name}) == (name, "is missing")


@pytest.mark.parametrize("name", ["traceparent", "tracestate"])
def test_an_empty_trace_context_is_none(name: str) -> None:
    assert getattr(_parse(WHOLE | {name: ""}), name) is None


def test_data_may_be_nested_a_hundred_levels_deep_and_no_deeper() -> None:
    def nested(levels: int) -> str:
        return '{"a":' * (levels - 2) + '{"b":[]}' + "}" * (levels - 2)

    assert _parse(WHOLE | {"data": nested(DEPTH_LIMIT)}).data == nested(DEPTH_LIMIT)
    for levels in (DEPTH_LIMIT + 1, 500, 40_000):
        assert _fault(WHOLE | {"data": nested(levels)}) == ("data", "is nested deeper than 100 levels")
    wide = json.dumps({"rows": [{"a": [1]}] * 1_000})
    assert _parse(WHOLE | {"data": wide}).data == wide
    assert _fault({"event": "[" * 100_000})[0] == "event"


def test_extensions_hold_64_kib_together() -> None:
    name = "x" * 256
    assert _parse(WHOLE | {name: "y" * (EXTENSIONS_LIMIT - 256)}).extensions
    reason = "are longer than 65536 bytes together"
    assert _fault(WHOLE | {name: "y" * (EXTENSIONS_LIMIT - 255)}) == ("extensions", reason)
    assert _fault(WHOLE | {"a": "ü" * (EXTENSIONS_LIMIT // 2)}) == ("extensions", reason)
    assert _fault(WHOLE | {"x" * 257: "y"}) == ("x" * 256, "is no name for an attribute")
    assert _fault(WHOLE | {"": "y"}) == ("''", "is no name for an attribute")
    assert _fault(WHOLE | {"a\x00b": "y"}) == ("a\\x00b", "is no name for an attribute")


def test_bytes_that_are_no_text_are_named_readably() -> None:
    assert _fault({**WHOLE, "data": b"\xff\xfe"}) == ("data", "is not UTF-8 text")
    with pytest.raises(EventError) as caught:
        parse_entry({b"id": b"1", b"\xff'x": b"y"}, "1-0")
    assert (caught.value.field, caught.value.reason) == ("\\ufffd'x", "is not UTF-8 text")
    assert str(caught.value) == "\\ufffd'x: is not UTF-8 text"


def test_a_structured_event_says_the_same_as_single_attributes() -> None:
    data = {"a": [1, {"b": "ü"}]}
    single = _parse(WHOLE | {"data": json.dumps(data), "sequence": "3", "source": "/a", "flag": "true"})
    members = _structured(specversion="1.0", data=data, sequence=3, source="/a", flag=True, machine=None)
    assert _parse(members) == single


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"event": "{}", "id": "x"}, "event", "a structured event stands alone, but the entry has id beside it"),
        ({"event": "[]"}, "event", "is not a JSON object: Expected `object`, got `array`"),
        ({"event": "{"}, "event", "is not a JSON object: Input data was truncated"),
        ({"event": "x" * 400_000}, "event", "is longer than the limits of its attributes allow"),
        ({"event": "{}"}, "subject", "is missing"),
        (_structured(data="{}"), "data", "is not a JSON object"),
        (_structured(data_base64="AA=="), "data_base64", "binary data is not supported: send a JSON object as data"),
        (_structured(id={"a": 1}), "id", "is an object or list: only data may be one"),
        (_structured(tags=["a"]), "tags", "is an object or list: only data may be one"),
        (_structured(event="x"), "event", "is the name of the field that holds an event: call the attribute otherwise"),
        (_structured(id=None), "id", "is missing"),
        (_structured(sequence=1.5), "sequence", "is not an integer"),
    ],
)
def test_a_structured_event_that_breaks_a_rule_is_refused(fields: dict[str, str], field: str, reason: str) -> None:
    assert _fault(fields) == (field, reason)


@given(st.dictionaries(st.binary(max_size=9) | st.sampled_from([a.encode() for a in ATTRIBUTES]), st.binary()))
def test_rubbish_gives_an_event_error_and_nothing_else(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(EventError) as caught:
        parse_entry(fields, "1-0")
    assert caught.value.field.isprintable()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(ATTRIBUTES[3:]), st.text() | _JSON.map(json.dumps))
    | st.dictionaries(st.sampled_from(ATTRIBUTES) | st.text(), _JSON).map(lambda event: {"event": json.dumps(event)})
)
def test_an_entry_is_an_event_or_an_event_error(fields: dict[str, str]) -> None:
    raw = {name.encode(errors="replace"): text.encode(errors="surrogatepass") for name, text in fields.items()}
    whole = raw if b"event" in raw else raw | {name.encode(): text.encode() for name, text in WHOLE.items()}
    with suppress(EventError):
        assert parse_entry(whole, "1-0").subject
