"""The spans that a backend has to have for a run, as plain dictionaries."""

import math
import re
from hashlib import blake2b
from typing import Any

from tests.oracle.fold import Fold
from tests.oracle.runs import Applied, Run, attribute

ExpectedSpan = dict[str, Any]
EVENT_LIMIT = 128

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


def expected_spans(fold: Fold, namespace: str, *, unsent: bool = False) -> list[ExpectedSpan]:
    """The closed spans of runs that have ended or are progressive; with `unsent` also those that wait for their end."""
    return [
        span
        for workflow_id, workflow in fold.workflows.items()
        for run in workflow.runs
        if unsent or run.ended or run.machine.export == "progressive"
        for span in Telling(namespace, workflow_id, run).spans
    ]


def trace_hex(namespace: str, machine: str, workflow_id: str, run: int) -> str:
    """A run's own trace id."""
    return _digest(f"{namespace}\n{machine}\n{workflow_id}\n{run}", 16)


def span_hex(trace: str, path: str, visit: int) -> str:
    """The id of a state visit's span; the workflow span has path "" and visit 0."""
    return _digest(f"{trace}\n{path}\n{visit}", 8)


def _digest(text: str, size: int) -> str:
    digest = blake2b(text.encode(), digest_size=size)
    while not any(digest.digest()):
        digest = blake2b(digest.digest(), digest_size=size)
    return digest.hexdigest()


class Telling:
    """One run told as spans; `spans` are the closed ones in order of closing."""

    def __init__(self, namespace: str, workflow_id: str, run: Run) -> None:
        self.run = run
        self.own = trace_hex(namespace, run.machine.name, workflow_id, run.number)
        first = run.records[0].arrival
        caller = _TRACEPARENT.fullmatch(first.traceparent or "") if run.machine.trace == "continue" else None
        self.trace = caller[1] if caller else self.own
        self.tracestate = (first.tracestate or "") if caller else ""
        self.always = {
            "workflow.id": workflow_id,
            "workflow.machine": run.machine.name,
            "workflow.version": run.machine.version,
            "workflow.run": run.number,
        }
        self.known: dict[str, Any] = {}
        self.spans: list[ExpectedSpan] = []
        self.open: dict[str, ExpectedSpan] = {}
        self.visits: dict[str, int] = {}
        outer = self._join(namespace)
        self.workflow = self._begin(run.machine.name, "", 0, outer, first.time_ns)
        if caller and outer is None:
            self.workflow["parent_id"] = caller[2]
        if run.number > 1 and run.machine.trace == "own":
            former = trace_hex(namespace, run.machine.name, workflow_id, run.number - 1)
            self.workflow["links"].append((former, span_hex(former, "", 0), ""))
        for record in run.records:
            self._tell(record)

    def _join(self, namespace: str) -> ExpectedSpan | None:
        """The span of the parent that this run belongs to, where it has one: then its trace is the parent's."""
        place = self.run.place
        if place is None:
            return None
        parent = Telling(namespace, place.parent, place.run)
        self.trace, self.tracestate = parent.trace, parent.tracestate
        wanted = span_hex(parent.own, place.state, place.visit)
        return next(
            span for span in (parent.workflow, *parent.open.values(), *parent.spans) if span["span_id"] == wanted
        )

    def _tell(self, record: Applied) -> None:
        arrival, time = record.arrival, record.arrival.time_ns
        data = {} if record.rejected else arrival.data
        for name in self.run.machine.attributes:
            if data.get(name) is not None:
                self.known[name] = attribute(data[name])
        if arrival.parent and not record.rejected:
            self.workflow["attributes"].setdefault("workflow.parent", arrival.parent)
        if record is self.run.records[0] and self.run.machine.export == "progressive":
            self._started(time)
        said = data.get("error")
        finals = [step[1:] for step in record.steps if step[0] == "*"]
        final = ([path for path in finals if "." not in path] or finals[-1:] or [""])[0]
        message = said if isinstance(said, str) and said else f"{arrival.type} led to {final}"
        failing = bool(isinstance(said, str) and said) or record.outcome in ("error", "timeout")
        left = []
        for step in record.steps:
            sign, path = step[0], step[1:]
            enclosing = self.open.get(path.rpartition(".")[0], self.workflow)
            if sign == "+":
                self.visits[path] = self.visits.get(path, 0) + 1
                span = self._begin(path.rpartition(".")[2], path, self.visits[path], enclosing, time)
                link = _TRACEPARENT.fullmatch(arrival.traceparent or "")
                if link:
                    span["links"].append((link[1], link[2], arrival.tracestate or ""))
                self.open[path] = span
            elif sign == "*":
                _add_event(enclosing, (path.rpartition(".")[2], time, {}))
            else:
                span = self.open.pop(path)
                left.append(span)
                self._close(span, time, "error" if failing else "ok", message if failing else "")
                enclosing["last_child_ns"] = max(enclosing["last_child_ns"], span["end_ns"])
        for span in [self.workflow] if record.rejected else left or [self.workflow]:
            self._event(span, record)
        if record.outcome:
            self.workflow["attributes"]["workflow.outcome"] = record.outcome
            status = {"ok": "ok", "cancelled": "unset"}.get(record.outcome, "error")
            self._close(self.workflow, time, status, message if status == "error" else "")

    def _begin(self, name: str, path: str, visit: int, parent: ExpectedSpan | None, time: int) -> ExpectedSpan:
        start = max(time, parent["start_ns"]) if parent else time
        attributes = {**self.always, "workflow.state": path, "workflow.visit": visit} if path else dict(self.always)
        return {
            "trace_id": self.trace,
            "span_id": span_hex(self.own, path, visit),
            "parent_id": parent["span_id"] if parent else "",
            "name": name,
            "kind": 1,
            "tracestate": self.tracestate,
            "start_ns": start,
            "attributes": attributes,
            "events": [],
            "links": [],
            "dropped_events": 0,
            "last_child_ns": 0,
            "skew_ns": start - time,
        }

    def _close(self, span: ExpectedSpan, time: int, status: str, message: str) -> None:
        within = [
            child.end.arrival.time_ns
            for child in self.run.children
            if child.end and child.place and span["span_id"] == span_hex(self.own, child.place.state, child.place.visit)
        ]
        span["end_ns"] = max(time, span["start_ns"], span.pop("last_child_ns"), *within)
        skew = max(span.pop("skew_ns"), span["end_ns"] - time)
        if skew:
            span["attributes"]["workflow.clock_skew_ms"] = math.ceil(skew / 1_000_000)
        span["attributes"].update(self.known)
        span["status"], span["message"] = status, message
        self.spans.append(span)

    def _started(self, time: int) -> None:
        span = self._begin(f"{self.run.machine.name} started", "#started", 0, self.workflow, time)
        del span["attributes"]["workflow.state"], span["attributes"]["workflow.visit"]
        self._close(span, time, "unset", "")

    def _event(self, span: ExpectedSpan, record: Applied) -> None:
        result = "rejected" if record.rejected else "applied"
        attributes: dict[str, Any] = {"workflow.event.id": record.arrival.id, "workflow.event.result": result}
        if record.rejected:
            attributes["workflow.event.reason"] = record.reason
        _add_event(span, (record.arrival.type, record.arrival.time_ns, attributes))


def _add_event(span: ExpectedSpan, event: tuple[str, int, dict[str, Any]]) -> None:
    """The oldest events make room for the newest, as OpenTelemetry's SDK does it."""
    span["events"].append(event)
    if len(span["events"]) > EVENT_LIMIT:
        del span["events"][0]
        span["dropped_events"] += 1
