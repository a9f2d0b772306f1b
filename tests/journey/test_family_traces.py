"""Workflows within workflows through real processes: one trace, whatever comes before or after what it belongs to."""

import json
import shutil
import time
from collections import Counter
from pathlib import Path

from redis import Redis

from longspan.receiver import Receiver
from machines.instants import format_instant
from spans.ids import span_id, trace_id
from streams.keys import Keys, PartitionKeys, partition_of
from tests.journey.rebuilding import rebuilding
from tests.journey.running import NAMESPACE, send, worker
from tests.support.servers import Server
from tests.support.waiting import wait_for

PARTITIONS = 4
LEFT_SECONDS = 6  # until the deadline of `late`, so that its child has joined long before
EXAMPLES = Path(__file__).parents[2] / "machines" / "examples"


class Story:
    """Events of valuations and their shards, as a producer writes them with XADD."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self.keys = Keys(prefix)
        self._now_ns = time.time_ns()
        self._numbers = 0

    def tell(self, subject: str, *names: str, parent: str | None = None, ago: float = 0, **data: object) -> None:
        """Events of one workflow, `ago` seconds before now."""
        entries = []
        for name in names:
            self._numbers += 1
            fields = {
                "id": str(self._numbers),
                "type": f"com.example.valuation.{name}",
                "subject": subject,
                "time": format_instant(self._now_ns - round(ago * 10**9) + self._numbers * 10**6),
                "data": json.dumps(data),
            }
            entries.append(fields | ({"parent": parent} if parent else {}))
        send(self.client, self.prefix, entries)

    def of(self, subject: str) -> PartitionKeys:
        """The keys of a workflow's partition."""
        return self.keys.of(partition_of(subject, PARTITIONS))


def own(name: str, machine: str = "valuation") -> str:
    return f"{trace_id(NAMESPACE, machine, name, 1):032x}"


def span_of(name: str, path: str, machine: str = "valuation", visit: int = 1) -> str:
    return f"{span_id(trace_id(NAMESPACE, machine, name, 1), path, visit if path else 0):016x}"


def test_a_family_is_one_trace_whatever_comes_before_or_after_its_parent(
    valkey_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    machines = tmp_path / "machines"
    machines.mkdir()
    for name in ("valuation", "valuation-shard"):
        shutil.copy(EXAMPLES / f"{name}.yaml", machines)

    def spans(name: str) -> int:
        return sum(span.attributes["workflow.id"] == name for span in receiver.spans)

    settings = {"LONGSPAN_PARTITIONS": str(PARTITIONS)}
    with valkey_server.client() as client, worker(valkey_server, receiver, prefix, machines, tmp_path, **settings):
        wait_for(lambda: client.exists(Keys(prefix).layout), 30)
        story = Story(client, prefix)
        story.tell("late", "requested", ago=6 * 3600 - LEFT_SECONDS, book="EQ", shards=1)
        story.tell("late/0", "shard.queued", parent="late", ago=3600)

        story.tell("book/0", "shard.queued", parent="book")
        wait_for(lambda: client.exists(story.of("book/0").waiting("book/0")), 20)
        story.tell("book", "requested", "split", book="FX", shards=3)
        for shard in ("book/1", "book/2"):
            story.tell(shard, "shard.queued", parent="book")
        for shard in ("book/0", "book/1", "book/2"):
            story.tell(shard, "shard.running", "shard.valued")
        wait_for(lambda: spans("book"), 30)
        _is_one_request(receiver)

        story.tell("book/3", "shard.queued", "shard.running", "shard.valued", parent="book")
        wait_for(lambda: spans("book/3"), 30)
        (root,) = [span for span in receiver.spans if span.name == "valuation-shard" and span.trace_id != own("book")]
        assert root.trace_id == own("book/3", "valuation-shard")
        assert "had ended" in str(root.attributes["workflow.apart"])
        assert [(link.trace_id, link.span_id) for link in root.links] == [(own("book"), span_of("book", ""))]

        wait_for(lambda: spans("late") and spans("late/0"), 60)
        _is_reached_down(receiver)
        live = sorted(span.encoded for span in receiver.spans)
        assert set(Counter(live).values()) == {1}
        wait_for(lambda: not any(client.xlen(Keys(prefix).of(one).outbox) for one in range(PARTITIONS)), 20)
        with rebuilding(valkey_server, prefix) as (rebuild, successor):
            told = rebuild("--all", "--json")
            assert sorted(span.encoded for span in successor.spans) == live
            assert (told["runs"], told["open"]) == (7, 0)


def _is_one_request(receiver: Receiver) -> None:
    """The whole family, the topmost workflow span last."""
    (request,) = [one for one in receiver.requests if any(span.name == "valuation" for span in one.spans)]
    family = [span for span in request.spans if span.trace_id == own("book")]
    assert len(family) == 4 * 3 == len([span for span in receiver.spans if span.trace_id == own("book")])
    assert family[-1].span_id == span_of("book", "")
    roots = [span for span in family if span.name == "valuation-shard"]
    inside = {span_of("book", "splitting"), span_of("book", "valuing"), span_of("book", "")}
    assert {span.attributes["workflow.id"] for span in roots} == {"book/0", "book/1", "book/2"}
    assert {span.parent_id for span in roots} <= inside
    assert all(span.attributes["workflow.parent"] == "book" for span in roots)


def _is_reached_down(receiver: Receiver) -> None:
    """The deadline of the parent has ended its child, which is in the same trace."""
    spans = {span.span_id: span for span in receiver.spans if span.trace_id == own("late")}
    root, child = spans[span_of("late", "")], spans[span_of("late/0", "", "valuation-shard")]
    assert (root.attributes["workflow.outcome"], child.attributes["workflow.outcome"]) == ("timeout", "timeout")
    assert child.parent_id == span_of("late", "splitting")
    assert "late ended with timeout" in child.message
