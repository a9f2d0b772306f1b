"""What `longspan deadletters` tells and does, as plain facts."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from longspan.errors import NotFoundError
from longspan.refusals import drop_refusals, get_refusal, list_refusals
from longspan.store import Store
from machines.instants import format_instant

if TYPE_CHECKING:
    from streams.deadletters import DeadLetter


def list_letters(store: Store, reason: str | None, limit: int | None) -> list[dict[str, Any]]:
    """The dead letters, oldest first."""
    return [_describe(letter) for letter in _choose(store, (), reason, limit)]


def show_letter(store: Store, letter_id: str) -> dict[str, Any]:
    """One dead letter. Raises DeadLetterError."""
    return _describe(_choose(store, (letter_id,), None, None)[0])


def redrive(store: Store, ids: Sequence[str], reason: str | None, seen: Callable[[int], None]) -> tuple[int, int]:
    """Send those with these ids, or with this reason, or all, again; how many were sent, and how many cannot be.

    `seen` is told how many more were looked at. Raises DeadLetterError.
    """
    from streams import deadletters

    if ids:
        return deadletters.redrive(store.client, store.keys, _choose(store, ids, None, None)), 0
    done = deadletters.redrive_all(store.client, store.keys, store.partitions or 0, reason, seen)
    return done.sent, done.kept


def drop(store: Store, ids: Sequence[str], reason: str | None, seen: Callable[[int], None]) -> int:
    """Delete those with these ids, or with this reason, or all but the parked; how many. Raises DeadLetterError."""
    from streams import deadletters

    if ids:
        return deadletters.drop(store.client, store.keys, _choose(store, ids, None, None))
    letters = deadletters.walk_dead_letters(store.client, store.keys, store.partitions or 0, reason, seen)
    return deadletters.drop(store.client, store.keys, letters)


def drop_parked(store: Store, machine: str) -> int:
    """Have the events dropped that are parked for this machine, in any version; how many."""
    from streams.parked import ask_to_discard, read_parked

    parked = read_parked(store.client, store.keys, range(store.partitions or 0))
    return ask_to_discard(store.client, store.keys, (one for one in parked if one.machine == machine))


def count_letters(store: Store) -> int:
    """How many dead letters there are, parked events not counted."""
    from streams.deadletters import count_dead_letters

    return count_dead_letters(store.client, store.keys, store.partitions or 0)


def redrive_workflow(store: Store, workflow_id: str, first: str | None, choose: Callable[[str], int]) -> dict[str, Any]:
    """Send the rejected events of a workflow's run to a version of its machine, from the one with the id `first` on.

    `choose` says to which version, given the machine's name. Raises NotFoundError, RedriveError.
    """
    from streams.rejected import find_rejected, redrive_events
    from streams.status import find_workflow

    view = find_workflow(store.client, store.keys, store.partitions, workflow_id) if store.partitions else None
    if view is None:
        raise NotFoundError("workflow", workflow_id, "longspan status lists them")
    events = find_rejected(store.client, store.keys, view, first)
    version = choose(view.snapshot.machine)
    redrive_events(store.client, store.keys, events, version)
    return {
        "redriven": len(events),
        "workflow": workflow_id,
        "machine": view.snapshot.machine,
        "version": version,
        "events": [event.id for event in events],
    }


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
    from api.letter_description import describe_letter

    told: dict[str, Any] = msgspec.to_builtins(describe_letter(letter))
    return told


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
