"""Whatever arrives: it is set aside with field and reason, and the next event is processed."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longspan.receiver import Receiver
from streams.client import Client, connect
from streams.deadletters import DeadLetter, list_dead_letters
from streams.ingress import emit
from streams.keys import Keys, partition_of
from tests.journey.rubbish import Broken, Pairs, mistakes, spoil
from tests.journey.running import worker
from tests.support.servers import Server
from tests.support.waiting import wait_for

PREFIX = "rubbish"
PARTITIONS = 4
MACHINE = {
    "machine": "brief",
    "version": 1,
    "starts_on": ["com.example.brief.begun"],
    "attributes": ["label"],
    "outcomes": {"over": "ok"},
    "chart": {
        "states": {"open": {"transitions": [{"event": "ended", "target": "over"}]}, "over": {"final": True}},
    },
}


@dataclass
class Target:
    """A running worker, and how to reach it."""

    client: Client
    keys: Keys
    receiver: Receiver
    numbers: Iterator[int]

    def is_healthy(self) -> None:
        """AssertionError unless a whole workflow comes out as its spans."""
        subject = f"healthy-{next(self.numbers)}"
        emit(self.client, self.keys, [event(subject, "begun"), event(subject, "ended")])
        wait_for(lambda: any(subject == span.attributes["workflow.id"] for span in self.receiver.spans), 10)

    def letter_of(self, position: bytes) -> DeadLetter:
        """The dead letter of an ingress entry."""

        def find() -> list[DeadLetter]:
            letters = list_dead_letters(self.client, self.keys, PARTITIONS)
            return [letter for letter in letters if letter.position == position.decode()]

        (letter,) = wait_for(find)
        return letter


def event(subject: str, name: str) -> Pairs:
    """A healthy entry."""
    fields = {"id": name, "source": "/s", "type": f"com.example.brief.{name}", "subject": subject}
    return {key.encode(): value.encode() for key, value in fields.items()}


@pytest.fixture(scope="module")
def target(valkey_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    room = tmp_path_factory.mktemp("rubbish")
    (room / "machines").mkdir()
    (room / "machines" / "brief.json").write_text(json.dumps(MACHINE))
    client = connect(valkey_server.url)
    with (
        Receiver() as receiver,
        worker(valkey_server, receiver, PREFIX, room / "machines", room, LONGSPAN_PARTITIONS=str(PARTITIONS)),
    ):
        yield Target(client, Keys(PREFIX), receiver, itertools.count())
    client.close()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mistakes)
def test_a_malformed_entry_is_set_aside_with_field_and_reason(target: Target, mistake: Broken) -> None:
    subject = f"spoilt-{next(target.numbers)}"
    (position,) = emit(target.client, target.keys, [spoil(event(subject, "begun"), mistake)])
    target.is_healthy()
    letter = target.letter_of(position)
    assert letter.reason == "malformed"
    assert letter.field == mistake.at_fault or not mistake.at_fault
    assert letter.field
    assert letter.detail.startswith(letter.field)
    assert letter.entry == spoil(event(subject, "begun"), mistake)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.binary(max_size=20), st.binary(max_size=60), min_size=1, max_size=6))
def test_binary_rubbish_is_set_aside(target: Target, fields: Pairs) -> None:
    (position,) = emit(target.client, target.keys, [fields])
    target.is_healthy()
    assert target.letter_of(position).entry == fields


@pytest.mark.parametrize(
    "data",
    [
        '{"label":"\\ud800"}',
        '{"error":"\\ud800"}',
        '{"label":["\\udfff","x"]}',
        '{"label":{"\\ud800":1}}',
        '{"label":1e308}',
        '{"label":"\\u0000"}',
        '{"label":[1,2.5]}',
        '{"label":-9223372036854775809}',
        '{"label":[18446744073709551616]}',
        '{"label":' + "9" * 5_000 + "}",
    ],
    ids=range(10),
)
def test_values_that_no_span_can_carry_stop_nothing(target: Target, data: str) -> None:
    subject = f"odd-{next(target.numbers)}"
    emit(target.client, target.keys, [event(subject, "begun") | {b"data": data.encode()}, event(subject, "ended")])
    target.is_healthy()
    assert told_or_buried(target, subject)


@pytest.mark.parametrize("key", ["workflow", "journal", "waiting", "seen"])
def test_a_key_of_the_wrong_type_costs_only_its_workflow(target: Target, key: str) -> None:
    subject = f"occupied-{key}-{next(target.numbers)}"
    owned = target.keys.of(partition_of(subject, PARTITIONS))
    name = {
        "workflow": owned.workflow(subject),
        "journal": owned.journal(subject, 1),
        "waiting": owned.waiting(subject),
        "seen": owned.seen(subject),
    }[key]
    target.client.call("HSET", name, "someone", "else")
    (position,) = emit(target.client, target.keys, [event(subject, "ended" if key == "waiting" else "begun")])
    target.is_healthy()
    if key == "seen":  # untouched until a workflow has more events than its snapshot remembers
        return
    letter = target.letter_of(position)
    assert letter.reason in ("wrong-key-type", "unreadable")
    assert name.decode() in letter.detail


def test_an_event_of_an_unknown_machine_waits_and_is_shown(target: Target) -> None:
    subject = f"unknown-{next(target.numbers)}"
    (position,) = emit(target.client, target.keys, [event(subject, "begun") | {b"machine": b"nobody-has-it"}])
    target.is_healthy()
    letter = target.letter_of(position)
    assert letter.parked
    assert letter.reason == "machine-not-loaded"


def told_or_buried(target: Target, subject: str) -> bool:
    """Whether the workflow came out as spans, or its events were set aside with the reason."""

    def ask() -> bool:
        if any(subject == span.attributes["workflow.id"] for span in target.receiver.spans):
            return True
        letters = list_dead_letters(target.client, target.keys, PARTITIONS)
        return any(subject in repr((letter.event, letter.entry)) and letter.detail for letter in letters)

    return wait_for(ask)
