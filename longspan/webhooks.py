"""`longspan webhooks`: list them, and try a mapping on a payload before anybody sends one."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longspan.columns import align
from longspan.errors import FAILED, UseError
from longspan.settings import read_settings

if TYPE_CHECKING:
    from machines.webhook import Webhook

_SOURCES = click.option(
    "--webhooks",
    "sources",
    multiple=True,
    metavar="DIR|FILE|@NAME",
    help="Where webhooks are read from; repeatable. Default: LONGSPAN_WEBHOOKS, or the shipped ones.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def webhooks() -> None:
    """List webhooks, and try one on a payload.

    \b
      longspan webhooks list
      longspan webhooks try github payload.json --header "X-GitHub-Event: workflow_run"
      longspan webhooks try deploys payload.json --webhooks ./deploys.webhook.yaml

    The API serves those of LONGSPAN_WEBHOOKS at POST /webhooks/NAME; docs/sources.md says how to write one.
    """


@webhooks.command("list")
@_SOURCES
@_JSON
def list_command(sources: Sequence[str], as_json: bool) -> None:
    """List webhooks: how their deliveries are checked, and what events they give."""
    found = [_describe(webhook) for webhook in _load(sources).values()]
    if as_json:
        return click.echo(json.dumps(found, indent=2))
    rows = [(fact["name"], fact["checked_by"], str(len(fact["types"])), fact["from"]) for fact in found]
    return click.echo(align(("NAME", "CHECKED BY", "RULES", "FROM"), rows))


@webhooks.command("try")
@click.argument("name")
@click.argument("payload", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header of the delivery; repeatable."
)
@_SOURCES
@_JSON
def try_command(name: str, payload: Path, headers: Sequence[str], sources: Sequence[str], as_json: bool) -> None:
    """Show the events that a webhook makes of a payload. Nothing is sent, and no signature is needed.

    The exit status is 1 where a rule could not read the payload.
    """
    from api.delivered import read_events
    from api.problems import Problem
    from longspan.errors import NotFoundError

    webhook = (known := _load(sources)).get(name)
    if webhook is None:
        raise NotFoundError("webhook", name, f"there are {', '.join(sorted(known))}")
    try:
        drafts, faults = read_events(webhook, [_header(text) for text in headers], payload.read_bytes())
    except Problem as problem:
        raise UseError(f"{payload}: {problem.detail}") from None
    if as_json:
        events = [{**draft.attributes, "data": _data(draft.attributes.get("data"))} for draft in drafts]
        told = [{"rule": fault.rule, "key": fault.key, "reason": fault.reason} for fault in faults]
        click.echo(json.dumps({"events": events, "faults": told}, indent=2))
    else:
        for draft in drafts:
            click.echo("\n".join(f"{key:11} {value}" for key, value in draft.attributes.items()) + "\n")
        for fault in faults:
            click.echo(f"fault: {fault}")
        if not drafts and not faults:
            click.echo("no rule is about this payload: it would be ignored")
    if faults:
        raise SystemExit(FAILED)


def _load(sources: Sequence[str]) -> "dict[str, Webhook]":
    from machines.webhook_files import load_webhooks, shipped_names

    named = sources or read_settings(os.environ).webhooks
    return load_webhooks(named or [f"@{name}" for name in shipped_names()])


def _header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UseError(f"--header {text!r} must be written 'NAME: VALUE'")
    return name.strip().lower().encode(), value.strip().encode()


def _data(text: str | None) -> Any:
    return json.loads(text) if text else None


def _describe(webhook: "Webhook") -> dict[str, Any]:
    signature = webhook.signature
    return {
        "name": webhook.name,
        "checked_by": f"the {'token' if signature.scheme == 'token' else 'signature'} in {signature.header}"
        if signature
        else "a token with the scope write",
        "types": [rule.texts["type"].text for rule in webhook.mapping.rules],
        "from": webhook.origin,
    }
