"""A trace as text: its spans in order, indented, each with a bar over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from longspan.received import ReceivedSpan
from machines.durations import format_duration

Tone = Literal["heading", "ok", "error", "unset"]

_NAME_WIDTH = 30
_BAR_WIDTH = 46


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a waterfall; `tone` is the status of its span, for those who have colours."""

    text: str
    tone: Tone


def draw_waterfall(spans: Sequence[ReceivedSpan], bar: str = "━") -> list[Line]:
    """The lines of one trace that holds exactly one span without a parent in it, the workflow span."""
    ids = {span.span_id for span in spans}
    root = next(span for span in spans if span.parent_id not in ids)
    children: dict[str, list[ReceivedSpan]] = {}
    for span in spans:
        children.setdefault(span.parent_id, []).append(span)
    lines = [_head(root)]
    whole_ns = max(1, root.end_ns - root.start_ns)

    def draw(span: ReceivedSpan, depth: int) -> None:
        left = min(_BAR_WIDTH - 1, (span.start_ns - root.start_ns) * _BAR_WIDTH // whole_ns)
        width = min(_BAR_WIDTH - left, max(1, round((span.end_ns - span.start_ns) * _BAR_WIDTH / whole_ns)))
        name = f"{'  ' * depth}{span.name}"[:_NAME_WIDTH].ljust(_NAME_WIDTH)
        duration = format_duration(span.end_ns - span.start_ns)
        failed = f"  ERROR {span.message}" if span.status == "error" else ""
        drawn = f"{' ' * left}{bar * width}".ljust(_BAR_WIDTH)
        lines.append(Line(f"  {name} {drawn} {duration:>9}{failed}", span.status))
        for child in sorted(children.get(span.span_id, ()), key=lambda child: (child.start_ns, child.end_ns)):
            draw(child, depth + 1)

    draw(root, 0)
    return lines


def _head(root: ReceivedSpan) -> Line:
    known = root.attributes
    parts = (str(known.get("workflow.id")), str(known.get("workflow.outcome", "open")), f"trace {root.trace_id}")
    return Line("  ".join(parts), "heading")
