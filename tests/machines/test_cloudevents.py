"""Events written out again: the same event comes back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from machines.cloudevents import event_attributes, event_fields, structured
from machines.entries import parse_entry
from machines.events import Event, decode_event, encode_event, error_text, read_data
from machines.instants import LATEST_NS

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_PRINTABLE = _TEXT.filter(str.isprintable)
_DATA = st.dictionaries(st.text(), st.integers() | st.text() | st.booleans() | st.lists(st.none()), max_size=3)
_RESERVED = {"event", "specversion", "datacontenttype", "data_base64", *Event.__struct_fields__, "time"}

events = st.builds(
    Event,
    id=_TEXT,
    source=_TEXT | st.just(""),
    type=_TEXT,
    subject=_PRINTABLE,
    machine=st.none() | _TEXT,
    time_ns=st.integers(0, LATEST_NS),
    data=st.none() | _DATA.map(json.dumps),
    position=st.just("5-1"),
    traceparent=st.none() | _TEXT,
    tracestate=st.none() | _TEXT,
    sequence=st.none() | st.integers(1 - 10**18, 10**18 - 1),
    parent=st.none() | _TEXT,
    extensions=st.none() | st.dictionaries(_PRINTABLE.filter(lambda n: n not in _RESERVED), st.text(), min_size=1),
)


@given(events)
def test_the_fields_of_an_event_read_back_as_the_same_event(event: Event) -> None:
    assert parse_entry(event_fields(event), "5-1") == event


@given(events)
def test_the_structured_form_reads_back_as_the_same_event(event: Event) -> None:
    back = parse_entry({b"event": json.dumps(structured(event)).encode()}, "5-1")
    assert read_data(back) == read_data(event)
    assert event_attributes(back) | {"data": ""} == event_attributes(event) | {"data": ""}


@given(events)
def test_the_stored_form_reads_back_as_the_same_event(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


def test_only_a_non_empty_text_is_an_error() -> None:
    assert error_text({"error": "disk full"}) == "disk full"
    nothings: list[dict[str, object]] = [{}, {"error": ""}, {"error": None}, {"error": {"code": 1}}]
    assert [error_text(nothing) for nothing in nothings] == [None] * 4
