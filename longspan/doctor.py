"""`longspan doctor`: is everything as it should be, and if not, what to do."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

import click

from api.findings import Finding
from longspan.endpoint import read_endpoint
from longspan.errors import FAILED
from longspan.failure import explain
from longspan.findings import examine_endpoint, examine_machines, examine_store
from longspan.polling.examination import examine_sources
from longspan.settings import Settings, read_settings
from longspan.store import open_store


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of {check, verdict, detail, remedy}.")
def doctor(as_json: bool) -> None:
    """Check Redis (version, noeviction, persistence), clock, work, deadlines, outbox, polling, endpoint and machines.

    \b
      longspan doctor
      longspan doctor --json | jq '.[] | select(.verdict != "ok")'

    Each line says ok, warn or fail, and what to do. Exit status 1 if anything failed.
    """
    settings = read_settings(os.environ)
    read_endpoint(os.environ)
    findings = []
    for finding in _examine(settings):
        findings.append(finding)
        if not as_json:
            click.echo(_tell(finding))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.verdict == "fail" for finding in findings):
        sys.exit(FAILED)


def _examine(settings: Settings) -> Iterator[Finding]:
    machines, catalog = examine_machines(settings)
    yield from _guarded("server", lambda: examine_store(open_store(settings), settings, catalog, _now_ms))
    yield from _guarded("endpoint", lambda: [examine_endpoint(settings, time.time)])
    yield machines
    if catalog is not None:
        yield examine_sources(settings, catalog)


def _guarded(check: str, examine: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """A check's findings; a failure that can be explained is one of them, so that the other checks still run."""
    try:
        yield from examine()
    except Exception as error:
        failure = explain(error)
        if failure is None:
            raise
        yield Finding(check, "fail", failure.message, "The checks that need it were left out.")


def _tell(finding: Finding) -> str:
    line = f"{finding.verdict:<5} {finding.check:<14} {finding.detail}"
    return f"{line}\n{'':<21}-> {finding.remedy}" if finding.remedy else line


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
