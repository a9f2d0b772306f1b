"""`longspan token`: make, list and check API tokens."""

import json
import os
import secrets
import sys
import time
from typing import Any

import click

from api.token_file import read_tokens
from api.token_lines import StoredToken, TokenLinesError, check_name, find_token
from api.tokens import ENTROPY_BYTES, hash_token, is_whole, make_token
from longspan.access_readers import TokenSource
from longspan.columns import align
from longspan.errors import FAILED, SettingsError, UseError
from longspan.settings import Settings, read_settings
from machines.durations import parse_duration
from machines.errors import DurationError
from machines.instants import LATEST_NS, format_instant

_LONGEST_LINE = 10_000
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def token() -> None:
    """Make, list and check the tokens that the API accepts.

    \b
      longspan token new ci --scope write --expires 90d
      longspan token list

    A token is shown once, when it is made; stored is a line with its hash, in the file that LONGSPAN_API_TOKENS names.
    docs/access.md has all ways to let somebody in.
    """


@token.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(["read", "write"]), help="May what.")
@click.option("--namespace", help="For the API of this namespace; * is any. Default: LONGSPAN_NAMESPACE.")
@click.option("--expires", metavar="DURATION", help="Accepted for so long, such as 90d. Default: for ever.")
@_JSON
def new(name: str, scopes: tuple[str, ...], namespace: str | None, expires: str | None, as_json: bool) -> None:
    """Make a token: it goes to stdout, and what to store of it to stderr.

    \b
      longspan token new grafana --scope read
      longspan token new ci --scope read --scope write --expires 90d > ci.token 2>> tokens
    """
    try:
        check_name(name)
    except ValueError as error:
        raise UseError(str(error)) from None
    if namespace is not None and not (namespace.isprintable() and 0 < len(namespace) <= 256):
        raise UseError("--namespace must be 1 to 256 printable characters")
    secret = make_token(secrets.token_bytes(ENTROPY_BYTES))
    where = read_settings(os.environ).namespace if namespace is None else namespace
    stored = StoredToken(
        name, frozenset(scopes), None if where == "*" else where, hash_token(secret), _expiry(expires, time.time_ns())
    )
    if as_json:
        return click.echo(json.dumps({"token": secret, "line": stored.line, **_describe(stored)}, indent=2))
    click.echo("# The token, on stdout, is shown this once. Store this line where LONGSPAN_API_TOKENS says:", err=True)
    click.echo(stored.line, err=True)
    return click.echo(secret)


@token.command("list")
@_JSON
def list_command(as_json: bool) -> None:
    """List the tokens of LONGSPAN_API_TOKENS; exit status 1 where the file is wrong."""
    tokens = _stored(read_settings(os.environ))
    now_ns = time.time_ns()
    if as_json:
        return click.echo(json.dumps([{**_describe(one), "expired": _ended(one, now_ns)} for one in tokens], indent=2))
    if not tokens:
        return click.echo("no tokens: `longspan token new` makes one")
    rows = []
    for one in tokens:
        facts = _describe(one)
        expiry = (facts["expires_at"] or "never") + (" (expired)" if _ended(one, now_ns) else "")
        rows.append((one.name, "+".join(facts["scopes"]), facts["namespace"], expiry, one.hash[7:19]))
    return click.echo(align(("NAME", "SCOPES", "NAMESPACE", "EXPIRES", "HASH"), rows))


@token.command()
@_JSON
def check(as_json: bool) -> None:
    """Say whose token it is that comes on stdin; exit status 1 where the API would not accept it."""
    secret = sys.stdin.readline(_LONGEST_LINE).strip()
    settings = read_settings(os.environ)
    stored, reason = None, "its checksum does not fit: it is cut off or mistyped"
    if is_whole(secret):
        stored, reason = find_token(_stored(settings), secret), "LONGSPAN_API_TOKENS does not have it"
    if stored and _ended(stored, time.time_ns()):
        reason = f"it has expired at {_describe(stored)['expires_at']}"
    elif stored and stored.namespace not in (None, settings.namespace):
        reason = f"it is for the namespace {stored.namespace!r}, and LONGSPAN_NAMESPACE is {settings.namespace!r}"
    elif stored:
        reason = ""
    facts: dict[str, Any] = _describe(stored) if stored else {}
    if as_json:
        click.echo(json.dumps({"accepted": not reason, **({"reason": reason} if reason else {}), **facts}, indent=2))
    elif reason:
        click.echo(f"not accepted: {reason}")
    else:
        click.echo(f"accepted: {facts['name']}, {' and '.join(facts['scopes'])}")
    if reason:
        sys.exit(FAILED)


def _stored(settings: Settings) -> tuple[StoredToken, ...]:
    source: TokenSource | None = settings.api_tokens
    if source is None or isinstance(source, tuple):
        return source or ()
    try:
        return read_tokens(source)
    except TokenLinesError as error:
        raise SettingsError([f"LONGSPAN_API_TOKENS: {source}: {problem}" for problem in error.problems]) from None


def _expiry(text: str | None, now_ns: int) -> int | None:
    if text is None:
        return None
    try:
        duration_ns = parse_duration(text)
    except DurationError:
        raise UseError("--expires must be a duration, such as 12h or 90d") from None
    if not 0 < duration_ns <= LATEST_NS - now_ns:
        raise UseError("--expires must be more than nothing, and end before the year 2262")
    return (now_ns + duration_ns) // 1_000_000_000 * 1_000_000_000


def _ended(stored: StoredToken, now_ns: int) -> bool:
    return stored.expires_ns is not None and stored.expires_ns <= now_ns


def _describe(stored: StoredToken) -> dict[str, Any]:
    return {
        "name": stored.name,
        "scopes": sorted(stored.scopes),
        "namespace": "*" if stored.namespace is None else stored.namespace,
        "expires_at": None if stored.expires_ns is None else format_instant(stored.expires_ns),
        "hash": stored.hash,
    }
