"""`longspan poll`: watch REST APIs, and turn what they say into events."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from longspan.loading import load_machines
from longspan.logs import log_to_stderr
from longspan.parameters import MACHINES
from longspan.settings import read_settings


@click.command()
@MACHINES
@click.option("--try", "workflow_id", metavar="ID", help="Ask once for this workflow, show what it says, send nothing.")
@click.option("--list", "collection", is_flag=True, help="As --try, of the collection that names the workflows.")
@click.option("--machine", help="With --try or --list: whose source, where several machines have one.")
@click.option(
    "--attr",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help="With --try: an attribute for the URL; repeatable.",
)
@click.option(
    "--answer",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --try or --list: read the answer from a file instead of asking.",
)
@click.option("--json", "as_json", is_flag=True, help="With --try or --list: print JSON.")
def poll(
    sources: Sequence[str],
    workflow_id: str | None,
    collection: bool,
    machine: str | None,
    attributes: tuple[str, ...],
    answer: Path | None,
    as_json: bool,
) -> None:
    """Ask the systems of machines with a `source` how their workflows are, and send what has changed as events.

    \b
      RISK_URL=https://risk.example LONGSPAN_SOURCE_VARIABLES=RISK_URL longspan poll --machines ./machines
      longspan poll --machines ./machines --try wf-42                      what would become of one answer
      longspan poll --machines ./machines --try wf-42 --answer saved.json  the same, of an answer in a file

    It runs until SIGTERM or SIGINT (Ctrl-C): then it finishes the requests in hand, and the exit status is 0. A second
    signal ends it at once. Any number of pollers share the work; whatever is asked twice changes nothing. What it may
    reach is said by LONGSPAN_SOURCE_HOSTS, LONGSPAN_SOURCE_VARIABLES and LONGSPAN_SOURCE_FILES.
    """
    trying = workflow_id is not None or collection
    if workflow_id is not None and collection:
        raise click.UsageError("--try and --list exclude each other")
    if not trying and (machine or attributes or answer or as_json):
        raise click.UsageError("--machine, --attr, --answer and --json go with --try or --list")
    settings = read_settings(os.environ)
    log_to_stderr(settings.log_level, settings.log_format)
    catalog = load_machines(sources, settings)
    if not trying:
        from longspan.polling.process import run

        return run(settings, catalog)
    from longspan.polling.trial import show, try_once

    known: dict[str, object] = dict(_read_attribute(text) for text in attributes)
    trial = try_once(settings, catalog, machine, workflow_id, known, answer)
    click.echo(json.dumps(trial.as_json(), indent=2) if as_json else show(trial))
    if trial.trouble is not None:
        raise SystemExit(1)
    return None


def _read_attribute(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--attr")
    return name, value
