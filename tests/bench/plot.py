"""The plot of flat cost: an SVG that reads on light and on dark ground; the same points give the same bytes."""

from collections.abc import Sequence
from math import log10

from tests.bench.figures import percentile
from tests.bench.size import BASE, Point

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 56, 52
LIMIT = 1.2
HIGHEST = 1.4
_STYLE = """
  svg { background: #ffffff; font: 13px system-ui, sans-serif; fill: #1f2328; }
  .grid { stroke: #d1d9e0; } .limit { stroke: #cf222e; stroke-dasharray: 6 4; } .bad { fill: #cf222e; }
  .curve { fill: none; stroke-width: 2; } .warm { stroke: #bc4c00; } .cold { stroke: #0969da; }
  .warm-dot { fill: #bc4c00; } .cold-dot { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; fill: #e6edf3; }
    .grid { stroke: #3d444d; } .limit { stroke: #ff7b72; } .bad { fill: #ff7b72; }
    .warm { stroke: #f0883e; } .cold { stroke: #58a6ff; } .warm-dot { fill: #f0883e; } .cold-dot { fill: #58a6ff; }
  }
"""


def draw(points: Sequence[Point]) -> str:
    """Processor time for an event by how many workflows there are, open and ended together, to beside BASE."""
    totals = [BASE, *(point.open_workflows + point.ended for point in points)]
    curves = {
        "warm": [1.0, *(percentile(point.warm_cpu, 50) for point in points)],
        "cold": [1.0, *(percentile(point.cold_cpu, 50) for point in points)],
    }
    highest = max(HIGHEST, *(value * 1.05 for curve in curves.values() for value in curve))
    last_decade = log10(max(totals))

    def x(total: int) -> str:
        first = log10(BASE)
        return f"{LEFT + (log10(total) - first) / max(last_decade - first, 1e-9) * (WIDTH - LEFT - RIGHT):.1f}"

    def y(value: float) -> str:
        return f"{HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM):.1f}"

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>What an event costs beside many workflows, to beside {BASE:,}</title>",
        f"<style>{_STYLE}</style>",
        f'<text x="{LEFT}" y="24">Processor time for an event, to beside {BASE:,} open workflows</text>',
        *_legend(),
    ]
    for step in range(int(highest / 0.2) + 1):
        value = step * 0.2
        lines.append(f'<path class="grid" d="M{LEFT} {y(value)}H{WIDTH - RIGHT}"/>')
        lines.append(
            f'<text x="{LEFT - 8}" y="{y(value)}" text-anchor="end" dominant-baseline="middle">{value:.1f}</text>'
        )
    for decade in range(int(log10(BASE)), int(last_decade) + 1):
        lines.append(f'<path class="grid" d="M{x(10**decade)} {TOP}V{HEIGHT - BOTTOM}"/>')
        lines.append(f'<text x="{x(10**decade)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{10**decade:,}</text>')
    lines.append(f'<text x="{WIDTH // 2}" y="{HEIGHT - 10}" text-anchor="middle">{_below(points)}</text>')
    lines.append(f'<path class="limit" d="M{LEFT} {y(LIMIT)}H{WIDTH - RIGHT}"/>')
    lines.append(f'<text class="bad" x="{WIDTH - RIGHT}" y="{y(LIMIT + 0.03)}" text-anchor="end">limit {LIMIT}</text>')
    for name, curve in curves.items():
        places = [(x(total), y(value)) for total, value in zip(totals, curve, strict=True)]
        lines.append(f'<path class="curve {name}" d="M{"L".join(f"{at} {up}" for at, up in places)}"/>')
        lines += [f'<circle class="{name}-dot" cx="{at}" cy="{up}" r="4"/>' for at, up in places]
    return "\n".join([*lines, "</svg>", ""])


def _legend() -> list[str]:
    texts = {"warm": "workflows that the worker has in memory", "cold": "workflows that it has to load"}
    return [
        part
        for number, (name, text) in enumerate(texts.items())
        for part in (
            f'<circle class="{name}-dot" cx="{LEFT + 6 + number * 300}" cy="42" r="4"/>',
            f'<text x="{LEFT + 16 + number * 300}" y="46">{text}</text>',
        )
    ]


def _below(points: Sequence[Point]) -> str:
    ended = max((point.ended for point in points), default=0)
    most = max((point.open_workflows for point in points), default=BASE)
    return f"workflows: up to {most:,} open" + (f", then ended ones beside them, up to {ended:,}" if ended else "")
