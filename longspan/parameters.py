"""Options, and kinds of arguments, that several verbs take."""

from typing import Any

import click


class Instant(click.ParamType[int]):
    """RFC 3339 text, as nanoseconds since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from machines.instants import parse_instant

        try:
            return parse_instant(value)
        except ValueError as error:
            return self.fail(f"{value!r} {error}", param, ctx)


class Duration(click.ParamType[int]):
    """A number and a unit, such as 500ms or 5m, as milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from machines.durations import parse_duration
        from machines.errors import DurationError

        try:
            return parse_duration(value) // 1_000_000
        except DurationError as error:
            return self.fail(str(error), param, ctx)


MACHINES = click.option(
    "--machines",
    "sources",
    multiple=True,
    metavar="DIR|FILE|MODULE:CLASS",
    help="Where machines are read from; repeatable. Default: LONGSPAN_MACHINES, or the shipped examples.",
)
