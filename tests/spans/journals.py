"""Journals written by hand, and generated ones that a chart of nested and parallel states could have left."""

from typing import Any, Literal

import msgspec
from hypothesis import strategies as st

from machines.events import Event
from machines.journal import JOURNAL_FORMAT, Header, Outcome, Record, Result, encode_entry

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def header(
    machine: str = "order",
    *,
    run: int = 1,
    attributes: tuple[str, ...] = (),
    export: Literal["complete", "progressive"] = "complete",
    trace: Literal["own", "continue"] = "own",
) -> Header:
    """The first entry of a journal."""
    return Header(JOURNAL_FORMAT, machine, 1, run, list(attributes), export, trace)


def record(
    name: str,
    *steps: str,
    at: float,
    data: dict[str, Any] | None = None,
    result: Result = "applied",
    reason: str | None = None,
    outcome: Outcome | None = None,
    traceparent: str | None = None,
    tracestate: str | None = None,
    parent: str | None = None,
    version: int | None = None,
    attributes: list[str] | None = None,
) -> Record:
    """What the event `name` did, `at` seconds after the start; its id is its name."""
    event = Event(
        id=name,
        source="/shop",
        type=f"com.example.{name}",
        subject="o-1",
        machine="order",
        time_ns=START_NS + round(at * SECOND_NS),
        data=None if data is None else msgspec.json.encode(data).decode(),
        position="1-1",
        traceparent=traceparent,
        tracestate=tracestate,
        parent=parent,
    )
    return Record(event, result, list(steps), reason, outcome, version, attributes)


def stored(head: Header, records: list[Record]) -> list[bytes]:
    """The journal as Redis holds it."""
    return [encode_entry(head), *map(encode_entry, records)]


TREE = {"": ("a", "b", "c"), "a": ("x", "y"), "a.x": ("k",), "b": ("l", "r")}
PARALLEL = {"b"}


def _entering(path: str) -> list[str]:
    children = TREE.get(path, ())
    inner = children if path in PARALLEL else children[:1]
    return [path, *(step for child in inner for step in _entering(f"{path}.{child}"))]


@st.composite
def journals(draw: st.DrawFn, *, ended: bool = False) -> tuple[Header, list[Record]]:
    """A run that wanders over TREE with skewed clocks, rejections, failures, moves to other versions, attributes and
    callers; `ended`, or ended or not."""
    head = header(
        run=draw(st.integers(1, 2)),
        attributes=("amount", "region"),
        export=draw(st.sampled_from(["complete", "progressive"])),
        trace=draw(st.sampled_from(["own", "continue"])),
    )
    records: list[Record] = []
    active: list[str] = []
    count = draw(st.integers(1, 12))
    ends = ended or draw(st.booleans())
    for number in range(count):
        steps: list[str] = []
        result: Result = "applied"
        applied = ended and number == count - 1
        kinds = ["move", "move", "move", "pass", "stay", *([] if applied else ["rejected", "late"])]
        kind = draw(st.sampled_from(kinds)) if number else "move"
        if kind in ("rejected", "late"):
            result = kind  # type: ignore[assignment]  # mypy takes the sample for any text
        elif kind in ("move", "pass"):
            for _ in range(2 if kind == "pass" else 1):
                leaving = draw(st.sampled_from(["", *active])).rpartition(".")[0]
                while leaving in PARALLEL:
                    leaving = leaving.rpartition(".")[0]
                inside = [path for path in active if path.startswith(f"{leaving}." if leaving else "")]
                steps += [f"-{path}" for path in reversed(inside)]
                active = [path for path in active if path not in inside]
                child = draw(st.sampled_from(TREE[leaving]))
                entered = _entering(f"{leaving}.{child}" if leaving else child)
                steps += [f"+{path}" for path in entered]
                active += entered
            if draw(st.booleans()):
                steps.append(f"*{active[-1].rpartition('.')[0]}.done".replace("*.", "*"))
        moves = number and result != "late" and draw(st.integers(0, 5)) == 0
        outcome: Outcome | None = None
        if ends and number == count - 1 and result == "applied":
            outcome = draw(st.sampled_from(["ok", "error", "timeout", "cancelled"]))
            steps += [*(f"-{path}" for path in reversed(active)), "*completed"]
        records.append(
            record(
                f"e{number}",
                *steps,
                at=draw(st.integers(-5, 20)),
                data=draw(
                    st.none()
                    | st.fixed_dictionaries(
                        {},
                        optional={"amount": st.integers(), "region": st.text(max_size=3), "error": st.just("broken")},
                    )
                ),
                result=result,
                reason="no such transition" if result == "rejected" else None,
                outcome=outcome,
                traceparent=draw(st.sampled_from([None, None, TRACEPARENT, "rubbish"])),
                tracestate=draw(st.sampled_from([None, "a=1,b=2", "no state"])),
                parent=draw(st.sampled_from([None, "o-0"])),
                version=number if moves else None,
                attributes=draw(st.sampled_from([["region"], ["amount", "region"], []])) if moves else None,
            )
        )
    return head, records
