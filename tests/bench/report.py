"""The figures as tables, on the screen and in docs/performance.md between two markers."""

from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Figures, percentile
from tests.bench.rows import LEFT, PROCESSES, Row, rows
from tests.bench.size import BASE, Point


def table(figures: Figures, pending: int, due: int) -> str:
    """Markdown tables of what was measured, one below the other; what was not measured is left out.

    `pending` deadlines were ahead, and `due` ones due at once.
    """
    parts = (_throughput(figures), _costs(figures), _single(figures, rows(pending, due)), _left(figures))
    return "\n\n".join(part for part in parts if part)


def flatness(points: Sequence[Point]) -> str:
    """A Markdown table of what an event costs beside many workflows, to beside BASE."""
    lines = [
        "| beside | warm, clock | warm, processor | cold, clock | cold, processor | limit |",
        "|---|--:|--:|--:|--:|--:|",
        f"| {BASE:,} open workflows | 1 | 1 | 1 | 1 | |",
    ]
    for point in points:
        beside = f"{point.open_workflows:,} open" + (f" and {point.ended:,} ended" if point.ended else " workflows")
        ratios = (point.warm_wall, point.warm_cpu, point.cold_wall, point.cold_cpu)
        cells = " | ".join(f"{percentile(each, 50):.2f}" for each in ratios)
        lines.append(f"| {beside} | {cells} | 1.20 |")
    return "\n".join(lines)


def write(page: Path, name: str, text: str) -> None:
    """Put `text` between the markers of that name in a page. Raises ValueError where it has none."""
    opening, closing = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, begin, rest = page.read_text().partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {opening} and {closing}")
    page.write_text(f"{before}{opening}\n{text}\n{closing}{after}")


def _throughput(figures: Figures) -> str:
    if "ceiling" not in figures:
        return ""
    lines = [
        "| end to end, events a second | median | lowest to highest "
        "| to hand-written | limit | share of the ceiling | limit |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, key, ratio, limit, share, share_limit in (
        ("hand-written worker", "handwritten", "", "", "", ""),
        ("Longspan", "longspan", "to_handwritten", "6.0", "share", "0.35"),
        ("hand-written worker, guards", "handwritten_guarded", "", "", "", ""),
        ("Longspan, guards", "longspan_guarded", "to_handwritten_guarded", "2.0", "share_guarded", ""),
        ("ceiling: redis-py moving the same bytes", "ceiling", "", "", "", ""),
    ):
        rates = figures[key]
        cells = [name, f"{percentile(rates, 50):,.0f}", f"{min(rates):,.0f} to {max(rates):,.0f}"]
        cells += [f"{figures.median(ratio):.2f}" if ratio else "", limit]
        cells += [f"{figures.median(share):.2f}" if share else "", share_limit]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _costs(figures: Figures) -> str:
    if "ceiling" not in figures:
        return ""
    lines = [f"| processor time for an event, us | {' | '.join(PROCESSES)} | together |", "|---|" + "--:|" * 5]
    for name, end in (("Longspan", ""), ("Longspan, guards", "_guarded")):
        costs = [percentile(figures[f"cpu{end}:{process}"], 50) for process in PROCESSES]
        lines.append(f"| {name} | {' | '.join(f'{cost:.1f}' for cost in (*costs, sum(costs)))} |")
    sent, read, each = (figures.median(name) for name in ("bytes_sent", "bytes_read", "events_per_commit"))
    lines.append("")
    lines.append(
        f"One event: {read:,.0f} bytes read of its partition and {sent:,.0f} sent with its commit; "
        f"{each:.0f} events in a commit."
    )
    return "\n".join(lines)


def _single(figures: Figures, wanted: Sequence[Row]) -> str:
    measured = [row for row in wanted if figures.median(row.key) is not None]
    if not measured:
        return ""
    lines = ["| a worker of Longspan | measured | limit |", "|---|--:|--:|"]
    lines += [f"| {row.name} | {row.shape.format(figures.median(row.key))} | {row.limit} |" for row in measured]
    return "\n".join(lines)


def _left(figures: Figures) -> str:
    left = {name.removeprefix(LEFT): each[-1] for name, each in figures.items() if name.startswith(LEFT)}
    if not left:
        return ""
    told = ", ".join(f"{name} {length:,.0f}" for name, length in left.items())
    return f"Entries in streams at the end of that load, all partitions together: {told}."
