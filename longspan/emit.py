"""`longspan emit`: send events."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from longspan.emission import Refused, prepare, prepare_lines
from longspan.errors import FAILED, UseError
from longspan.settings import read_settings
from longspan.store import Store, open_store
from machines.entries import Prepared

_BATCH = 500
_CHUNK_BYTES = 1 << 20

# Options that become attributes of the event, by the name of the attribute.
_ATTRIBUTES = {
    "machine": "Name of the machine; may be left out where only one machine starts on the type, and on later events.",
    "data": "JSON object, at most 256 KiB; `error` in it explains a failure.",
    "id": "Names the event: the same source and id again change nothing. Default: a random UUID.",
    "source": "Who says it, such as /risk.",
    "time": "When it happened, RFC 3339. Default: now.",
    "sequence": "Number of the event within the workflow: later numbers wait for earlier ones.",
    "traceparent": "W3C trace context of the producer's span, which the span that the event opens links to.",
    "tracestate": "Goes with traceparent.",
    "parent": "Id of the workflow that this one is part of.",
}


def _attribute_options(command: Any) -> Any:
    for name, meaning in reversed(_ATTRIBUTES.items()):
        command = click.option(f"--{name}", help=meaning)(command)
    return command


@click.command()
@click.argument("words", nargs=-1, metavar="[TYPE ID | FILE | -]")
@_attribute_options
@click.option("--extension", "extensions", multiple=True, metavar="NAME=VALUE", help="Another attribute; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per event: position, id, subject.")
def emit(words: Sequence[str], extensions: Sequence[str], as_json: bool, **attributes: str | None) -> None:
    """Send events: one by its type and workflow id, or CloudEvents as JSON lines from a file or stdin.

    \b
      longspan emit com.example.risk.submitted wf-42 --machine risk-calculation --data '{"portfolio": "FX"}'
      longspan emit events.jsonl
      tail -f events.jsonl | longspan emit -

    Each event is checked before it is sent. A line that is no event is reported with its number and left out, and the
    exit status is 1; the same file may be sent again, since events with the same source and id change nothing.
    """
    given = {name: value for name, value in attributes.items() if value is not None}
    given |= dict(_split_extension(extension) for extension in extensions)
    sender = _Sender(as_json)
    if len(words) == 2:
        prepared = prepare({"type": words[0], "subject": words[1], **given})
        sender.send([prepared])
        return sender.finish()
    if len(words) > 2:
        raise UseError(f"emit takes a type and a workflow id, or one file: {len(words)} arguments are too many")
    if given:
        raise UseError(f"--{next(iter(given))} goes with a type and a workflow id: longspan emit TYPE ID [OPTIONS]")
    if not words and sys.stdin.isatty():
        raise UseError(
            "say what to send: a type and a workflow id, a file, or `-` for stdin (see longspan emit --help)"
        )
    for chunk in _read_lines(words[0] if words else "-"):
        sender.send(chunk)
    return sender.finish()


class _Sender:
    """Sends what is right, reports what is not, and counts both."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._settings = read_settings(os.environ)
        self._store: Store | None = None
        self._sent = 0
        self._refused = 0

    def send(self, answers: Sequence[Prepared | Refused]) -> None:
        good = [answer for answer in answers if isinstance(answer, Prepared)]
        for wrong in answers:
            if isinstance(wrong, Refused):
                self._refused += 1
                click.echo(f"line {wrong.line}: {wrong.reason}", err=True)
        for start in range(0, len(good), _BATCH):
            self._send(good[start : start + _BATCH])

    def finish(self) -> None:
        if self._refused:
            click.echo(f"{self._sent} sent, {self._refused} refused", err=True)
            sys.exit(FAILED)
        if not self._as_json:
            click.echo(f"{self._sent} sent")

    def _send(self, batch: list[Prepared]) -> None:
        if self._store is None:
            self._store = open_store(self._settings)
        from streams import ingress

        positions = ingress.emit(self._store.client, self._store.keys, (prepared.fields for prepared in batch))
        self._sent += len(batch)
        if self._as_json:
            for prepared, position in zip(batch, positions, strict=True):
                event = prepared.event
                click.echo(json.dumps({"position": position.decode(), "id": event.id, "subject": event.subject}))


def _read_lines(name: str) -> Iterator[list[Prepared | Refused]]:
    """What the lines hold, in groups: of stdin each time what is there, so that a slow producer need not wait."""
    try:
        file = sys.stdin.fileno() if name == "-" else os.open(Path(name), os.O_RDONLY)
    except OSError as error:
        raise UseError(f"{name} cannot be read: {error.strerror}") from None
    try:
        rest, number = b"", 1
        while chunk := _read(file, name):
            *lines, rest = (rest + chunk).split(b"\n")
            yield list(prepare_lines(lines, number))
            number += len(lines)
        yield list(prepare_lines([rest], number))
    finally:
        if name != "-":
            os.close(file)


def _read(file: int, name: str) -> bytes:
    try:
        return os.read(file, _CHUNK_BYTES)
    except OSError as error:
        raise UseError(f"{name} cannot be read: {error.strerror}") from None


def _split_extension(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise UseError(f"--extension {text}: write NAME=VALUE")
    return name, value
