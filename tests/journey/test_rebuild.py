"""A lost backend: `longspan rebuild` sends to its successor, byte by byte, what the first one had."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from longspan.command import main
from longspan.receiver import Receiver
from machines.instants import format_instant
from streams.keys import Keys
from tests.journey.rebuilding import rebuilding
from tests.journey.running import is_drained, send, worker
from tests.support.servers import Server
from tests.support.waiting import wait_for

BEGIN_NS = 1_763_800_000 * 10**9
PART = 2_000  # spans of one run that are sent together
LONG = PART + 100


def test_a_rebuild_sends_the_same_bytes_and_of_what_goes_on_what_was_sent(
    valkey_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    machines = tmp_path / "machines"
    machines.mkdir()
    for export in ("complete", "progressive"):
        (machines / f"{export}.json").write_text(json.dumps(_swing(export)))
    with valkey_server.client() as client, worker(valkey_server, receiver, prefix, machines, tmp_path):
        send(client, prefix, [entry for story in _stories() for entry in story])
        wait_for(lambda: is_drained(client, prefix), 30)
        live = [span.encoded for span in receiver.spans]
        assert len(live) > PART
        with rebuilding(valkey_server, prefix) as (rebuild, successor):
            told = rebuild("--all", "--json")
            assert sorted(span.encoded for span in successor.spans) == sorted(live)
            assert _around(successor) == _around(receiver)
            assert told["spans"] == len(live)
            assert told["open"] == 3  # the complete one that has not ended, the long one of it, the progressive one
        with rebuilding(valkey_server, prefix) as (rebuild, successor):
            told = rebuild("complete-open", "progressive-open", "complete-twice", "--json")
            own = {"complete-open": 0, "progressive-open": 3, "complete-twice": 6}
            assert _count_by_workflow(successor) == {name: count for name, count in own.items() if count}
            assert sum(told["left_out"].values()) == 1
        assert [span.encoded for span in receiver.spans] == live, "the rebuild has changed nothing of what goes on"
        send(client, prefix, [_event("complete-long", LONG + 1, "ended")])
        wait_for(lambda: len(receiver.spans) > len(live) and is_drained(client, prefix), 30)
        with rebuilding(valkey_server, prefix) as (rebuild, successor):
            rebuild("complete-long", "--json")
            long = [span.encoded for span in receiver.spans if span.attributes["workflow.id"] == "complete-long"]
            assert [span.encoded for span in successor.spans] == long
            assert [len(request.spans) for request in successor.requests] == [PART, len(long) - PART]


def test_what_retention_has_removed_is_rebuilt_from_the_archive(
    valkey_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    machines, archive = tmp_path / "machines", tmp_path / "archive"
    machines.mkdir()
    archive.mkdir()
    (machines / "swing.json").write_text(json.dumps(_swing("complete")))
    settings = {"LONGSPAN_RETENTION": "1s", "LONGSPAN_ARCHIVE": str(archive), "LONGSPAN_PARTITIONS": "2"}
    with (
        valkey_server.client() as client,
        worker(valkey_server, receiver, prefix, machines, tmp_path, **settings) as process,
    ):
        for number in range(5):
            send(client, prefix, _story(f"wf-{number}", "complete", ["begun", "swung", "tickled", "ended"]))
        journals = [Keys(prefix).of(partition).ended for partition in range(2)]
        wait_for(lambda: len(receiver.spans) == 15 and not client.exists(*journals), 40)
        assert process.stop() == 0
    with rebuilding(valkey_server, prefix) as (rebuild, successor):
        told = rebuild("--all", "--archive", str(archive), "--json")
        assert sorted(span.encoded for span in successor.spans) == sorted(span.encoded for span in receiver.spans)
        assert (told["runs"], told["left_out"]) == (5, {})
    with rebuilding(valkey_server, prefix) as (rebuild, successor):
        rebuild("wf-3", "--archive", str(archive), "--json")
        assert _count_by_workflow(successor) == {"wf-3": 3}
        recorded = CliRunner().invoke(main, ["record", "wf-3", "--archive", str(archive)], catch_exceptions=False)
        assert [json.loads(line)["type"].rpartition(".")[2] for line in recorded.stdout.splitlines()] == [
            "begun",
            "swung",
            "tickled",
            "ended",
        ]


def _stories() -> Iterator[list[dict[str, str]]]:
    for export in ("complete", "progressive"):
        for number in range(5):
            yield _story(f"{export}-{number}", export, ["begun", "swung", "swung", "tickled", "ended"])
        yield _story(f"{export}-open", export, ["begun", "swung", "swung"])
    again = ["begun", "swung", "ended"]
    yield _story("complete-twice", "complete", again + again)
    yield _story("complete-long", "complete", ["begun", *["swung"] * LONG])


def _story(subject: str, export: str, names: list[str]) -> list[dict[str, str]]:
    return [
        _event(subject, number, name) | ({"machine": f"swing-{export}"} if name == "begun" else {})
        for number, name in enumerate(names)
    ]


def _event(subject: str, number: int, name: str) -> dict[str, str]:
    return {
        "id": str(number),
        "type": f"com.example.swing.{name}",
        "subject": subject,
        "time": format_instant(BEGIN_NS + number * 10**9),
        "data": json.dumps({"height": number}),
    }


def _swing(export: str) -> dict[str, Any]:
    return {
        "machine": f"swing-{export}",
        "version": 1,
        "starts_on": ["com.example.swing.begun"],
        "attributes": ["height"],
        "export": export,
        "chart": {
            "states": {
                "left": {"transitions": [{"event": "swung", "target": "right"}, {"event": "ended", "target": "over"}]},
                "right": {"transitions": [{"event": "swung", "target": "left"}, {"event": "ended", "target": "over"}]},
                "over": {"final": True},
            }
        },
    }


def _around(receiver: Receiver) -> set[str]:
    """What is around the spans: resource and scope."""
    return {json.dumps([span.resource, span.scope], sort_keys=True) for span in receiver.spans}


def _count_by_workflow(receiver: Receiver) -> dict[Any, int]:
    names = [span.attributes["workflow.id"] for span in receiver.spans]
    return {name: names.count(name) for name in names}
