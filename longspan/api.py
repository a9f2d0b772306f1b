"""`longspan api`: the status API and the live page as a process of their own."""

import os
from collections.abc import Sequence

import click

from longspan.loading import load_machines
from longspan.logs import log_to_stderr
from longspan.parameters import MACHINES
from longspan.settings import read_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True, help="0: any free one.")
@MACHINES
def api(host: str, port: int, sources: Sequence[str]) -> None:
    """Serve the status API and the live page.

    \b
      longspan api                             http://127.0.0.1:8080, an embedded server
      longspan api --machines ./machines --port 9000
      curl http://127.0.0.1:8080/workflows?status=running

    It shows what workers have done under the same LONGSPAN_REDIS_URL and LONGSPAN_PREFIX; it needs none to run, and
    any number of it may. It runs until SIGTERM or SIGINT (Ctrl-C), which lets requests finish; the exit status is 0.
    """
    settings = read_settings(os.environ)
    log_to_stderr(settings.log_level, settings.log_format)
    catalog = load_machines(sources, settings)
    from longspan.api_server import run

    run(settings, catalog, host, port)
