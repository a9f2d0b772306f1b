"""Runs that move to another version of their machine: what closes from then on says so, told from the journal alone."""

import msgspec

from machines.journal import decode_journal
from spans.plan import plan
from spans.trace_state import decode_trace_state, encode_trace_state
from tests.spans.journals import header, record, stored

HEAD = header(attributes=("amount",))
RECORDS = [
    record("placed", "+a", at=0, data={"amount": 1, "region": "EU"}),
    record("next", "-a", "+b", at=1),
    record("odd", at=2, result="rejected", reason="no transition for 'odd' in b"),
    record("odd", "-b", "+c", at=2, data={"amount": 2, "region": "US"}, version=2, attributes=["region"]),
    record("done", "-c", "*end", at=3, outcome="ok"),
]


def test_spans_that_close_after_the_move_carry_the_new_version_and_its_attributes() -> None:
    spans = plan("default", "o-1", HEAD, RECORDS).spans
    told = {span.path: (span.attributes["workflow.version"], span.attributes.get("amount"),
                        span.attributes.get("region")) for span in spans}  # fmt: skip
    assert told == {"a": (1, 1, None), "b": (2, 1, "US"), "c": (2, 1, "US"), "": (2, 1, "US")}


def test_a_move_whose_event_the_new_chart_rejects_is_a_move() -> None:
    refused = [*RECORDS[:2], record("odd", at=2, result="rejected", reason="no", version=2, attributes=[]), RECORDS[4]]
    refused[-1] = record("done", "-b", "*end", at=3, outcome="ok")
    assert [span.attributes["workflow.version"] for span in plan("default", "o-1", HEAD, refused).spans] == [1, 2, 2]


def test_the_trace_state_of_the_format_before_goes_on_with_the_version_of_the_header() -> None:
    state = plan("default", "o-1", HEAD, RECORDS[:2]).state
    fields = msgspec.msgpack.decode(encode_trace_state(state)[1:])
    before = b"\x01" + msgspec.msgpack.encode(fields[:9])
    assert decode_trace_state(before) == state
    whole = plan("default", "o-1", HEAD, RECORDS).spans
    assert plan("default", "o-1", HEAD, RECORDS[2:], decode_trace_state(before)).spans == whole[1:]


def test_journals_from_before_moves_existed_are_read_as_they_were() -> None:
    entries = stored(HEAD, [RECORDS[0]])
    short = msgspec.msgpack.encode(msgspec.msgpack.decode(entries[1])[:5])
    assert decode_journal([entries[0], short], "o-1") == decode_journal(entries, "o-1")
