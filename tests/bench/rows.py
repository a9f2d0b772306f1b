"""The rows of the table that have one figure each, with its shape and its limit."""

from typing import NamedTuple

from tests.bench.calm import RATE
from tests.bench.footprint import EVENT_BYTES
from tests.bench.scale import WORKERS

PROCESSES = ("worker", "carrier", "Redis", "endpoint")
LEFT = "left:"  # begins the names of figures that count entries left in streams


class Row(NamedTuple):
    """A figure by its key; `shape` formats it, `limit` is text."""

    key: str
    name: str
    shape: str
    limit: str


def rows(pending: int, due: int) -> list[Row]:
    """All rows in their order, where `pending` deadlines were ahead and `due` ones due at once."""
    return [
        Row("latency_p50_ms", f"last event to workflow span accepted, {RATE} events/s, p50", "{:.1f} ms", "50 ms"),
        Row("latency_p99_ms", "the same, p99", "{:.1f} ms", "250 ms"),
        Row("visible_p50_ms", "`XADD` until the API shows it, at half of full load, p50", "{:.1f} ms", "5 ms"),
        Row("visible_p99_ms", "the same, p99", "{:.1f} ms", "30 ms"),
        Row("offered_share", "load that was offered meanwhile, of full load", "{:.2f}", ""),
        Row("start_seconds", "start to the first event processed", "{:.2f} s", "1.5 s"),
        Row("first_trace_seconds", "start to the first trace accepted", "{:.2f} s", ""),
        Row("idle_percent_of_a_core", "processor while idle", "{:.2f} % of a core", "1 %"),
        Row("resident_megabytes", "resident memory of all its processes", "{:.0f} MB", "120 MB"),
        Row("processes", "processes", "{:.0f}", ""),
        Row("beside_pending", f"events a second beside {pending:,} pending deadlines, to without", "{:.3f}", "0.97"),
        Row("due", f"{due:,} deadlines due at once: until all are applied", "{:.2f} s", "5 s"),
        Row("due_together", "the same, all in one partition", "{:.2f} s", "5 s"),
        Row(
            "bytes_per_workflow",
            f"Redis for an open workflow with 10 events of {EVENT_BYTES} bytes",
            "{:,.0f} bytes",
            "2,560",
        ),
        Row("load_events", "a long load: events", "{:,.0f}", ""),
        Row("resident_first", "the same: resident memory in its first tenth", "{:.0f} MB", ""),
        Row("resident_growth", "the same: in its last tenth, to the first", "{:.3f}", "1.05"),
        Row("scale_out", f"{WORKERS} workers to one, events in their partitions, by processor time", "{:.2f}", "1.8"),
        Row("scale_routed_too", "the same from the ingress stream, with the one router", "{:.2f}", ""),
        Row("scale_busiest", "the same, by the busiest of their processes", "{:.2f}", ""),
        Row("scale_wall", "the same, by the clock, on the cores of this machine", "{:.2f}", ""),
    ]
