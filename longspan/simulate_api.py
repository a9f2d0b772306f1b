"""`longspan simulate api`: the simulated risk system with its REST API, which can push as well."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING

import click

from longspan.logs import log_to_stderr
from longspan.settings import Settings, read_settings
from longspan.simulated_faults import FAULTS, Faults, read_faults

if TYPE_CHECKING:
    from longspan.simulated_system import Life, System

logger = logging.getLogger("longspan.simulate")

_PORT = 8090
_CONNECTIONS = 1_000
_PUSHED_AGAIN_NS = 600 * 10**9  # what ended so long before a restart had been pushed
_FAULTS_HELP = "Let requests go wrong: NAME=SHARE of all requests, separated by commas; 0.1 where no share is given."


@click.command(
    epilog="\b\nFaults:\n" + "\n".join(f"  {name:<10} {meaning}" for name, meaning in FAULTS.items()),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=_PORT, show_default=True, help="0: any free one.")
@click.option(
    "--speed",
    type=click.FloatRange(0.01, 1_000_000),
    default=60,
    show_default=True,
    help="Simulated time per real time.",
)
@click.option("--seed", type=int, default=227, show_default=True, help="The same seed and id give the same history.")
@click.option(
    "--keep-durations",
    is_flag=True,
    help="Tell durations as long as at speed 1: the times lie in the past, and the end of a workflow is now.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of what was started and when: the next start goes on with it.",
)
@click.option(
    "--push", "target", metavar="URL|redis", help="Also send events: to the API at a URL, or to Redis itself."
)
@click.option(
    "--token-file", type=click.Path(dir_okay=False, path_type=Path), help="File with the API's token, for --push URL."
)
@click.option("--faults", "faults_text", default="", metavar="FAULTS", help=_FAULTS_HELP)
def api(
    host: str,
    port: int,
    speed: float,
    seed: int,
    keep_durations: bool,
    state: Path | None,
    target: str | None,
    token_file: Path | None,
    faults_text: str,
) -> None:
    """Run a risk system that is simulated: three stages a workflow, one workflow in ten fails.

    \b
      longspan simulate api --speed 60
      curl http://127.0.0.1:8090/workflows/wf-42      starts it, or tells how far it has come
      curl http://127.0.0.1:8090/workflows            all of them
      longspan simulate api --push http://127.0.0.1:8080
      longspan simulate api --faults 500=0.05,html,slow=0.2

    A workflow takes 8 to 21 minutes of simulated time: DataLoader 1 to 3, Processor 5 to 15, OutputGenerator 0.5 to 2,
    and some seconds before each. /openapi.json describes the API. It runs until SIGTERM or SIGINT (Ctrl-C).
    """
    if token_file is not None and target is None:
        raise click.UsageError("--token-file goes with --push URL")
    shares = read_faults(faults_text)
    settings = read_settings(os.environ)
    log_to_stderr(settings.log_level, settings.log_format)
    from longspan.api_server import listen
    from longspan.simulated_system import System

    system = System(seed, speed, keep_durations)
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(listen(host, port, "longspan simulate api"))
        stack.callback(system.close)
        if state is not None:
            system.keep_in(state)
            logger.info("%d workflows are taken up from %s", len(system.lives), state)
        _serve(system, Faults(shares, seed), listening, _pusher(stack, system, settings, target, token_file))


def _pusher(
    stack: contextlib.ExitStack, system: "System", settings: Settings, target: str | None, token_file: Path | None
) -> "Callable[[Life], object] | None":
    """What is to be done with a workflow that starts; those that were taken up are pushed on."""
    if target is None:
        return None
    from longspan.simulated_doors import open_door
    from longspan.simulated_push import Pusher

    pusher = stack.enter_context(Pusher(open_door(settings, target, token_file), time.time_ns))
    since_ns = time.time_ns() - _PUSHED_AGAIN_NS
    for life in system.lives.values():
        if life.seen_ns(life.history.length_seconds) > since_ns:
            pusher.add(life)
    return pusher.add


def _serve(system: "System", faults: Faults, listening: socket, started: "Callable[[Life], object] | None") -> None:
    from longspan.api_server import serve_until_signal, url_of
    from longspan.serving import ServerConfig
    from longspan.simulated_app import SimulatedApi

    simulated = SimulatedApi(system, faults, time.time_ns, started)
    config = ServerConfig(listening, _CONNECTIONS)
    asyncio.run(serve_until_signal(simulated.app, config, url_of(listening), lambda: None))
    spoilt = ", ".join(f"{count} {name}" for name, count in sorted(faults.happened.items())) or "none"
    logger.info("stopped: %d workflows, %d requests, faults: %s", len(system.lives), simulated.requests, spoilt)
