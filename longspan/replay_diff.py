"""`longspan replay --diff`: what the new machines would have done otherwise, as a report."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from longspan.columns import align
from longspan.loading import load_machines
from longspan.progress import Progress
from longspan.replay_source import Source
from longspan.settings import Settings
from machines.catalog import Catalog
from machines.durations import format_duration
from machines.history import History, Machines
from machines.refolding import Refolding
from spans.difference import KINDS, Difference, changed_facts, compare_histories

_KEPT = 1_000  # workflows that have ended, with their records, for what comes late
_TOLD = 1_000  # differences in JSON
_SHOWN = 10  # in text
_WIDTH = 60  # of a cell; JSON has it whole
_NAMES = 6  # of spans or states in a line


def compare(source: Source, settings: Settings, pair: tuple[str, str], as_json: bool) -> bool:
    """Fold the source with both sets of machines, and tell; whether anything differs. Raises MachineDocumentError."""
    old, new = (load_machines([one], settings) for one in pair)
    workflows = differing = runs = 0
    kinds: Counter[str] = Counter()
    told: list[Difference] = []
    with Progress(lambda _: f"{workflows} workflows compared, {differing} differ") as progress:
        for before, after in _fold(source, old, new):
            progress.tell()
            workflows += 1
            differences = compare_histories(before, after, _renamed(before, after, new))
            differing += bool(differences)
            runs += len(differences)
            kinds.update(kind for difference in differences for kind in difference.kinds)
            told += differences[: _TOLD - len(told)]
    summary = {"workflows": workflows, "differ": differing, "runs_differ": runs}
    if as_json:
        facts = {**summary, "by": dict(kinds), "differences": msgspec.to_builtins(told), "more": runs - len(told)}
        click.echo(json.dumps(facts, indent=2))
        return runs > 0
    if not runs:
        click.echo(f"no difference in {workflows} workflows, {source.lines_read} events")
        return False
    click.echo(f"{differing} of {workflows} workflows differ, {source.lines_read} events\n")
    click.echo(align(("DIFFERS IN", "RUNS"), [(kind, str(kinds[kind])) for kind in KINDS if kinds[kind]]))
    for difference in told[:_SHOWN]:
        click.echo(f"\n{difference.workflow} run {difference.run}")
        rows = [(f"  {row[0]}", *map(_cut, row[1:])) for row in _rows(difference)]
        click.echo(align(("  ", "OLD", "NEW"), rows))
    if runs > _SHOWN:
        click.echo(f"\n... and {runs - _SHOWN} more; --json tells up to {_TOLD}")
    return True


def _fold(source: Source, old: Catalog, new: Catalog) -> Iterator[tuple[History, History]]:
    refolding = Refolding([Machines(old), Machines(new, as_recorded=False)], kept=_KEPT)
    for line in source.lines():
        refolding.feed(line)
        for before, after in refolding.let_go():
            yield before, after
    stopped = source.until is not None or source.halted
    for before, after in refolding.rest() if stopped else refolding.finish():
        yield before, after


def _renamed(before: History, after: History, new: Catalog) -> dict[str, str]:
    names = {run.header.machine for run in (*before.runs, *after.runs)}
    machines = (new.latest(name) for name in sorted(names))
    return {old: now for machine in machines if machine is not None for old, now in machine.renamed_states.items()}


def _rows(difference: Difference) -> Iterator[tuple[str, str, str]]:
    if "outcome" in difference.kinds:
        was, now = difference.outcome
        yield "outcome", was or "none", now or "none"
    if "duration" in difference.kinds:
        before, after = ("-" if it is None else format_duration(it) for it in difference.duration_ns)
        yield "duration", before, after
    if "states entered" in difference.kinds:
        yield from _states(*difference.states)
    for event, event_type, reason in difference.accepted[:_NAMES]:
        yield f"event {event}", f"rejected: {reason}", f"{event_type} is not"
    for event, event_type, reason in difference.rejected[:_NAMES]:
        yield f"event {event}", f"{event_type} is not", f"rejected: {reason}"
    if difference.spans_removed or difference.spans_added:
        yield "spans", _list(difference.spans_removed), _list(difference.spans_added)
    for change in difference.spans_changed[:_NAMES]:
        name = f"span {change.path or '(workflow)'}{f' #{change.visit}' if change.visit > 1 else ''}"
        yield name, *_sides(change.changes)
    if len(difference.spans_changed) > _NAMES:
        more = difference.spans_changed[_NAMES:]
        yield f"{len(more)} more spans", ", ".join(changed_facts(more)), ""


def _states(old: list[str], new: list[str]) -> Iterator[tuple[str, str, str]]:
    """The states behind the first that differs."""
    same = next((i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
    if same is None:
        same = min(len(old), len(new))
    behind = f"states after {same}" if same else "states"
    yield behind, _list(old[same:]), _list(new[same:])


def _sides(changes: dict[str, tuple[Any, Any]]) -> tuple[str, str]:
    """Both sides of what changed in a span, the time as an end that moved."""
    sides: tuple[list[str], list[str]] = ([], [])
    for name, values in changes.items():
        if name in ("events", "links"):
            counts = [len(value or ()) for value in values]
            texts = [f"{name} differ" if counts[0] == counts[1] else f"{count} {name}" for count in counts]
        elif name in ("start_ns", "end_ns"):
            moved = values[1] - values[0]
            texts = [name[:-3], f"{name[:-3]} {'+' if moved > 0 else ''}{format_duration(moved)}"]
        else:
            texts = [f"{name}={'-' if value is None else value}" for value in values]
        for side, text in zip(sides, texts, strict=True):
            side.append(text)
    return ", ".join(sides[0]), ", ".join(sides[1])


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDTH else cell[: _WIDTH - 3] + "..."


def _list(names: list[str]) -> str:
    more = f", and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return (", ".join(names[:_NAMES]) or "-") + more
