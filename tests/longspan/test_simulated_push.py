import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from redis import Redis

from longspan.errors import UseError
from longspan.settings import read_settings
from longspan.simulated_doors import ApiDoor, SendError, open_door
from longspan.simulated_events import tell_life
from longspan.simulated_push import Pusher
from longspan.simulated_system import System
from machines.catalog import load_catalog
from streams.client import connect
from streams.keys import Keys
from streams.layout import settle_partitions
from tests.support.api import make_service, served
from tests.support.seeds import SEED
from tests.support.servers import Server
from tests.support.waiting import wait_for

Batch = Sequence[Mapping[bytes, bytes]]


class Weak:
    """A door that fails for a while; `taken` are the ids that it took, in order."""

    shown = "a weak door"

    def __init__(self, failures: int, *, lasting: bool = False) -> None:
        self.taken: list[bytes] = []
        self.closed = threading.Event()
        self._failures = failures
        self._lasting = lasting

    def send(self, entries: Batch) -> None:
        if self._failures:
            self._failures -= 1
            raise SendError(self.shown, "not now", lasting=self._lasting)
        self.taken += [fields[b"id"] for fields in entries]

    def close(self) -> None:
        self.closed.set()


def test_events_go_out_in_order_when_they_happen_and_again_until_they_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("longspan.simulated_push._AGAIN_SECONDS", 0.01)
    system, door = System(SEED, 100_000), Weak(failures=3)
    lives = [system.find_or_start(f"wf-{number}", time.time_ns())[0] for number in range(20)]
    with Pusher(door, time.time_ns) as pusher:
        for life in lives:
            pusher.add(life)
        told = sorted((seen_ns, fields[b"id"]) for life in lives for seen_ns, fields in tell_life(life))
        wait_for(lambda: pusher.sent == len(told))
        late, _ = system.find_or_start("later", time.time_ns() + 3_600 * 10**9)
        pusher.add(late)
    assert sorted(door.taken) == sorted(name for _, name in told)  # nothing of what lies an hour ahead
    for life in lives:
        own = [fields[b"id"] for _, fields in tell_life(life)]
        assert [name for name in door.taken if name in own] == own
    assert door.closed.is_set()


def test_what_is_refused_for_good_is_dropped_and_the_rest_goes_on() -> None:
    system, door = System(SEED, 1_000_000), Weak(failures=1, lasting=True)
    with Pusher(door, time.time_ns) as pusher:
        pusher.add(system.find_or_start("wf-1", time.time_ns())[0])
        wait_for(lambda: pusher.refused)
        life, _ = system.find_or_start("wf-2", time.time_ns())
        pusher.add(life)
        wait_for(lambda: set(door.taken) >= {fields[b"id"] for _, fields in tell_life(life)})


def test_both_doors_put_the_same_events_into_the_stream(valkey_server: Server, prefix: str, tmp_path: Path) -> None:
    system = System(SEED, 60)
    life, _ = system.find_or_start("wf-1", time.time_ns())
    told = [fields for _, fields in tell_life(life)]
    keys = Keys(prefix)
    settings = read_settings({"LONGSPAN_REDIS_URL": valkey_server.url, "LONGSPAN_PREFIX": prefix})
    with connect(valkey_server.url) as client:
        settle_partitions(client, keys, 1)
    token = tmp_path / "token"
    token.write_text("secret\n")
    service = make_service(lambda: connect(valkey_server.url), keys, load_catalog([]), time.time_ns)
    with served(service) as url:
        for door in (open_door(settings, "redis", None), open_door(settings, url, token)):
            door.send(told)
            door.close()
    with Redis.from_url(valkey_server.url) as raw:
        entries = [fields for _, fields in raw.xrange(keys.events)]
    assert Counter(fields[b"id"] for fields in entries) == {fields[b"id"]: 2 for fields in told}
    for name in (b"type", b"time", b"data", b"machine", b"source"):
        half = len(told)
        assert [fields[name] for fields in entries[:half]] == [fields[name] for fields in entries[half:]]


def test_a_door_says_what_went_wrong_and_whether_it_lasts(valkey_server: Server, prefix: str) -> None:
    service = make_service(lambda: connect(valkey_server.url), Keys(prefix), load_catalog([]), time.time_ns)
    with served(service) as url:
        door = ApiDoor(url, None)
        with pytest.raises(SendError, match=r"400 .*subject") as refused:
            door.send([{b"id": b"1", b"type": b"x"}])
        assert refused.value.lasting
    with pytest.raises(SendError, match="no connection") as gone:
        door.send([{b"id": b"1", b"type": b"x", b"subject": b"y"}])
    assert not gone.value.lasting
    door.close()


def test_a_target_that_is_none_is_refused(tmp_path: Path) -> None:
    settings = read_settings({})
    with pytest.raises(UseError, match="no URL of an API"):
        open_door(settings, "ftp://x", None)
    with pytest.raises(UseError, match="goes with the URL"):
        open_door(settings, "redis", tmp_path)
    with pytest.raises(UseError, match="cannot be read"):
        open_door(settings, "http://127.0.0.1", tmp_path / "none")
