"""The oracle itself: its ids by hand, and that the comparison sees what is wrong."""

import dataclasses
import json
from hashlib import blake2b
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from longspan.received import ReceivedSpan, decode_request
from machines.catalog import load_catalog
from tests.oracle.comparison import differences
from tests.oracle.fold import Entry, Fold
from tests.oracle.spans import ExpectedSpan, expected_spans

STATUS = {"unset": 0, "ok": 1, "error": 2}
DOCUMENT = {
    "machine": "door",
    "version": 3,
    "starts_on": ["com.example.door.built"],
    "attributes": ["colour"],
    "outcomes": {"torn_down": "error"},
    "chart": {
        "states": {
            "closed": {"transitions": [{"event": "torn", "target": "torn_down"}]},
            "torn_down": {"final": True},
        }
    },
}


def entry(number: int, **fields: str) -> Entry:
    return Entry(f"1763800000000-{number}", {"id": str(number), "subject": "d-1", **fields})


@pytest.fixture
def expected(tmp_path: Path) -> list[ExpectedSpan]:
    (tmp_path / "door.json").write_text(json.dumps(DOCUMENT))
    fold = Fold(load_catalog([str(tmp_path)]))
    early = entry(0, type="com.example.door.torn", time="2026-01-01T00:00:01Z", data='{"colour":"red"}')
    start = entry(1, type="com.example.door.built", time="2026-01-01T00:00:02Z")
    fold.feed([early, start, early])
    return expected_spans(fold, "town")


def test_the_oracle_tells_a_short_life_as_the_rules_say(expected: list[ExpectedSpan]) -> None:
    state, workflow = expected
    trace = blake2b(b"town\ndoor\nd-1\n1", digest_size=16).hexdigest()
    assert workflow["trace_id"] == state["trace_id"] == trace
    assert workflow["span_id"] == blake2b(f"{trace}\n\n0".encode(), digest_size=8).hexdigest()
    assert state["span_id"] == blake2b(f"{trace}\nclosed\n1".encode(), digest_size=8).hexdigest()
    assert (workflow["parent_id"], state["parent_id"]) == ("", workflow["span_id"])
    begin_ns = 1_767_225_602 * 10**9
    assert {span["start_ns"] for span in expected} == {span["end_ns"] for span in expected} == {begin_ns}
    assert state["attributes"] == {
        "workflow.id": "d-1",
        "workflow.machine": "door",
        "workflow.version": 3,
        "workflow.run": 1,
        "workflow.state": "closed",
        "workflow.visit": 1,
        "workflow.clock_skew_ms": 1000,
        "colour": "red",
    }
    assert workflow["attributes"]["workflow.outcome"] == "error"
    assert workflow["message"] == state["message"] == "com.example.door.torn led to torn_down"
    assert [event[0] for event in workflow["events"]] == ["com.example.door.built", "torn_down"]


def test_the_comparison_accepts_what_is_equal_and_names_what_is_not(expected: list[ExpectedSpan]) -> None:
    state, workflow = received(expected)
    assert differences(expected, [state, workflow]) == []
    assert "never came" in differences(expected, [state])[0]
    assert "nobody expects it" in differences(expected[:1], [state, workflow])[0]
    later = dataclasses.replace(workflow, end_ns=workflow.end_ns + 1)
    assert f"end_ns is {later.end_ns}, expected {workflow.end_ns}" in differences(expected, [state, later])[0]
    version = dataclasses.replace(state, attributes={**state.attributes, "workflow.version": 3.0})
    assert "workflow.version is float 3.0, expected int 3" in differences(expected, [version, workflow])[0]
    silent = dataclasses.replace(workflow, events=workflow.events[:1])
    assert "1 events, expected 2" in differences(expected, [state, silent])[0]


def test_a_repeated_span_is_wrong_unless_its_answer_was_lost(expected: list[ExpectedSpan]) -> None:
    state, workflow = received(expected)
    twice = [state, workflow, state]
    assert "came twice although no answer was lost" in differences(expected, twice)[0]
    assert differences(expected, twice, repeatable=[state.span_id]) == []
    other = dataclasses.replace(state, encoded=state.encoded + b"\x00")
    assert "not identical" in differences(expected, [*twice[:2], other], repeatable=[state.span_id])[0]


def received(spans: list[ExpectedSpan]) -> list[ReceivedSpan]:
    """The spans as if they had come over the wire."""
    request = ExportTraceServiceRequest()
    target = request.resource_spans.add().scope_spans.add().spans
    for span in spans:
        sent = target.add(
            trace_id=bytes.fromhex(span["trace_id"]),
            span_id=bytes.fromhex(span["span_id"]),
            parent_span_id=bytes.fromhex(span["parent_id"]),
            name=span["name"],
            kind=span["kind"],
            start_time_unix_nano=span["start_ns"],
            end_time_unix_nano=span["end_ns"],
        )
        sent.status.code, sent.status.message = STATUS[span["status"]], span["message"]
        for name, value in span["attributes"].items():
            attribute = sent.attributes.add(key=name)
            setattr(attribute.value, "int_value" if isinstance(value, int) else "string_value", value)
        for name, time_ns, attributes in span["events"]:
            event = sent.events.add(name=name, time_unix_nano=time_ns)
            for key, value in attributes.items():
                event.attributes.add(key=key).value.string_value = value
    return decode_request(request.SerializeToString())
