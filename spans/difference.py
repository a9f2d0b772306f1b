"""What another machine would have made of the same events: states, outcome, durations, rejected events and spans."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from machines.folded import Run
from machines.history import History
from machines.renaming import new_path
from spans.plan import plan
from spans.planned import PlannedSpan

_NAMESPACE = "diff"  # of ids, which are not compared
_NOT_COMPARED = ("workflow.version", "workflow.state")  # the one always differs, the other is compared as the path


class SpanChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A span that both have: its path and visit, and what is told otherwise, as (old, new) by the name of the fact."""

    path: str
    visit: int
    changes: dict[str, tuple[Any, Any]]


class Difference(msgspec.Struct, frozen=True):
    """How one run differs. Pairs are (old, new); None where there is no such run, or it has not ended.

    States are paths in order of entry, under today's names. `rejected` are events that only the new machine rejects,
    `accepted` those that only the old one does, both with the reason.
    """

    workflow: str
    run: int
    outcome: tuple[str | None, str | None]
    duration_ns: tuple[int | None, int | None]
    states: tuple[list[str], list[str]]
    rejected: list[tuple[str, str, str]]
    accepted: list[tuple[str, str, str]]
    spans_added: list[str]
    spans_removed: list[str]
    spans_changed: list[SpanChange]

    @property
    def kinds(self) -> list[str]:
        """In which ways the run differs."""
        ways = {
            "outcome": self.outcome[0] != self.outcome[1],
            "duration": self.duration_ns[0] != self.duration_ns[1],
            "states entered": self.states[0] != self.states[1],
            "rejected by the new only": bool(self.rejected),
            "rejected by the old only": bool(self.accepted),
            "spans added": bool(self.spans_added),
            "spans removed": bool(self.spans_removed),
            "spans changed": bool(self.spans_changed),
        }
        return [way for way, differs in ways.items() if differs]


KINDS = (
    "outcome",
    "duration",
    "states entered",
    "rejected by the new only",
    "rejected by the old only",
    "spans added",
    "spans removed",
    "spans changed",
)


def compare_histories(old: History, new: History, renamed: Mapping[str, str]) -> list[Difference]:
    """How the runs of a workflow differ; `renamed` gives new paths of states by old ones. Empty where nothing does."""
    old_runs = {run.header.run: run for run in old.runs}
    new_runs = {run.header.run: run for run in new.runs}
    found = [
        _compare(old.subject, number, old_runs.get(number), new_runs.get(number), renamed)
        for number in sorted(old_runs.keys() | new_runs.keys())
    ]
    return [difference for difference in found if difference.kinds]


def _compare(workflow: str, number: int, old: Run | None, new: Run | None, renamed: Mapping[str, str]) -> Difference:
    rejected_old, rejected_new = _rejected(old), _rejected(new)
    old_spans = {(new_path(renamed, path), visit): span for (path, visit), span in _spans(old).items()}
    new_spans = _spans(new)
    changed = [
        SpanChange(*key, changes)
        for key in old_spans.keys() & new_spans.keys()
        if (changes := _changes(old_spans[key], new_spans[key], renamed))
    ]
    return Difference(
        workflow,
        number,
        (_outcome(old), _outcome(new)),
        (_duration(old), _duration(new)),
        ([new_path(renamed, path) for path in _entered(old)], _entered(new)),
        [(key[1], *told) for key, told in rejected_new.items() if key not in rejected_old],
        [(key[1], *told) for key, told in rejected_old.items() if key not in rejected_new],
        sorted(_name(*key) for key in new_spans.keys() - old_spans.keys()),
        sorted(_name(*key) for key in old_spans.keys() - new_spans.keys()),
        sorted(changed, key=lambda change: (change.path, change.visit)),
    )


def _outcome(run: Run | None) -> str | None:
    return None if run is None else next((record.outcome for record in run.records if record.outcome), None)


def _duration(run: Run | None) -> int | None:
    if run is None or not run.ended:
        return None
    ended = next(record for record in run.records if record.outcome)
    return ended.event.time_ns - run.records[0].event.time_ns


def _entered(run: Run | None) -> list[str]:
    records = run.records if run is not None else []
    return [step[1:] for record in records for step in record.steps if step[0] != "-"]


def _rejected(run: Run | None) -> dict[tuple[str, str], tuple[str, str]]:
    """Type and reason of rejected events, by source and id."""
    return {
        (record.event.source, record.event.id): (record.event.type, record.reason or "")
        for record in (run.records if run is not None else [])
        if record.result == "rejected"
    }


def _spans(run: Run | None) -> dict[tuple[str, int], PlannedSpan]:
    if run is None:
        return {}
    return {(span.path, span.visit): span for span in plan(_NAMESPACE, run.workflow_id, run.header, run.records).spans}


def _changes(old: PlannedSpan, new: PlannedSpan, renamed: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
    was, now = _facts(old, renamed), _facts(new, {})
    return {
        name: (was.get(name), now.get(name))
        for name in [*was, *(name for name in now if name not in was)]
        if was.get(name) != now.get(name)
    }


def _facts(span: PlannedSpan, renamed: Mapping[str, str]) -> dict[str, Any]:
    attributes = {name: value for name, value in span.attributes.items() if name not in _NOT_COMPARED}
    return {
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "status": span.status,
        "message": _retell(span.message, renamed),
        **attributes,
        "events": [
            [
                _retell(event.name, renamed),
                {name: _retell(text, renamed) for name, text in (event.attributes or {}).items()},
            ]
            for event in span.events
        ],
        "links": [link.span_id for link in span.links],
    }


def _retell(text: str | None, renamed: Mapping[str, str]) -> str | None:
    """A sentence with the names that states have now."""
    for old, new in renamed.items():
        text = text and re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, text)
    return text


def _name(path: str, visit: int) -> str:
    return f"{path or '(workflow)'}{f' #{visit}' if visit > 1 else ''}"


def changed_facts(changes: Sequence[SpanChange]) -> list[str]:
    """Which facts of spans differ, each once."""
    return list(dict.fromkeys(name for change in changes for name in change.changes))
