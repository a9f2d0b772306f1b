"""The figures as a table, on the screen and in docs/performance.md between two markers."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path


def table(
    figures: Mapping[str, Sequence[float]],
    calm: Mapping[str, Sequence[float]],
    late: Mapping[str, Sequence[float]],
    pending: int,
    due: int,
) -> str:
    """Markdown tables: events a second with spread and ratio, then the single figures beside their limits.

    `calm` is about a worker that has little to do, `late` about `pending` deadlines ahead and `due` ones at once.
    """
    plain = statistics.median(figures["handwritten"])
    lines = [
        "| end to end, events a second | median | lowest to highest | to hand-written |",
        "|---|--:|--:|--:|",
    ]
    names = {
        "handwritten": "hand-written worker",
        "longspan": "Longspan",
        "ceiling": "redis-py moving the same bytes (no logic, no export)",
    }
    for key, name in names.items():
        rates = figures[key]
        median = statistics.median(rates)
        lines.append(f"| {name} | {median:,.0f} | {min(rates):,.0f} to {max(rates):,.0f} | {median / plain:.2f} |")
    lines += ["", "| a worker of Longspan | measured | limit |", "|---|--:|--:|"]
    limits = {
        "latency_p50_ms": ("last event to workflow span accepted, 100 events/s, p50", "{:.1f} ms", "50 ms"),
        "latency_p99_ms": ("the same, p99", "{:.1f} ms", "250 ms"),
        "start_seconds": ("start to the first event processed", "{:.2f} s", "1.5 s"),
        "first_trace_seconds": ("start to the first trace accepted", "{:.2f} s", ""),
        "idle_percent_of_a_core": ("processor while idle", "{:.2f} % of a core", "1 %"),
        "resident_megabytes": ("resident memory of all its processes", "{:.0f} MB", "120 MB"),
        "processes": ("processes", "{:.0f}", ""),
        "beside_pending": (f"events a second beside {pending:,} pending deadlines, to without", "{:.3f}", "0.97"),
        "due": (f"{due:,} deadlines due at once: until all are applied", "{:.2f} s", "5 s"),
        "due_together": ("the same, all in one partition", "{:.2f} s", "5 s"),
    }
    for key, (name, shape, limit) in limits.items():
        lines.append(f"| {name} | {shape.format(statistics.median({**calm, **late}[key]))} | {limit} |")
    return "\n".join(lines)


def write(page: Path, name: str, text: str) -> None:
    """Put `text` between the markers of that name in a page. Raises ValueError where it has none."""
    opening, closing = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, begin, rest = page.read_text().partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {opening} and {closing}")
    page.write_text(f"{before}{opening}\n{text}\n{closing}{after}")
