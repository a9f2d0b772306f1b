"""Flat cost of length: what an event costs a workflow that has had 100,000, and a parent that has 10,000 children."""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from machines.catalog import Catalog
from machines.changes import Limits
from machines.entries import parse_entry
from machines.run import Interpreters
from machines.snapshot import decode_snapshot, encode_snapshot
from machines.workflow import Workflow
from streams.indexed import index
from tests.bench.long_runs import (
    GROWTH,
    KINDS,
    PARENT,
    PROGRESSIVE,
    WHOLE,
    Template,
    Yard,
    make_entry,
    make_message_to,
    write_documents,
)

EVENTS = (10, 1_000, 10_000, 100_000)
CHILDREN = (10, 1_000, 10_000)
COPIES = 20  # workflows that have an event each at a time
STEPS = 16
FIRST = 2  # events that bring a workflow into memory
LONG = 16  # events after which it has been there for some time
BEYOND = 300  # a run is sent in parts, one at each 2,000th event: what is measured lies between two
_POSITION = "1795363200000-0"
_NOW_MS = 1_795_363_200_000
_NAMES = {
    WHOLE: "a workflow's {:,}th event",
    PROGRESSIVE: "the {:,}th with `export: progressive`",
    PARENT: "a child of a parent with {:,}",
}


class Point(msgspec.Struct):
    """Processor time of an event (us), one figure for each round: of the fold alone, and of worker, exporter and Redis
    with the workflow in memory (`warm`) and read anew for each event (`cold`)."""

    kind: str
    length: int
    fold: list[float] = []
    warm: list[dict[str, float]] = []
    cold: list[dict[str, float]] = []


def measure(url: str, longest: int, rounds: int, tell: Callable[[str], None]) -> list[Point]:
    """A point for each kind and length up to `longest` events. The server is filled under prefixes of the bench."""
    with tempfile.TemporaryDirectory(prefix="longspan-bench-") as folder:
        catalog = write_documents(Path(folder))
    yards = {mode: Yard(url, mode, catalog, cache) for mode, cache in (("warm", 20_000), ("cold", 0))}
    growing = Yard(url, "growing", catalog, 20_000)
    templates = [template for kind in KINDS for template in _grow(growing, kind, longest, tell)]
    for yard in yards.values():
        for template in templates:
            for subject in _copies(template):
                yard.plant(subject, template)
    points = {template: Point(template.kind, template.length) for template in templates}
    for number in range(rounds):
        order = random.Random(number).sample(templates, len(templates))
        for template in order:
            points[template].fold.append(_fold(growing, catalog, template))
        for mode, yard in yards.items():
            for template, used in _round(yard, order).items():
                getattr(points[template], mode).append(used)
        tell(f"round {number + 1} of {rounds}")
    for yard in (growing, *yards.values()):
        yard.close()
    return list(points.values())


def table(points: Sequence[Point]) -> str:
    """Markdown: medians in us, and in brackets the medians of the ratios to the first of each kind."""
    lines = [
        "| processor time, us (to the first) | fold | worker | exporter | Redis | all, warm | all, cold |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    first: dict[str, Point] = {}
    for point in points:
        base = first.setdefault(point.kind, point)
        cells = [_cell(point.fold, base.fold, "{:.1f}")]
        cells += [
            _cell([used[name] for used in point.warm], [used[name] for used in base.warm], "{:.0f}")
            for name in ("worker", "exporter", "Redis")
        ]
        for mode in ("warm", "cold"):
            ours, theirs = ([sum(used.values()) for used in getattr(one, mode)] for one in (point, base))
            cells.append(_cell(ours, theirs, "{:.0f}"))
        lines.append(f"| {_NAMES[point.kind].format(point.length)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(ours: Sequence[float], theirs: Sequence[float], shape: str) -> str:
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    return f"{shape.format(statistics.median(ours))} ({ratio:.2f})"


def _copies(template: Template) -> list[str]:
    return [f"{template.name}-{number}" for number in range(COPIES)]


def _grow(yard: Yard, kind: str, longest: int, tell: Callable[[str], None]) -> list[Template]:
    """Let one workflow have more and more events, and keep what it is like on the way."""
    templates, had = [], 0
    yard.begin()
    if kind == PARENT:
        yard.start(PARENT)
    for length in CHILDREN if kind == PARENT else EVENTS:
        if length > longest:
            break
        target = 2 * length - 10 if kind == PARENT else (3 if length == EVENTS[0] else length + BEYOND + 1)
        begin = time.monotonic()
        while had < target:
            numbers = range(had, min(had + GROWTH, target))
            yard.send(kind, [(kind, number) for number in numbers])
            yard.work({})
            had += len(numbers)
        templates.append(Template(kind, length, had))
        yard.keep(kind, templates[-1])
        tell(f"{templates[-1].name}: {had:,} events, {time.monotonic() - begin:.1f} s")
    return templates


def _round(yard: Yard, templates: Sequence[Template]) -> dict[Template, dict[str, float]]:
    for template in templates:
        for subject in _copies(template):
            yard.reset(subject, template)
    yard.begin()
    took = {}
    for template in templates:
        used: dict[str, float] = {}
        for step in range(FIRST + STEPS):
            yard.send(template.kind, [(subject, template.events + step) for subject in _copies(template)])
            yard.work(used if step >= FIRST else {})
        took[template] = {name: seconds / (STEPS * COPIES) * 1e6 for name, seconds in used.items()}
    return took


def _fold(yard: Yard, catalog: Catalog, template: Template) -> float:
    """Of workflows in memory alone: applied, indexed, and encoded as a commit has it."""
    interpreters, limits = Interpreters(catalog), Limits(part_spans=10**9, part_bytes=10**12)
    stored = yard.client.call("GET", template.key("workflow"))
    pages = yard.client.call("LRANGE", template.key("seen"), 0, -1)
    workflows = [Workflow("w", decode_snapshot(stored), (), pages) for _ in range(COPIES)]
    # Not all at the same place: what comes round only now and then, as a page that begins, is to count with its share.
    before = [LONG + STEPS * number if pages else FIRST for number in range(COPIES)]
    numbers = range(template.events, template.events + before[-1] + STEPS)
    if template.kind == PARENT:
        events = [make_message_to("w", number) for number in numbers]
    else:
        events = [parse_entry(make_entry(template.kind, "w", number), _POSITION) for number in numbers]
    for workflow, count in zip(workflows, before, strict=True):
        for event in events[:count]:
            workflow.receive(interpreters, limits, event, _NOW_MS)
            workflow.take()
    begin = time.process_time()
    for step in range(STEPS):
        for workflow, count in zip(workflows, before, strict=True):
            index(workflow, limits)
            workflow.receive(interpreters, limits, events[count + step], _NOW_MS)
            workflow.take()
            index(workflow, limits)
            encode_snapshot(workflow.snapshot)
    return (time.process_time() - begin) / (STEPS * COPIES) * 1e6
