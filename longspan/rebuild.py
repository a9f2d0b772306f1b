"""`longspan rebuild`: send the traces of journals once more, check journals, and find what a backend has lost."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from longspan.endpoint import read_endpoint
from longspan.errors import FAILED, UseError
from longspan.parameters import Duration, Instant
from longspan.rebuild_source import Choice
from longspan.settings import read_settings

OUTCOMES = ("ok", "error", "timeout", "cancelled")


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option("--all", "every", is_flag=True, help="All workflows, instead of ids.")
@click.option("--run", type=click.IntRange(1), help="Of the ids only this run.")
@click.option("--machine", help="Only runs of this machine.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only runs that ended so.")
@click.option("--started-after", type=Instant(), metavar="TIME", help="Only runs that started then or later, RFC 3339.")
@click.option("--started-before", type=Instant(), metavar="TIME", help="Only runs that started before.")
@click.option(
    "--archive",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Journals from an archive (LONGSPAN_ARCHIVE), instead of those in Redis.",
)
@click.option("--rate", type=click.IntRange(1), metavar="SPANS", help="At most so many spans a second.")
@click.option(
    "--wait",
    "patience_ms",
    type=Duration(),
    default="1m",
    show_default=True,
    metavar="DURATION",
    help="How long to wait for an endpoint, or a Tempo, that is away.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Note in this file how far it has come, and go on from there.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be sent, and send nothing.")
@click.option("--check", is_flag=True, help="Compare snapshots with journals instead; sends nothing.")
@click.option("--machines", "sources", multiple=True, metavar="PATH", help="With --check: the machines to fold with.")
@click.option("--missing", is_flag=True, help="Send only the spans that a Tempo does not have.")
@click.option("--tempo", metavar="URL", help="With --missing: the Tempo to ask, such as http://tempo:3200.")
@click.option(
    "--settle",
    "settle_ms",
    type=Duration(),
    default="1m",
    show_default=True,
    metavar="DURATION",
    help="With --missing: what was delivered less than this ago is asked for again before it counts as lost.",
)
@click.option(
    "--kept",
    "kept_ms",
    type=Duration(),
    metavar="DURATION",
    help="With --missing: how long the Tempo keeps blocks. What is older is not lost, and not sent.",
)
@click.option(
    "--asking",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="With --missing: how many requests to the Tempo at a time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rebuild(
    ids: tuple[str, ...], every: bool, archive: Path | None, dry_run: bool, check: bool, missing: bool, **rest: Any
) -> None:
    """Plan the spans of runs again, from their journals, and send them to the OTLP endpoint.

    \b
      longspan rebuild wf-42
      longspan rebuild --all --dry-run
      longspan rebuild --all --started-after 2026-11-20T00:00:00Z --resume state.json --rate 5000
      longspan rebuild --all --check
      longspan rebuild --all --missing --tempo http://tempo:3200

    For a backend that was lost or replaced: the bytes are those that were sent before, so nothing of a trace changes.
    Only what was sent before is sent: of a run that goes on, what was exported of it so far, which is nothing for most.
    It works beside running workers. A backend counts a span that comes twice: --missing sends only what is not there.

    Exit status 1 where something was refused, could not be told, differs, or was not reached: the report says which.
    """
    chosen = {name: rest.pop(name) for name in ("run", "machine", "outcome")}
    choice = Choice(
        ids, **chosen, started_after_ns=rest.pop("started_after"), started_before_ns=rest.pop("started_before")
    )
    if bool(ids) == every:
        raise click.UsageError("say which: the ids of workflows, or --all (see --help)")
    if choice.run is not None and not ids:
        raise click.UsageError("--run goes with the ids of workflows")
    if missing != (rest["tempo"] is not None):
        raise click.UsageError("--missing and --tempo go together")
    if check and (missing or archive or dry_run or rest["resume"]):
        raise click.UsageError("--check goes with ids or --all and filters only")
    if missing and rest["resume"]:
        raise click.UsageError("--missing asks what is there anyway: leave out --resume")
    settings = read_settings(os.environ)
    if check:
        from longspan.rebuild_check import run_check

        is_clean = run_check(settings, choice, rest["sources"], rest["as_json"])
    else:
        if read_endpoint(os.environ).url is None and not dry_run:
            raise UseError("traces go nowhere: OTEL_TRACES_EXPORTER or OTEL_SDK_DISABLED has switched them off")
        from longspan.rebuild_export import run_export, run_missing

        is_clean = (run_missing if missing else run_export)(settings, choice, archive, dry_run, rest)
    if not is_clean:
        sys.exit(FAILED)
