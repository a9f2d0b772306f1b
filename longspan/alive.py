"""`longspan alive`: whether a worker or an API on this machine is alive, or ready; for a container's health check."""

import http.client
import json
import os
import sys

import click

from longspan.errors import FAILED
from longspan.settings import read_settings

API_PORT = 8080
_SECONDS = 4.0  # a container's health check gives up after five
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what was listened on, told as what can be asked


@click.command()
@click.option("--ready", is_flag=True, help="Ask whether it is ready: /readyz instead of /livez.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Ask this port of 127.0.0.1, and no other.")
def alive(ready: bool, port: int | None) -> None:
    """Ask the worker or the API on this machine whether it is alive.

    \b
      longspan alive               where LONGSPAN_HEALTH says, or else port 8080 of 127.0.0.1
      longspan alive --ready --port 9000

    The exit status is 0 where it says yes, and 1 where it says no or nobody answers. It is what the image's health
    check runs.
    """
    path = "/readyz" if ready else "/livez"
    refusals = []
    for host, asked_port in [("127.0.0.1", port)] if port is not None else _places():
        try:
            status, body = _ask(host, asked_port, path)
        except OSError as error:
            refusals.append(f"{host}:{asked_port} does not answer: {error.strerror or error}")
            continue
        click.echo(_tell(body))
        sys.exit(0 if status == http.client.OK else FAILED)
    click.echo("\n".join(refusals), err=True)
    sys.exit(FAILED)


def _places() -> list[tuple[str, int]]:
    """Where a worker answers, if it does, and where an API does."""
    health = read_settings(os.environ).health
    places = [] if health is None or health[1] == 0 else [(_EVERY_ADDRESS.get(health[0], health[0]), health[1])]
    return [*places, ("127.0.0.1", API_PORT)]


def _ask(host: str, port: int, path: str) -> tuple[int, bytes]:
    """Status and body of the answer. Raises OSError where there is none."""
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"this is no HTTP: {error!r}") from None
    finally:
        connection.close()


def _tell(body: bytes) -> str:
    """What the answer says: of a readiness, the checks that are not as they should be."""
    try:
        checks = json.loads(body)["checks"]
    except (ValueError, TypeError, KeyError):
        return body.decode(errors="replace").strip()
    faults = [check for check in checks if check["verdict"] != "ok"]
    return "\n".join(f"{check['verdict']}  {check['check']}  {check['detail']}" for check in faults) or "ready"
