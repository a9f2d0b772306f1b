"""Stored snapshots and journals: they read back as they were, and what cannot be read says why."""

from base64 import b64decode
from contextlib import suppress

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from machines import recollection
from machines.admission import LOWEST
from machines.changes import Limits
from machines.errors import NewerSnapshotError, SnapshotError
from machines.journal import JOURNAL_FORMAT, Header, Record, decode_header, decode_journal, encode_entry
from machines.place import Place, Top
from machines.snapshot import SNAPSHOT_FORMAT, Children, Situation, Snapshot, decode_snapshot, encode_snapshot
from machines.timeouts import is_deadline
from tests.support.folding import DOOR, SECOND_NS, START_NS, Folding, make_event, make_machine

WAITS = Limits(early_wait_ms=40, reorder_wait_ms=20, waiting=4)
TIMED = DOOR.replace("outcomes:", "deadlines: {opened: {after: 3s, send: burn}}\n    outcomes:")

Arrival = tuple[str, str | None, int | None, int]
_ARRIVAL = st.tuples(
    st.sampled_from(["built", "open", "open", "close", "close", "burn", "tear_down", "nonsense"]),
    st.sampled_from([None, None, None, "door", "gate"]),
    st.none() | st.integers(0, 9),
    st.integers(0, 30),
)
_HAPPENING: st.SearchStrategy[Arrival | str] = _ARRIVAL | st.sampled_from(["wait", "deadline", "unload", "load"])


def _live(folding: Folding, happenings: list[Arrival | str]) -> Folding:
    door = make_machine(TIMED)
    for happening in happenings:
        if not isinstance(happening, str):
            event, machine, sequence, at = happening
            sent = make_event(f"com.x.{event}", machine=machine, sequence=sequence, at=at, data={"colour": at})
            folding.receive(sent)
            folding.now_ms += 1
        elif happening == "wait":
            folding.expire(folding.now_ms + 15)
        elif happening == "deadline":
            if folding.workflow.due_deadline() is not None:
                folding.fire()
        else:
            folding.load(*[door] * (happening == "load"))
            folding.release()
    return folding


@settings(deadline=None, max_examples=300)
@example(
    [
        ("built", None, None, 0),
        ("open", None, None, 0),
        "unload",
        *[("built", None, None, at) for at in range(1, 7)],
        "deadline",
    ]
)
@given(st.lists(_HAPPENING, max_size=25))
def test_storing_a_workflow_after_every_event_changes_nothing_whatever_happens(happenings: list[Arrival | str]) -> None:
    kept = _live(Folding(make_machine(TIMED), limits=WAITS), happenings)
    stored = _live(Folding(make_machine(TIMED), limits=WAITS, stored=True), happenings)
    assert stored.everything() == kept.everything()
    assert stored.exports == kept.exports
    snapshot = kept.snapshot
    held = kept.workflow.held
    assert snapshot.waiting == len(held)
    # A deadline that fires while its machine is not loaded is ours to keep, whatever producers have filled up.
    assert sum(not is_deadline(waiting.event) for waiting in held) <= WAITS.waiting
    if snapshot.run:
        header, records = kept.journal()
        assert (header.run, snapshot.entries) == (snapshot.run, len(records) + 1)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(), _VALUES),
    st.lists(st.text(), unique=True),
    st.dictionaries(st.text(), st.lists(st.text())),
    st.lists(st.tuples(st.integers(-(10**18), 10**18), st.integers(0, 10**18))),
    st.binary(),
)
def test_a_snapshot_reads_back_as_it_was(
    values: dict[str, object],
    states: list[str],
    history: dict[str, list[str]],
    gaps: list[tuple[int, int]],
    seen: bytes,
) -> None:
    snapshot = Snapshot(
        machine="m",
        run=3,
        status="running",
        situation=Situation(tuple(states), history, values),
        attributes=values,
        states=dict.fromkeys(states, 2**63 - 1),
        deadlines=dict.fromkeys(states, 2**62),
        overdue=dict.fromkeys(states, 2**62),
        gaps=gaps,
        seen=seen,
        visits=dict.fromkeys(states, 2**62),
        children=Children(9, 1, 2, 3, 4, 5),
        done=dict.fromkeys(states, 2),
        place=Place("p", "m", 1, "a.b", 2, 3, 2**62, Top("m", "t", 1, "00-x", None), "because"),
        caller=("00-x", "a=b"),
        joining=("", "e-1"),
        in_parts=True,
    )
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


# What a worker that wrote format 1 left behind: a running workflow with deadlines, an event that waits and a history.
FORMAT_1 = """
AdwAFqRraWxuAwGncnVubmluZ5OSpmZpcmluZ6Nob3SBpmJlZm9yZZGjaG90gaVjb3VudAGBpmNvbG91cqdncsO2w59lzxj64naT
tAAAzxj64nhwilAAwAUAAAHEMB+B1aqrEtfID4dliF0PpWKJoiGkrW9BLq38uoC6X6QJTDqhHaMGQbivBPQyBsOhAACCpmZpcmlu
Z88Y+uJ4cIpQAKpmaXJpbmcuaG90zxj64nhwilAAgqRraWxuzxj65bzEbKAAqmZpcmluZy5ob3TPGPriesSWNADDB5GS04AAAAAA
AAAAA8CjcC0x
"""


def test_a_snapshot_of_format_1_is_upgraded() -> None:
    snapshot = decode_snapshot(b64decode(FORMAT_1))
    assert snapshot == Snapshot(
        machine="kiln",
        version=3,
        run=1,
        status="running",
        situation=Situation(("firing", "hot"), {"before": ["hot"]}, {"count": 1}),
        attributes={"colour": "größe"},
        started_ns=START_NS,
        updated_ns=START_NS + 8 * SECOND_NS,
        entries=5,
        waiting=1,
        seen=b"".join(recollection.digest(make_event("t", id=str(number))) for number in range(1, 5)),
        states={"firing": START_NS + 8 * SECOND_NS, "firing.hot": START_NS + 8 * SECOND_NS},
        deadlines={"kiln": START_NS + 3_600 * SECOND_NS, "firing.hot": START_NS + 18 * SECOND_NS},
        progressive=True,
        sequence=7,
        gaps=[(LOWEST, 3)],
        parent="p-1",
        visits=None,
    )
    assert encode_snapshot(snapshot)[0] == SNAPSHOT_FORMAT


def test_what_follows_the_fields_of_format_1_is_not_taken_for_a_field_of_a_later_one() -> None:
    fields = msgspec.msgpack.decode(b64decode(FORMAT_1)[1:])
    longer = bytes((1,)) + msgspec.msgpack.encode([*fields, "added later"])
    assert decode_snapshot(longer) == decode_snapshot(b64decode(FORMAT_1))


def test_a_snapshot_of_format_2_is_one_of_a_run_that_counted_no_visits() -> None:
    now = Snapshot(machine="m", run=1, status="running", states={"a": 1}, parent="p", overdue={"a": 5})
    fields = msgspec.msgpack.decode(encode_snapshot(now)[1:])[:23]
    upgraded = decode_snapshot(b"\x02" + msgspec.msgpack.encode([*fields, "added later"]))
    assert upgraded == msgspec.structs.replace(now, visits=None)


def test_a_snapshot_of_a_newer_format_is_refused_with_both_versions_and_what_to_do() -> None:
    newer = bytes((SNAPSHOT_FORMAT + 1,)) + encode_snapshot(Snapshot())[1:]
    with pytest.raises(NewerSnapshotError) as caught:
        decode_snapshot(newer)
    assert str(caught.value) == (
        "the snapshot has format 4, this version of Longspan reads up to 3: upgrade this worker; nothing is lost"
    )


def test_a_snapshot_with_fields_that_a_later_release_added_can_be_read() -> None:
    stored = encode_snapshot(Snapshot(machine="m", run=2))
    fields = msgspec.msgpack.decode(stored[1:])
    assert decode_snapshot(stored[:1] + msgspec.msgpack.encode([*fields, "added later"])) == Snapshot("m", run=2)
    assert decode_snapshot(stored[:1] + msgspec.msgpack.encode(fields[:3])) == Snapshot("m", run=2)


@pytest.mark.parametrize("version", range(1, SNAPSHOT_FORMAT + 1))
@pytest.mark.parametrize("rubbish", [b"\xa2\xff\xfe", b"\x91" * 5_000, b"\x91\xa2\xff\xfe", b"\x80", b"\xc1", b""])
def test_rubbish_after_the_format_is_refused(rubbish: bytes, version: int) -> None:
    with pytest.raises(SnapshotError, match="the snapshot cannot be read: "):
        decode_snapshot(bytes((version,)) + rubbish)
    with pytest.raises(SnapshotError, match="the journal's header cannot be read: "):
        decode_header(rubbish)


@given(st.binary())
def test_any_bytes_are_a_snapshot_or_a_snapshot_error(stored: bytes) -> None:
    for raw in (stored, b"\x01" + stored, bytes((SNAPSHOT_FORMAT,)) + stored):
        with suppress(SnapshotError):
            assert isinstance(decode_snapshot(raw), Snapshot)


@pytest.mark.parametrize("nothing", [b"", b"\x00", b"\x00\x90"])
def test_nothing_at_all_is_no_snapshot(nothing: bytes) -> None:
    with pytest.raises(SnapshotError, match="the snapshot cannot be read: it does not begin with a format"):
        decode_snapshot(nothing)


def test_a_journal_reads_back_as_it_was() -> None:
    header = Header(JOURNAL_FORMAT, "m", 1, 1, ["a"], "complete", "own")
    records = [
        Record(make_event("t", data={"a": 1}), "applied", ["+a", "-a", "*b"], None, "ok"),
        Record(make_event("t", at=1), "rejected", [], "why"),
    ]
    assert decode_journal([encode_entry(header), *map(encode_entry, records)], "w") == (header, records)


def test_a_journal_that_cannot_be_read_says_why() -> None:
    newer = Header(JOURNAL_FORMAT + 1, "m", 1, 1, [], "complete", "own")
    with pytest.raises(SnapshotError, match="the journal has format 4, this version of Longspan reads up to 3"):
        decode_journal([encode_entry(newer)], "w")
    header = encode_entry(Header(JOURNAL_FORMAT, "m", 1, 1, [], "complete", "own"))
    for rubbish in (b"\x80", b"\x91\x9d\xa2\xff\xfe", b""):
        with pytest.raises(SnapshotError, match="the journal cannot be read: "):
            decode_journal([header, rubbish], "w")
