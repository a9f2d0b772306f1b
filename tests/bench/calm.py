"""A worker that has little to do: how soon it has started, how late it is, what it uses while nothing comes."""

import statistics
import time
from typing import Any

from streams.keys import Keys
from tests.bench.measurement import Bench, wait_for_key
from tests.bench.processes import started
from tests.bench.scenario import EVENTS_PER_WORKFLOW, MACHINE, NAMESPACE, SPANS_PER_WORKFLOW, events, workflow
from tests.oracle.spans import span_hex, trace_hex

RATE = 100  # events a second


def measure(bench: Bench, prefix: str, seconds: float, idle_seconds: float) -> dict[str, float]:
    """Latency in ms at RATE events/s for `seconds`, then what the idle worker uses, and how soon it had started."""
    command, environment, stream = bench.longspan(prefix)
    bench.collector.clear()
    with bench.client() as client:
        bench.append(stream, workflow("first", 0, time.time_ns()))
        with started(command, environment, bench.logs / f"{prefix}.log") as group:
            folded = wait_for_key(client, Keys(prefix), "first", group) - group.begun
            traced = bench.collector.wait_for(SPANS_PER_WORKFLOW, group) - group.begun
            sent = _send_evenly(client, stream, round(seconds * RATE / EVENTS_PER_WORKFLOW))
            bench.collector.wait_for((len(sent) + 1) * SPANS_PER_WORKFLOW, group)
            accepted = {span: at for at, span, _ in bench.collector.spans()}
            time.sleep(1.0)  # what the last export left to tidy up is not idling
            used, at = group.cpu_seconds(), time.monotonic()
            time.sleep(idle_seconds)
            idle = (group.cpu_seconds() - used) / (time.monotonic() - at)
            resident, processes = group.resident_bytes(), group.count()
    latencies = [(accepted[_workflow_span(subject)] - at) * 1_000 for subject, at in sent.items()]
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "start_seconds": folded,
        "first_trace_seconds": traced,
        "latency_p50_ms": cuts[49],
        "latency_p99_ms": cuts[98],
        "idle_percent_of_a_core": idle * 100,
        "resident_megabytes": resident / 1_000_000,
        "processes": processes,
    }


def _workflow_span(subject: str) -> str:
    return span_hex(trace_hex(NAMESPACE, MACHINE, subject, 1), "", 0)


def _send_evenly(client: Any, stream: str, workflows: int) -> dict[str, float]:
    """Send RATE events a second; when the last event of each workflow had been sent (monotonic)."""
    last: dict[str, float] = {}
    begin = time.monotonic()
    for number, fields in enumerate(events(workflows, "calm", open_at_once=20)):
        time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
        last[fields["subject"]] = time.monotonic()
        client.execute_command("XADD", stream, "*", *(part for pair in fields.items() for part in pair))
    return last
