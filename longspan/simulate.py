"""`longspan simulate`: an external system to try things on, and a generator of load."""

import click

from longspan.simulate_api import api
from longspan.simulate_load import load


@click.group()
def simulate() -> None:
    """Simulate an external system, or load.

    \b
      longspan simulate api --speed 60
      longspan simulate load --count 1000 --batch 50 --pause 1s

    docs/simulate.md shows them beside a worker and a poller.
    """


simulate.add_command(api)
simulate.add_command(load)
