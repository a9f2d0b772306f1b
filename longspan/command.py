"""The `longspan` command. A verb is imported when it is called, so that `longspan --help` answers at once."""

import importlib
import sys
from dataclasses import dataclass
from typing import Any

import click

from longspan.failure import explain


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb lives, as `module:function`, and its line in the list of verbs."""

    place: str
    summary: str


VERBS = {
    "demo": Verb("longspan.demo:demo", "Watch simulated workflows become traces; needs nothing else."),
    "worker": Verb("longspan.worker:worker", "Fold events into states and export finished traces."),
    "api": Verb("longspan.api:api", "Serve the status API and the live page."),
    "poll": Verb("longspan.poll:poll", "Ask systems that cannot push, and send what changed."),
    "emit": Verb("longspan.emit:emit", "Send events: one by arguments, or JSON lines."),
    "status": Verb("longspan.status:status", "Show workflows, or one with its events."),
    "machines": Verb("longspan.listing:machines", "List, check and draw machines."),
    "webhooks": Verb("longspan.webhooks:webhooks", "List webhooks, and try one on a payload."),
    "deadletters": Verb(
        "longspan.deadletters:deadletters", "List, show, redrive and drop events that were not applied."
    ),
    "rebuild": Verb("longspan.rebuild:rebuild", "Send traces again from journals; find what was lost."),
    "record": Verb("longspan.record:record", "Write events of workflows to a file."),
    "replay": Verb("longspan.replay:replay", "Fold recorded events: traces, and what would change."),
    "simulate": Verb("longspan.simulate:simulate", "Simulate an external system with its API, or load."),
    "token": Verb("longspan.tokens:token", "Make, list and check tokens of the API."),
    "alive": Verb("longspan.alive:alive", "Ask the worker or API on this machine whether it is alive."),
    "doctor": Verb("longspan.doctor:doctor", "Check Redis, worker, endpoint, machines and clock."),
}


class Verbs(click.Group):
    """The group of all verbs; it turns known failures into one readable message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module, _, name = verb.place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            failure = explain(error)
            if failure is None:
                raise
            click.echo(f"longspan: {failure.message}", err=True)
            sys.exit(failure.exit_status)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="longspan", message="longspan %(version)s")
def main() -> None:
    """Longspan: one exact trace per long-running process, from the events that it leaves behind.

    Try `longspan demo` first. Then start a worker with machines of your own and send it events:

    \b
      longspan worker --machines ./machines
      longspan emit com.example.risk.submitted wf-42 --machine risk-calculation
      longspan status wf-42

    Settings are LONGSPAN_* variables (docs/settings.md). Where LONGSPAN_REDIS_URL is not set, an embedded server
    starts by itself. Exit status: 0 done, 1 failed, 2 wrong use or wrong settings.
    """
