"""The worker that one writes by hand: consumer group, one chart object a workflow, spans by the SDK.

    python -m tests.bench.handwritten REDIS_URL STREAM MACHINE

It does what Longspan's worker does of it when all goes well, and nothing of what it does when it does not: state and
open spans live in memory, a span that the batch processor has taken is gone when the process ends.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, Status, StatusCode
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from statemachine import State, StateMachine

from machines.instants import parse_instant
from tests.bench.scenario import GUARDED, MOST_AMOUNT, STATES

GROUP = "handwritten"
BATCH = 500


def chart(machine: str) -> Any:
    """The scenario's chart as python-statemachine classes are written."""
    states = {name: State(initial=name == STATES[0]) for name in STATES} | {"done": State(final=True)}
    steps = list(zip(STATES, (*STATES[1:], "done"), strict=True))
    if machine != GUARDED:
        events = {f"go_{target}": states[source].to(states[target]) for source, target in steps}
        return type("Bench", (StateMachine,), {**states, **events})
    refused = State(final=True)
    events = {
        f"go_{target}": states[source].to(refused, cond="is_too_large")
        | states[source].to(states[target], cond="is_positive")
        for source, target in steps
    }
    guards = {"is_too_large": _is_too_large, "is_positive": _is_positive}
    return type("Guarded", (StateMachine,), {**states, "refused": refused, **events, **guards})


def _is_too_large(_chart: StateMachine, data: dict[str, Any]) -> bool:
    return bool(data["amount"] > MOST_AMOUNT)


def _is_positive(_chart: StateMachine, data: dict[str, Any]) -> bool:
    return bool(data["amount"] >= 0)


@dataclass(frozen=True)
class Kit:
    """What all workflows share: the chart's class, its name, and who makes spans."""

    chart: Any
    machine: str
    tracer: trace.Tracer


class Workflow:
    """One workflow in memory, with its open spans."""

    def __init__(self, kit: Kit, subject: str, portfolio: str, time_ns: int) -> None:
        self._tracer = kit.tracer
        self._attributes = {"workflow.id": subject, "workflow.machine": kit.machine, "portfolio": portfolio}
        self._root = kit.tracer.start_span(kit.machine, Context(), start_time=time_ns, attributes=self._attributes)
        self._context = trace.set_span_in_context(self._root)
        self._machine = kit.chart()
        self._span = self._enter(time_ns)

    def send(self, event: str, event_id: str, event_type: str, time_ns: int, data: Any) -> bool:
        """Apply one event; True when that ended the workflow."""
        self._machine.send(event, data=data)
        self._span.add_event(event_type, {"workflow.event.id": event_id}, time_ns)
        self._span.set_status(Status(StatusCode.OK))
        self._span.end(time_ns)
        if self._machine.current_state_value != "done":
            self._span = self._enter(time_ns)
            return False
        self._root.set_status(Status(StatusCode.OK))
        self._root.end(time_ns)
        return True

    def _enter(self, time_ns: int) -> Span:
        state = self._machine.current_state_value
        attributes = {**self._attributes, "workflow.state": state}
        return self._tracer.start_span(state, self._context, start_time=time_ns, attributes=attributes)


async def work(url: str, stream: str, machine: str) -> None:
    """Read, apply, acknowledge, for ever."""
    provider = TracerProvider(resource=Resource.create({"service.name": "handwritten"}))
    # The default queue of 2,048 drops spans at this speed; this one never fills.
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=1_000_000, schedule_delay_millis=100)
    )
    kit = Kit(chart(machine), machine, provider.get_tracer("handwritten"))
    workflows: dict[str, Workflow] = {}
    async with Redis.from_url(url, protocol=2) as client:
        try:
            await client.xgroup_create(stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        while True:
            answer: Any = await client.xreadgroup(GROUP, "one", {stream: ">"}, count=BATCH, block=1_000)
            for _, entries in answer or []:
                for _, fields in entries:
                    apply(kit, workflows, {name.decode(): value.decode() for name, value in fields.items()})
                await client.xack(stream, GROUP, *(entry_id for entry_id, _ in entries))


def apply(kit: Kit, workflows: dict[str, Workflow], fields: dict[str, str]) -> None:
    """Apply one event to its workflow."""
    subject, event_type, time_ns = fields["subject"], fields["type"], parse_instant(fields["time"])
    event = event_type.rpartition(".")[2]
    # Without guards nothing needs the data of an event but the first.
    data: Any = json.loads(fields["data"]) if event == "submitted" or kit.machine == GUARDED else None
    if event == "submitted":
        workflows[subject] = Workflow(kit, subject, data["portfolio"], time_ns)
    elif workflows[subject].send(f"go_{event}", fields["id"], event_type, time_ns, data):
        del workflows[subject]


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
