"""Whether what the endpoint got is what the oracle tells, and which doubles nobody can prevent."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.chaos.collector import Acceptance
from tests.chaos.stage import Disturbance

MARGIN_SECONDS = 0.5  # between the acceptance of a request and its acknowledgement, on a machine that is busy
# What keeps an exporter from acknowledging what was accepted until another may have taken its place.
KILLS = frozenset({"kill", "kill-exporter"})
HINDRANCES = frozenset({"suspend", "suspend-exporter", "cut", "stall", "restart-redis"})


@dataclass(frozen=True, slots=True)
class Excuses:
    """Ids of spans that may come again, and how often one of either kind, or of neither, did."""

    lost: frozenset[str]
    disturbed: frozenset[str]
    again: Counter[str]

    @property
    def ids(self) -> frozenset[str]:
        """All of them."""
        return self.lost | self.disturbed


def excuse(accepted: Sequence[Acceptance], disturbances: Iterable[Disturbance]) -> Excuses:
    """Spans that were taken although the sender was not told, or could not acknowledge them any more.

    An exporter has one request in hand: a disturbance excuses one of each exporter that it hit, and no more.
    """
    lost = {span_id for taken in accepted if not taken.told for span_id in taken.span_ids}
    repeated = _repeated(accepted)
    disturbed: set[str] = set()
    for disturbance in disturbances:
        if disturbance.kind not in KILLS | HINDRANCES:
            continue
        end_seconds = disturbance.begin_seconds if disturbance.kind in KILLS else disturbance.end_seconds
        hit: dict[str, Acceptance] = {}
        for taken in repeated:
            near = taken.at_seconds - disturbance.begin_seconds >= -MARGIN_SECONDS
            if near and taken.at_seconds <= end_seconds + MARGIN_SECONDS and disturbance.worker in ("", taken.sender):
                hit.setdefault(taken.sender, taken)
        disturbed.update(*(taken.span_ids for taken in hit.values()))
    seen: set[str] = set()
    again = Counter[str]()
    for span_id in (span_id for taken in accepted for span_id in taken.span_ids):
        if span_id in seen:
            again["lost" if span_id in lost else "disturbed" if span_id in disturbed else "neither"] += 1
        seen.add(span_id)
    return Excuses(frozenset(lost), frozenset(disturbed), again)


def timeline(accepted: Sequence[Acceptance], disturbances: Iterable[Disturbance]) -> str:
    """Requests and disturbances in order of time, for who looks for a cause; `again` where some spans came later."""
    repeated = set(map(id, _repeated(accepted)))
    moments = [
        (
            taken.at_seconds,
            f"{taken.sender} sent {len(taken.span_ids)} spans from {taken.span_ids[:1]}"
            f"{'' if taken.told else ', not told'}{', again' if id(taken) in repeated else ''}",
        )
        for taken in accepted
    ]
    for disturbance in disturbances:
        what = f"{disturbance.kind} {disturbance.worker}"
        moments += [(disturbance.begin_seconds, f"{what} begins"), (disturbance.end_seconds, f"{what} ends")]
    return "\n".join(f"{at_seconds:.3f} {what}" for at_seconds, what in sorted(moments))


def _repeated(accepted: Sequence[Acceptance]) -> list[Acceptance]:
    """The requests of which the sender was told, and of which spans came again later; in order."""
    later: set[str] = set()
    repeated: list[Acceptance] = []
    for taken in reversed(accepted):
        if taken.told and not later.isdisjoint(taken.span_ids):
            repeated.append(taken)
        later.update(taken.span_ids)
    return repeated[::-1]
