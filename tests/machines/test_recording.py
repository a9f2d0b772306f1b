"""Recorded lines: a journal written as lines reads back exactly, and what is wrong with a line is said."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.errors import LineError
from machines.events import Event
from machines.instants import LATEST_NS, parse_instant
from machines.journal import JOURNAL_FORMAT, Header, Record
from machines.recorded_line import LINE_LIMIT, Line
from machines.recorded_runs import RecordedRun, read_runs
from machines.recording import read_lines, write_run

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
NAMES = st.text("abcdefXYZ_", min_size=1, max_size=8)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
DATA = st.sampled_from(
    ["{}", '{"a": 1}', ' {"a":\n\t1.0e2}\n', '{"error":"no \\u2028 way","n":12345678901234567890}', '{"ü": "\u2028"}']
)
EXTENSIONS = st.dictionaries(
    st.sampled_from(["region", "x", "tenant", "ü", "longspanish"]), TEXTS, min_size=1, max_size=3
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    position = draw(
        st.one_of(
            st.builds("{}-{}".format, st.integers(0, 2**42), st.integers(0, 9)), PATHS.map(lambda p: f"deadline:{p}")
        )
    )
    return Event(
        id=draw(TEXTS),
        source=draw(st.one_of(st.just(""), TEXTS)),
        type=draw(TEXTS),
        subject="wf-1",
        machine=draw(st.none() | NAMES),
        time_ns=draw(st.integers(0, LATEST_NS)),
        data=draw(st.none() | DATA),
        position=position,
        traceparent=draw(st.none() | NAMES),
        tracestate=draw(st.none() | NAMES),
        sequence=draw(st.none() | st.integers(-(10**17), 10**17)),
        parent=draw(st.none() | NAMES),
        extensions=draw(st.none() | EXTENSIONS),
    )


STEPS = st.lists(st.builds(str.__add__, st.sampled_from("+-*"), PATHS), max_size=3)
RECORDS = st.lists(
    st.builds(
        Record,
        events(),
        st.sampled_from(["applied", "rejected", "late"]),
        STEPS,
        st.none() | TEXTS,
        st.none() | st.sampled_from(["ok", "error", "timeout", "cancelled"]),
    ),
    min_size=1,
    max_size=4,
)
MOVED = st.builds(
    Record,
    events(),
    st.just("applied"),
    STEPS,
    version=st.integers(1, 9),
    attributes=st.lists(TEXTS, max_size=2),
)
HEADERS = st.builds(
    Header,
    st.just(JOURNAL_FORMAT),
    NAMES,
    st.integers(1, 2**31 - 1),
    st.integers(1, 99),
    st.lists(TEXTS, max_size=3),
    st.sampled_from(["complete", "progressive"]),
    st.sampled_from(["own", "continue"]),
)


@given(HEADERS, RECORDS, st.lists(MOVED, max_size=1))
def test_a_run_reads_back_exactly(header: Header, records: list[Record], moved: list[Record]) -> None:
    records = records + moved
    lines = list(write_run(header, records))
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in lines)
    assert list(read_runs(read_lines(lines))) == [RecordedRun("wf-1", header, records, 1)]


LINE = {"id": "e-1", "type": "com.x.started", "subject": "wf-1", "time": "2026-11-22T16:00:00Z"}
MARKS = {"longspanrun": 1, "longspanindex": 2, "longspanresult": "applied", "longspanposition": "5-0"}
FIRST = {"longspanindex": 1, "longspanformat": 1, "longspanmachine": "m", "longspanversion": 1}
FIRST |= {"longspanattributes": "[]", "longspanexport": "complete", "longspantrace": "own"}


def line(**changes: object) -> bytes:
    told = LINE | changes
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"2026-11-22 16:00:00 INFO started", "event: is not a JSON object: Expected `object`"),
        (line()[:-10], "line: is cut off: it does not end as a JSON object does"),
        (b"\xff" + line(), "is not"),
        (line(subject=None), "subject: is missing"),
        (line(time="noon"), "time: not an RFC 3339 date-time"),
        (line(time=None), "time: is missing"),
        (line(data=[1]), "data: is not a JSON object"),
        (line(longspanrun=1), "longspanindex: is missing, beside other attributes of a recorded line"),
        (line(**MARKS | {"longspanrun": "one"}), "longspanrun: Expected `int | null`, got `str`"),
        (line(**MARKS | {"longspanresult": "odd"}), "longspanresult: Invalid enum value 'odd'"),
        (line(**MARKS | FIRST | {"longspanmachine": None}), "longspanmachine: is missing on the first line of a run"),
        (line(**MARKS | FIRST | {"longspanformat": 99}), "longspanformat: is 99, this version of Longspan reads up to"),
        (line(**MARKS | {"longspanattributes": "a"}), "longspanattributes: is not a JSON list of names"),
        (b"{" + b" " * LINE_LIMIT, "line: is longer than"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_by_number_and_field(text: bytes, said: str) -> None:
    good, wrong, last = read_lines([line(), text, line()])
    assert isinstance(good, Line)
    assert isinstance(wrong, LineError)
    assert isinstance(last, Line)
    assert wrong.number == 2
    assert said in str(wrong)


def test_usual_and_unusual_lines_are_read_as_the_same_event() -> None:
    usual = line(data={"n": 1}, sequence=3, machine="m")
    for change in ({"sequence": "3"}, {"datacontenttype": "application/json; charset=utf-8"}, {"parent": None}):
        (one,) = read_lines([usual])
        (other,) = read_lines([line(**{"data": {"n": 1}, "sequence": 3, "machine": "m"} | change)])
        assert one == other


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-22T16:00:59.5Z",
        "2026-11-22T16:00:59Z",
        "2026-11-22t16:00:59.123456789Z",
        "2026-11-22T16:00:59.1234567899Z",
        "2026-11-22T16:00:60Z",
        "2026-11-22T16:00:00.Z",
        "2026-11-22T16:00:0aZ",
        "2026-11-22T24:00:00Z",
        "2026-11-22T16:00:00+01:00",
        "2026-11-22T16:00:00.\u0663Z",
        "2262-04-11T23:47:16.9Z",
        "Z",
    ],
)
def test_a_time_is_read_as_everywhere(time: str) -> None:
    try:
        expected: object = parse_instant(time)
    except ValueError as error:
        expected = str(error)
    (read,) = read_lines([line(time=time)])
    assert (read.reason if isinstance(read, LineError) else read.event.time_ns) == expected


def lines_of(subject: str, count: int) -> list[bytes]:
    header = Header(JOURNAL_FORMAT, "m", 1, 1, [], "complete", "own")
    event = Event(id="e", source="", type="t", subject=subject, machine=None, time_ns=0, data=None, position="1-0")
    return list(write_run(header, [Record(event, "applied")] * count))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: lines[:1] + lines[2:], "line 2: longspanindex: is 3, but 2 comes next of run 1 of b"),
        (lambda lines: [lines[0], *lines], "line 2: longspanindex: is 1, but 2 comes next of run 1 of b"),
        (lambda lines: lines[::-1], "line 1: longspanindex: is 3, but 1 comes next of run 1 of b"),
        (lambda lines: [lines[0], line(), *lines[1:]], "line 2: longspanrun: is missing: this is an event"),
        (lambda lines: [*lines[:2], lines[2][:-9]], "line 1: longspanrun: run 1 of b may go on in line 3"),
    ],
)
def test_a_run_with_a_line_missing_doubled_displaced_or_cut_is_not_told(spoil: Any, said: str) -> None:
    found = list(read_runs(read_lines(spoil(lines_of("b", 3)) + lines_of("c", 2))))
    assert said in [str(one)[: len(said)] for one in found if isinstance(one, LineError)]
    whole = [run.workflow_id for run in found if isinstance(run, RecordedRun)]
    assert whole == (["b", "c"] if "this is an event" in said else ["c"])
