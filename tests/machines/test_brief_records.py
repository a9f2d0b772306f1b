"""Brief records: what most events leave in a journal takes little room there, and reads back as it was."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from machines.events import Event
from machines.journal import Record, decode_record, encode_entry, encode_record
from machines.place import Place, Top
from machines.snapshot import Children, Snapshot, decode_snapshot, encode_snapshot
from tests.support.folding import DOOR, Folding, make_event, make_machine

PLAIN = Record(make_event("com.x.open", data={"colour": "red"}, arrived=0.2), "applied", ["-closed", "+open"])
WORDS = st.none() | st.text(max_size=5)
NUMBERS = st.integers(0, 2**64).map(str)
POSITIONS = st.one_of(
    st.sampled_from(["", "-", "1", "01-0", "1-", "-1-2", "1--2", "+1-2", " 1-2", "1_0-2", "\u0661-2", "1-2-3", "d:1"]),
    st.tuples(NUMBERS, NUMBERS).map("-".join),
    st.text(max_size=5),
)
PLACES = st.sampled_from([None, Place("p", "m", 1, "", 0, 1, 5, Top("m", "p", 1))])
EVENTS = st.builds(
    Event,
    id=st.text(max_size=5),
    source=st.text(max_size=5),
    type=st.text(max_size=5),
    subject=st.text(max_size=5),
    machine=WORDS,
    time_ns=st.integers(-(2**63), 2**63),
    data=WORDS,
    position=POSITIONS,
    traceparent=WORDS,
    tracestate=WORDS,
    sequence=st.none() | st.integers(0, 2**40),
    parent=WORDS,
    extensions=st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    place=PLACES,
)
RARE = st.fixed_dictionaries(
    {},
    optional={
        "machine": WORDS,
        "traceparent": WORDS,
        "tracestate": WORDS,
        "sequence": st.integers(0, 9),
        "parent": WORDS,
        "place": PLACES,
        "position": POSITIONS,
    },
)


@given(EVENTS, st.sampled_from(["applied", "rejected", "late"]), st.lists(st.text(max_size=5), max_size=3), WORDS)
def test_any_record_reads_back_as_it_was(event: Event, result: str, steps: list[str], reason: str | None) -> None:
    record = msgspec.convert((event, result, steps, reason), Record)
    assert (
        decode_record(encode_record(record), event.subject) == decode_record(encode_entry(record), "another") == record
    )


@given(RARE, st.sampled_from(["reason", "version", "attributes", "outcome", None]))
def test_whatever_is_special_of_an_applied_event_is_kept(special: dict[str, object], also: str | None) -> None:
    values = {"reason": "odd", "version": 2, "attributes": ["a"], "outcome": "ok"}
    event = msgspec.structs.replace(PLAIN.event, **special)
    record = msgspec.structs.replace(PLAIN, event=event, **({} if also is None else {also: values[also]}))
    assert decode_record(encode_record(record), PLAIN.event.subject) == record


def test_what_most_events_leave_takes_less_than_in_full() -> None:
    assert len(encode_record(PLAIN)) <= len(encode_entry(PLAIN)) - 30


def test_no_record_in_full_is_taken_for_a_brief_one() -> None:
    full = msgspec.msgpack.decode(encode_entry(PLAIN))
    assert isinstance(full[0], list)
    assert len(full) < len(msgspec.msgpack.decode(encode_record(PLAIN)))


def test_brief_records_as_they_were_at_first_are_read() -> None:
    event = PLAIN.event
    ms, number = map(int, event.position.split("-"))
    about = [event.id, event.source, event.type, event.subject, event.time_ns, event.data]
    entry = msgspec.msgpack.encode([*about, ms, number, PLAIN.steps])
    assert decode_record(entry, event.subject) == PLAIN


def test_a_run_that_began_in_an_older_format_goes_on_in_it() -> None:
    folding = Folding(make_machine(DOOR))
    folding.send("com.x.built")
    folding.snapshot.brief = False  # as in what an older version stored, which had no such field
    folding.workflow.receive(folding.interpreters, folding.limits, make_event("com.x.open", at=1), 0)
    ((_, entry),) = folding.workflow.take().journal
    assert msgspec.msgpack.decode(entry, type=Record).event.type == "com.x.open"


def test_a_new_run_is_brief_and_readers_of_older_formats_are_told() -> None:
    folding = Folding(make_machine(DOOR), stored=True)
    folding.send("com.x.built")
    assert folding.snapshot.brief
    folding.workflow.receive(folding.interpreters, folding.limits, make_event("com.x.open", at=1), 0)
    ((_, entry),) = folding.workflow.take().journal
    record = decode_record(entry, folding.workflow.subject)
    assert entry == encode_record(record) != encode_entry(record)
    assert folding.journal()[0].format == 3


@given(
    st.sampled_from([Children(), Children(1), Children(latest_ns=2**40)]),
    st.dictionaries(st.sampled_from(["", "a"]), st.integers(0, 2**63)),
    PLACES,
    st.none() | st.tuples(st.text(max_size=2), WORDS),
    st.none() | st.tuples(st.text(max_size=2), st.text(max_size=2)),
    st.booleans(),
    st.booleans(),
)
def test_snapshots_that_leave_out_what_most_have_read_back_as_they_were(
    children: Children,
    done: dict[str, int],
    place: Place | None,
    caller: tuple[str, str | None] | None,
    joining: tuple[str, str] | None,
    in_parts: bool,
    brief: bool,
) -> None:
    snapshot = Snapshot(
        children=children, done=done, place=place, caller=caller, joining=joining, in_parts=in_parts, brief=brief
    )
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def test_a_run_without_children_takes_no_room_for_them() -> None:
    assert len(encode_snapshot(Snapshot(brief=True))) < len(encode_snapshot(Snapshot()))
