"""The worker that one writes by hand: consumer group, one chart object a workflow, spans by the SDK.

    python -m tests.bench.handwritten REDIS_URL STREAM

It does what Longspan's worker does of it when all goes well, and nothing of what it does when it does not: state and
open spans live in memory, a span that the batch processor has taken is gone when the process ends.
"""

import asyncio
import json
import sys
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
from tests.bench.scenario import MACHINE, STATES

GROUP = "handwritten"
BATCH = 500


def chart() -> type[StateMachine]:
    """The scenario's chart as python-statemachine classes are written."""
    states = {name: State(initial=name == STATES[0]) for name in STATES} | {"done": State(final=True)}
    onward = (*STATES[1:], "done")
    events = {f"go_{target}": states[source].to(states[target]) for source, target in zip(STATES, onward, strict=True)}
    return type("Bench", (StateMachine,), {**states, **events})


Chart: Any = chart()


class Workflow:
    """One workflow in memory, with its open spans."""

    def __init__(self, tracer: trace.Tracer, subject: str, portfolio: str, time_ns: int) -> None:
        self._tracer = tracer
        self._attributes = {"workflow.id": subject, "workflow.machine": MACHINE, "portfolio": portfolio}
        self._root = tracer.start_span(MACHINE, Context(), start_time=time_ns, attributes=self._attributes)
        self._context = trace.set_span_in_context(self._root)
        self._machine = Chart()
        self._span = self._enter(time_ns)

    def send(self, event: str, event_id: str, event_type: str, time_ns: int) -> bool:
        """Apply one event; True when that ended the workflow."""
        self._machine.send(event)
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


async def work(url: str, stream: str) -> None:
    """Read, apply, acknowledge, for ever."""
    provider = TracerProvider(resource=Resource.create({"service.name": "handwritten"}))
    # The default queue of 2,048 drops spans at this speed; this one never fills.
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=1_000_000, schedule_delay_millis=100)
    )
    tracer = provider.get_tracer("handwritten")
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
                    apply(tracer, workflows, {name.decode(): value.decode() for name, value in fields.items()})
                await client.xack(stream, GROUP, *(entry_id for entry_id, _ in entries))


def apply(tracer: trace.Tracer, workflows: dict[str, Workflow], fields: dict[str, str]) -> None:
    """Apply one event to its workflow."""
    subject, event_type, time_ns = fields["subject"], fields["type"], parse_instant(fields["time"])
    event = event_type.rpartition(".")[2]
    if event == "submitted":
        workflows[subject] = Workflow(tracer, subject, json.loads(fields["data"])["portfolio"], time_ns)
    elif workflows[subject].send(f"go_{event}", fields["id"], event_type, time_ns):
        del workflows[subject]


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
