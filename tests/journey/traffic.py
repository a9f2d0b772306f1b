"""What producers send: the events of many workflows, mixed, with all that goes wrong on the way."""

import json
import random
from collections.abc import Collection, Sequence
from typing import Any

from machines.instants import format_instant
from machines.machine import Machine
from tests.oracle.chart import LiveChart, NotTakenError

Fields = dict[str, str]
_SECOND_NS = 10**9
_STEPS = 30


def random_traffic(
    machines: Sequence[Machine],
    workflows: int,
    seed: int,
    since_ns: int,
    *,
    timeless: bool = True,
    untimed: Collection[str] = (),
) -> list[Fields]:
    """Entries for the ingress stream in order of arrival; event times begin shortly after `since_ns`.

    Every tenth entry comes twice. With `timeless`, some entries leave their time to the entry's own; all entries do
    that whose machine's name is in `untimed`.
    """
    choose = random.Random(seed)
    placed: list[tuple[float, Fields]] = []
    for number in range(workflows):
        machine = machines[number % len(machines)]
        without_time = 1.0 if machine.name in untimed else 0.03 if timeless else 0.0
        story = _Story(choose, machine, f"{machine.name}-{number}", since_ns, without_time)
        place = choose.random() * workflows
        for fields in story.told(choose.choice([x.name for x in machines])):
            place += choose.expovariate(1)
            placed.append((place, fields))
            if len(placed) % 10 == 0:
                placed.append((place + choose.random() * 3, fields))
    return [fields for _, fields in sorted(placed, key=lambda item: item[0])]


class _Story:
    """The events of one workflow, first as they happened, then as they arrive."""

    def __init__(
        self, choose: random.Random, machine: Machine, subject: str, since_ns: int, without_time: float
    ) -> None:
        self._choose = choose
        self._machine = machine
        self._subject = subject
        self._now_ns = since_ns + choose.randrange(60 * _SECOND_NS)
        self._without_time = without_time
        self._events: list[Fields] = []
        self._types: dict[str, list[str]] = {}
        for event_type, event in machine.events.items():
            self._types.setdefault(event, []).append(event_type)
        self._chart_events = sorted(event for event in machine.chart.events if not event.startswith("done."))

    def told(self, other: str) -> list[Fields]:
        """The story in order of arrival; `other` is a machine that some events name wrongly."""
        for _ in range(2 if self._chance(0.12) else 1):
            self._live()
            if self._chance(0.2):
                self._add(self._choose.choice(self._chart_events))
        arriving = self._events
        if self._chance(0.3):
            arriving = self._numbered(arriving)
        elif self._chance(0.2):
            arriving.insert(self._choose.randint(1, 2), arriving.pop(0))
        if self._chance(0.05):
            self._choose.choice(arriving[1:] or arriving)["machine"] = other
        return [self._structured(fields) if self._chance(0.05) else fields for fields in arriving]

    def _live(self) -> None:
        start = self._choose.choice(self._machine.starts_on)
        data = self._add(start, starting=True)
        chart = LiveChart(self._machine.chart.chart_class, data, {})
        for _ in range(_STEPS):
            if chart.ended:
                return
            wanted = chart.wanted(onward=self._chance(0.85)) or chart.wanted(onward=False)
            if not wanted or self._chance(0.08):
                wanted = self._chart_events
            event = self._choose.choice(wanted)
            data = self._add(event)
            try:
                chart.send(event, data, data)
            except NotTakenError:
                continue

    def _numbered(self, events: list[Fields]) -> list[Fields]:
        """Numbers, and then some disorder, also across the start of a second run."""
        numbered = [fields | {"sequence": str(number)} for number, fields in enumerate(events, 1)]
        near = [place + self._choose.random() * 3 for place in range(len(numbered))]
        places = sorted(range(len(numbered)), key=near.__getitem__)
        return [numbered[place] for place in places]

    def _add(self, event: str, *, starting: bool = False) -> dict[str, Any]:
        self._now_ns += self._choose.randrange(10 * _SECOND_NS)
        skew_ns = self._choose.randrange(60 * _SECOND_NS) if self._chance(0.1) else 0
        data = self._data()
        event_type = self._choose.choice(self._types.get(event, [f"com.example.{self._machine.name}.{event}"]))
        fields = {
            "id": f"e-{len(self._events)}",
            "source": self._choose.choice(["/a", "/b"]),
            "type": event if starting else event_type,
            "subject": self._subject,
        }
        if starting or self._chance(0.5):
            fields["machine"] = self._machine.name
        if not (self._without_time and self._chance(self._without_time)):
            fields["time"] = format_instant(self._now_ns - skew_ns)
        if data:
            fields["data"] = json.dumps(data, ensure_ascii=self._chance(0.5))
        if self._chance(0.2):
            trace, span = self._choose.randbytes(16).hex(), self._choose.randbytes(8).hex()
            fields["traceparent"] = f"00-{trace}-{span}-01" if self._chance(0.9) else f"00-{trace}-{span}"
            if self._chance(0.5):
                fields["tracestate"] = "vendor=one,other=two"
        if self._chance(0.03) and not starting:  # a start would wait for it
            fields["parent"] = "somebody"
        if self._chance(0.05):
            fields["tenant"] = "blue"
        self._events.append(fields)
        return data

    def _data(self) -> dict[str, Any]:
        data = {name: self._value() for name in self._machine.attributes if self._chance(0.4)}
        data |= {"n": self._choose.randrange(8)} if self._chance(0.7) else {}
        data |= {"retryable": self._chance(0.7)} if self._chance(0.6) else {}
        data |= {"label": self._choose.choice(["blue", "red"])} if self._chance(0.3) else {}
        return data | ({"error": self._choose.choice(["disk full", "no reply", ""])} if self._chance(0.1) else {})

    def _value(self) -> Any:
        return self._choose.choice(
            ["text", "größe", "", 7, -(2**63), 2**70, 0.5, True, None, [1, 2], ["a", "b"], [1, "a"], [], {"k": [1]}]
        )

    def _structured(self, fields: Fields) -> Fields:
        event: dict[str, Any] = {"specversion": "1.0", **fields}
        if "data" in event:
            event["data"] = json.loads(event["data"])
        return {"event": json.dumps(event)}

    def _chance(self, probability: float) -> bool:
        return self._choose.random() < probability
