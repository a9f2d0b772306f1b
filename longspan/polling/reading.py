"""What an answer says: the events that it tells of, or why it says nothing. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from longspan.polling.asking import Fault, Reply
from machines.instants import format_instant
from machines.mapping import Mapping
from machines.mapping_rule import Draft

SKEW_NS = 60 * 10**9  # that a system's clock may be ahead of ours
MOST_EVENTS = 1_000  # of one answer: what a workflow surely remembers of the events it has had

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: events in the order of their times, and what was wrong, if anything.

    `unchanged` where the system itself says that nothing has changed since the last answer. `document` is what the
    answer held, where it `is_document`.
    """

    drafts: Sequence[Draft]
    trouble: Fault | None
    unchanged: bool = False
    document: object = None
    is_document: bool = False


def read_answer(
    answer: Reply | Fault, mapping: Mapping, context: dict[str, object], now_ns: int, most: int = MOST_EVENTS
) -> Reading:
    """What an answer says of what `context` is about, at `now_ns`: `most` events, or it is not believed."""
    if isinstance(answer, Fault):
        return Reading((), answer)
    if answer.status == 304:
        return Reading((), None, unchanged=True)
    if answer.status != 200:
        return Reading((), Fault(f"status-{answer.status}", _tell_status(answer), answer.retry_after_ms))
    try:
        document = _decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Reading((), Fault("no-json", f"the answer ({answer.media}) cannot be read as JSON: {error}"))
    reading = read_document(document, mapping, context, now_ns, most)
    return replace(reading, document=document, is_document=True)


def read_document(
    document: object, mapping: Mapping, context: dict[str, object], now_ns: int, most: int = MOST_EVENTS
) -> Reading:
    """What a document says. Events from the future wait, with all that come behind them, until their time has come."""
    drafts, faults = mapping.events(document, context)
    if len(drafts) > most:
        return Reading((), Fault("schema", f"the answer tells of {len(drafts)} events, more than {most}"))
    trouble = None
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        trouble = Fault("schema", f"{faults[0]}{more}")
    latest_ns = now_ns + SKEW_NS
    come = [draft for draft in drafts if draft.time_ns is None or draft.time_ns <= latest_ns]
    if len(come) < len(drafts):
        ahead = next(draft for draft in drafts if draft.time_ns is not None and draft.time_ns > latest_ns)
        assert ahead.time_ns is not None
        detail = f"{ahead.type} is said to be of {format_instant(ahead.time_ns)}, which has not come yet"
        trouble = trouble or Fault("future", detail)
        come = [draft for draft in come if draft.time_ns is not None]  # without a time they belong behind the others
    return Reading(come, trouble)


def _tell_status(reply: Reply) -> str:
    return f"the answer is {reply.status} ({reply.media}), not 200"
