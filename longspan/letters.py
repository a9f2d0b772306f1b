"""What `longspan deadletters` tells and does, as plain facts."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from longspan.refusals import drop_refusals, get_refusal, list_refusals
from longspan.store import Store
from machines.events import read_data
from machines.instants import format_instant

if TYPE_CHECKING:
    from streams.deadletters import DeadLetter


def list_letters(store: Store, reason: str | None, limit: int | None) -> list[dict[str, Any]]:
    """The dead letters, oldest first."""
    return [_describe(letter) for letter in _choose(store, (), reason, limit)]


def show_letter(store: Store, letter_id: str) -> dict[str, Any]:
    """One dead letter. Raises DeadLetterError."""
    return _describe(_choose(store, (letter_id,), None, None)[0])


def redrive(store: Store, ids: Sequence[str], reason: str | None) -> int:
    """Send those with these ids, or with this reason, or all, again; how many. Raises DeadLetterError."""
    from streams import deadletters

    return deadletters.redrive(store.client, store.keys, _choose(store, ids, reason, None))


def drop(store: Store, ids: Sequence[str], reason: str | None) -> int:
    """Delete those with these ids, or with this reason, or all; how many. Raises DeadLetterError."""
    from streams import deadletters

    return deadletters.drop(store.client, store.keys, _choose(store, ids, reason, None))


def list_refused(store: Store, limit: int | None) -> list[dict[str, Any]]:
    """The refused spans, oldest first."""
    refusals = list_refusals(store.client, store.keys, store.partitions or 0, limit)
    return [_describe_refusal(refusal) for refusal in refusals]


def show_refused(store: Store, refusal_id: str) -> dict[str, Any]:
    """One refused span, decoded. Raises NotFoundError."""
    refusal = get_refusal(store.client, store.keys, store.partitions or 0, refusal_id)
    return {**_describe_refusal(refusal), "span": _decode_span(refusal["span"])}


def drop_refused(store: Store, ids: Sequence[str]) -> int:
    """Delete these refused spans, or all; how many. Raises NotFoundError."""
    partitions = store.partitions or 0
    chosen = ids or [refusal["id"] for refusal in list_refusals(store.client, store.keys, partitions)]
    return drop_refusals(store.client, store.keys, partitions, chosen)


def _choose(store: Store, ids: Sequence[str], reason: str | None, limit: int | None) -> "list[DeadLetter]":
    from streams.deadletters import get_dead_letter, list_dead_letters

    if ids:
        return [get_dead_letter(store.client, store.keys, letter_id) for letter_id in ids]
    return list_dead_letters(store.client, store.keys, store.partitions or 0, reason=reason, limit=limit)


def _describe(letter: "DeadLetter") -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": letter.id,
        "at": format_instant(letter.at_ms * 1_000_000),
        "reason": letter.reason,
        "field": letter.field,
        "detail": letter.detail,
        "position": letter.position,
        "parked": letter.parked,
    }
    event = letter.event
    if event is not None:
        told |= {
            "subject": event.subject,
            "type": event.type,
            "machine": event.machine,
            "event_id": event.id,
            "source": event.source,
            "time": format_instant(event.time_ns),
            "data": read_data(event) if event.data else None,
        }
    elif letter.entry is not None:
        told["entry"] = {_text(name): _text(value) for name, value in letter.entry.items()}
    return {name: value for name, value in told.items() if value is not None}


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


def _describe_refusal(refusal: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in refusal.items() if name not in ("at_ms", "span")}
    return {"id": told.pop("id"), "at": format_instant(refusal["at_ms"] * 1_000_000), **told}


def _decode_span(encoded: bytes) -> dict[str, Any] | None:
    """The refused span, None where a request was refused as a whole."""
    if not encoded:
        return None
    from longspan.received import decode_span

    told = asdict(decode_span(encoded))
    return {name: value for name, value in told.items() if name not in ("resource", "scope", "encoded")}
