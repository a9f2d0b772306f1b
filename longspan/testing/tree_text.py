"""Results as text that a person can review, and the difference of two of them, aligned line by line."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from longspan.testing.result import Result, RunResult, WorkflowResult
from longspan.testing.span import Span, SpanEvent

_IN_HEADING = ("id", "machine", "run", "version", "outcome")
_BESIDE_NAME = ("state", "visit", "open")
_HIDDEN = {f"workflow.{name}" for name in (*_IN_HEADING, *_BESIDE_NAME)}
_EVENT_HIDDEN = {f"workflow.event.{name}" for name in ("id", "result", "reason")}


def result_text(result: Result, *, ids: bool = False) -> str:
    """Every run's spans as a tree, with times, outcomes and what was not applied. With `ids`, those of traces, spans,
    links and events too."""
    blocks = [
        "\n".join(_tell_run(workflow, run, ids))
        for workflow in result.workflows.values()
        for run in workflow.runs or (None,)
    ]
    if result.dead:
        dead = [f"  {dead.event.type} of {dead.event.subject}: {dead.reason}, {dead.detail}" for dead in result.dead]
        blocks.append("\n".join(["dead letters", *dead]))
    return "\n\n".join(blocks) + "\n"


def _tell_run(workflow: WorkflowResult, run: RunResult | None, ids: bool) -> Iterator[str]:
    if run is None:
        yield f"{workflow.id}: {workflow.status}"
        return
    header = run.header
    yield f"{workflow.id} ({header.machine} version {header.version}, run {header.run}): {run.outcome or 'running'}"
    if not run.roots and workflow.states:
        yield f"  in {', '.join(workflow.states)}"
    for root in run.roots:
        if ids:
            yield f"  trace {root.trace_id}" + (f", parent {root.parent_id}" if root.parent_id else "")
        yield from _tell_span(root, "  ", header.version, ids)
    for record in run.late:
        yield f"  late: {record.type}" + (f" [{record.id}]" if ids else "")


def _tell_span(span: Span, indent: str, version: int, ids: bool) -> Iterator[str]:
    name = f"{span.name}#{span.visit}" if span.visit > 1 else span.name
    shown = f"{name} [{span.span_id}]" if ids else name
    times = f"{span.start}, open" if span.end is None else f"{span.start} to {span.end} ({span.duration})"
    status = f"{span.status}: {span.message}" if span.message else span.status
    yield f"{indent}{shown}  {times}  {'' if span.end is None else status}".rstrip()
    inner = indent + "    "
    attributes = {name: value for name, value in span.attributes.items() if name not in _HIDDEN}
    if span.attributes.get("workflow.version", version) != version:
        attributes["workflow.version"] = span.attributes["workflow.version"]
    if attributes:
        yield inner + _pairs(attributes)
    for event in span.events:
        yield inner + _tell_event(event, ids)
    for trace_id, span_id in span.links:
        yield f"{inner}~ link to {span_id} of {trace_id}"
    for child in span.children:
        yield from _tell_span(child, indent + "  ", version, ids)


def _tell_event(event: SpanEvent, ids: bool) -> str:
    told = event.attributes
    text = f"* {event.time} {event.name}"
    if ids and "workflow.event.id" in told:
        text += f" [{told['workflow.event.id']}]"
    if told.get("workflow.event.result") == "rejected":
        text += f"  rejected: {told.get('workflow.event.reason', '')}"
    rest = {name: value for name, value in told.items() if name not in _EVENT_HIDDEN}
    return f"{text}  {_pairs(rest)}" if rest else text


def _pairs(attributes: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_value(attributes[name])}" for name in sorted(attributes))


def _value(value: Any) -> str:
    return repr(value) if isinstance(value, str) and (not value or " " in value) else str(value)


def compare_results(expected: Result, found: Result) -> str:
    """The difference of two results; ids are told where nothing else differs."""
    ids = result_text(expected) == result_text(found)
    return "\n".join(differing_lines(result_text(expected, ids=ids), result_text(found, ids=ids)))


def differing_lines(expected: str, found: str) -> list[str]:
    """Both texts in one: `-` only expected, `+` only found. Of blocks (runs) without a difference only the first line.

    A line that changed stands right above what it changed to.
    """
    before, after = expected.splitlines(), found.splitlines()
    told: list[str] = []
    for kind, start, end, new_start, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            told += [f"  {line}" for line in before[start:end]]
            continue
        gone, new = before[start:end], after[new_start:new_end]
        for index in range(max(len(gone), len(new))):
            told += [f"- {line}" for line in gone[index : index + 1]]
            told += [f"+ {line}" for line in new[index : index + 1]]
    return _without_equal_blocks(told)


def _without_equal_blocks(lines: Sequence[str]) -> list[str]:
    kept: list[str] = []
    block: list[str] = []
    for line in [*lines, "  "]:
        if line.strip() or line[0] != " ":
            block.append(line)
            continue
        if block:
            same = all(line[0] == " " for line in block)
            more = f"    ({len(block) - 1} more lines, as expected)"
            kept += [block[0], more, ""] if same and len(block) > 3 else [*block, ""]
        block = []
    return kept[:-1]
