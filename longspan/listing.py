"""`longspan machines`: list, check and draw."""

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from longspan.columns import align
from longspan.errors import FAILED, NotFoundError
from longspan.loading import load_machines
from longspan.settings import read_settings

if TYPE_CHECKING:
    from machines.machine import Machine


@click.command()
@click.argument("sources", nargs=-1, metavar="[DIR|FILE|MODULE:CLASS]...")
@click.option(
    "--machines", "more", multiple=True, metavar="SOURCE", help="The same as a source, as other verbs have it."
)
@click.option("--validate", is_flag=True, help="Check only: exit status 1 and all problems, with file and line.")
@click.option("--draw", "drawn", metavar="NAME", help="Print a machine as a Mermaid state diagram.")
@click.option("--svg", is_flag=True, help="With --draw: as an SVG drawing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def machines(
    sources: Sequence[str], more: Sequence[str], validate: bool, drawn: str | None, svg: bool, as_json: bool
) -> None:
    """List machines; without a source those of LONGSPAN_MACHINES, or the shipped examples.

    \b
      longspan machines
      longspan machines ./machines --validate
      longspan machines --draw order
      longspan machines --draw order --svg > order.svg
    """
    if validate and drawn:
        raise click.UsageError("--validate and --draw do not go together")
    if svg and not drawn:
        raise click.UsageError("--svg goes with --draw NAME")
    sources = (*sources, *more)
    settings = read_settings(os.environ)
    if validate:
        return _validate(sources or settings.machines, as_json)
    catalog = load_machines(sources, settings)
    if drawn is not None:
        machine = catalog.latest(drawn)
        if machine is None:
            raise NotFoundError("machine", drawn, ", ".join(sorted({machine.name for machine in catalog})))
        form, diagram = ("svg", _draw_svg(machine)) if svg else ("mermaid", _draw_mermaid(machine))
        return click.echo(json.dumps({"machine": drawn, form: diagram}) if as_json else diagram.rstrip())
    if as_json:
        return click.echo(json.dumps([_describe(machine) for machine in catalog], indent=2))
    rows = [
        (machine.name, str(machine.version), str(len(machine.chart.paths)), _starts(machine), machine.origin)
        for machine in catalog
    ]
    return click.echo(align(("MACHINE", "VERSION", "STATES", "STARTS ON", "FROM"), rows))


def _draw_mermaid(machine: "Machine") -> str:
    from machines.diagram import draw_mermaid

    return draw_mermaid(machine)


def _draw_svg(machine: "Machine") -> str:
    from machines.drawing import draw_svg

    return draw_svg(machine)


def _validate(sources: Sequence[str], as_json: bool) -> None:
    from machines.problems import MachineDocumentError

    try:
        catalog = load_machines(sources, read_settings(os.environ))
    except MachineDocumentError as error:
        if as_json:
            problems = [
                {"origin": problem.origin, "line": problem.line, "reason": problem.reason} for problem in error.problems
            ]
            click.echo(json.dumps({"valid": False, "problems": problems}, indent=2))
        else:
            click.echo(str(error))
        raise SystemExit(FAILED) from None
    names = [f"{machine.name} {machine.version}" for machine in catalog]
    click.echo(json.dumps({"valid": True, "machines": names}) if as_json else f"valid: {', '.join(names)}")


def _starts(machine: "Machine") -> str:
    return ", ".join(machine.starts_on) or "any event that names it"


def _describe(machine: "Machine") -> dict[str, Any]:
    from api.machine_description import describe_machine

    told: dict[str, Any] = msgspec.to_builtins(describe_machine(machine))
    return told | {"from": machine.origin}
