"""`longspan replay`: recorded events folded anew, without Redis, without network and without waiting."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from longspan.errors import FAILED
from longspan.loading import load_machines
from longspan.memory import collect_seldom
from longspan.parameters import MACHINES
from longspan.progress import Progress
from longspan.replay_source import Source
from longspan.settings import Settings, read_settings

if TYPE_CHECKING:
    from longspan.received import ReceivedSpan
    from longspan.replaying import Replay
    from machines.folded import Run
    from spans.planned import PlannedSpan


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@MACHINES
@click.option("--json", "as_json", is_flag=True, help="Print spans in OTLP JSON, a line a run; with --diff the report.")
@click.option("--export", is_flag=True, help="Send the spans of runs that end to the endpoint of OTEL_* variables.")
@click.option("--until", metavar="EVENT", help="Stop behind the first event with this id or type.")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Send the events to the running system instead, N times as fast as they came.",
)
@click.option("--suffix", default="", metavar="TEXT", help="With --speed: put behind ids, to play a file once more.")
@click.option(
    "--diff", "pair", nargs=2, metavar="OLD NEW", help="Compare two sets of machines: exit status 1 where they differ."
)
@click.option("--keep-going", is_flag=True, help="Leave out lines that cannot be used, and go on behind them.")
def replay(
    files: Sequence[str],
    sources: Sequence[str],
    as_json: bool,
    export: bool,
    until: str | None,
    speed: float | None,
    suffix: str,
    pair: tuple[str, str] | None,
    keep_going: bool,
) -> None:
    """Fold recorded events with machines, and print the traces that they make.

    \b
      longspan replay yesterday.jsonl.gz --machines ./machines
      longspan replay yesterday.jsonl.gz --machines ./machines --until o-5501-3
      longspan replay --diff ./machines ./machines.new yesterday.jsonl.gz
      longspan replay yesterday.jsonl.gz --speed 60

    A file holds CloudEvents in JSON, one a line: what `longspan record` writes, or events alone; `-` is stdin.
    Deadlines fire in the time that the events tell. A run takes the version of its machine that it was recorded with,
    where that is given, else the latest; --diff compares with the latest of NEW. Only --speed needs Redis, and only
    --export a network.
    """
    chosen = [name for name, on in {"--export": export, "--speed": speed, "--diff": pair}.items() if on]
    if as_json and speed:
        chosen = ["--json", *chosen]
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(chosen)} do not go together")
    if pair and sources:
        raise click.UsageError("--diff names its machines itself: leave out --machines")
    if suffix and not speed:
        raise click.UsageError("--suffix goes with --speed")
    settings = read_settings(os.environ)
    source = Source(files, keep_going, until)
    if speed:
        from longspan.replay_live import play

        play(source, settings, speed, suffix)
    elif pair:
        from longspan.replay_diff import compare

        if compare(source, settings, pair, as_json):
            source.close()
            sys.exit(FAILED)
    else:
        from longspan.replaying import Replay

        replayed = Replay(source, load_machines(sources, settings))
        collect_seldom()
        if export:
            from longspan.replay_export import send

            if not send(replayed, source, settings, as_json):
                sys.exit(FAILED)
        else:
            _print(replayed, source, settings, as_json)
    source.close()


def _print(replayed: "Replay", source: Source, settings: Settings, as_json: bool) -> None:
    from longspan.waterfall import draw_waterfall
    from spans.otlp_json import resource_spans_json
    from spans.resource import describe_resource

    resource = describe_resource(settings.namespace)
    count = replayed.count
    with Progress(
        lambda seconds: f"{source.lines_read} events, {source.lines_read / seconds:.0f} a second"
    ) as progress:
        for run, spans in _traces(replayed, settings):
            count.spans += len(spans) if run.ended else sum("workflow.open" not in span.attributes for span in spans)
            progress.tell()
            if as_json:
                click.echo(json.dumps({"resourceSpans": [resource_spans_json(resource, spans, "otlp")]}))
                continue
            for line in draw_waterfall(_as_received(spans)):
                colour = {"ok": "green", "error": "red"}.get(line.tone)
                click.echo(click.style(line.text, fg=colour, bold=line.tone == "heading"))
            click.echo()
    for told in count.lines(source.lines_read):
        click.echo(told, err=as_json)


def _traces(replayed: "Replay", settings: Settings) -> "Iterator[tuple[Run, Sequence[PlannedSpan]]]":
    """Each run with its spans; those of a run that has not ended show where it is."""
    from opentelemetry.sdk.trace import SpanLimits

    from spans.limits import keep_within
    from spans.live import live_trace
    from spans.plan import plan

    limits = SpanLimits()
    for run in replayed.runs():
        if run.ended:
            spans = plan(settings.namespace, run.workflow_id, run.header, run.records).spans
            yield run, [keep_within(limits, span) for span in spans]
        else:
            now_ns = replayed.now_ns
            yield run, live_trace(settings.namespace, run.workflow_id, run.header, run.records, limits, now_ns).spans


def _as_received(spans: "Sequence[PlannedSpan]") -> "list[ReceivedSpan]":
    from longspan.received import decode_span
    from spans.otlp import encode_span

    return [decode_span(encode_span(span)) for span in spans]
