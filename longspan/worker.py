"""`longspan worker`: it folds in this process; a child process routes and exports."""

import os
from collections.abc import Sequence

import click

from longspan.endpoint import read_endpoint
from longspan.errors import SettingsError
from longspan.loading import load_machines
from longspan.logs import log_to_stderr
from longspan.parameters import MACHINES
from longspan.settings import Settings, read_settings


@click.command()
@MACHINES
def worker(sources: Sequence[str]) -> None:
    """Fold events into states, and export the trace of each workflow that ends.

    \b
      longspan worker                          the shipped examples, an embedded server
      longspan worker --machines ./machines    machines of your own
      OTEL_EXPORTER_OTLP_ENDPOINT=http://tempo:4318 longspan worker

    It runs until SIGTERM or SIGINT (Ctrl-C): then it finishes the batch in hand, the exporter finishes the request in
    hand, and the exit status is 0. A second signal ends it at once. Whatever happens, no event is lost: the next
    worker goes on where this one stopped.
    """
    settings = _read_settings()
    log_to_stderr(settings.log_level, settings.log_format)
    catalog = load_machines(sources, settings)
    from longspan.composition import run

    run(settings, catalog)


def _read_settings() -> Settings:
    """Our settings, and OpenTelemetry's checked with them, so that one message has the problems of both."""
    problems: list[str] = []
    try:
        read_endpoint(os.environ)
    except SettingsError as error:
        problems.extend(error.problems)
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        raise SettingsError([*error.problems, *problems]) from None
    if problems:
        raise SettingsError(problems)
    return settings
