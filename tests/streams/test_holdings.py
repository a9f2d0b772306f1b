"""Fair shares: workers come and go, each partition has one holder soon, and none holds much more than another."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.errors import LayoutError
from streams.holdings import Holdings
from streams.members import Members, Share
from tests.streams.site import PARTITIONS, Site

LEASE_MS = 3_600_000
ROUNDS = 3  # until whoever has too much gave it up and the others took it


class Crew:
    """Workers by number, each with what it holds; `moves` counts partitions that were taken."""

    def __init__(self, site: Site, partitions: int = PARTITIONS) -> None:
        self.site = site
        self.partitions = partitions
        self.workers: dict[int, Holdings] = {}
        self.moves = 0
        self._numbers = 0

    def join(self) -> Holdings:
        """One more."""
        self._numbers += 1
        worker = Holdings(
            self.site.client, self.site.keys, self.partitions, f"w-{self._numbers}", LEASE_MS, _ignore, _ignore
        )
        self.workers[self._numbers] = worker
        return worker

    def leave(self, number: int) -> None:
        """One goes in order."""
        self.workers.pop(number).release()

    def die(self, number: int) -> None:
        """One is no more, and its leases have run out."""
        for partition in self.workers.pop(number).leases:
            self.site.client.call("HSET", self.site.keys.of(partition).meta, "until", 0)
        self.site.client.call("HSET", self.site.keys.workers, f"w-{number}", "1 1")

    def balance(self, rounds: int = ROUNDS) -> None:
        """Each looks around, in turn."""
        for _ in range(rounds):
            for worker in self.workers.values():
                worker.renew()
                self.moves += len(worker.balance())

    def held(self) -> list[list[int]]:
        """What each holds, the oldest first."""
        return [sorted(worker.leases) for worker in self.workers.values()]


def _ignore(*_: Any) -> None:
    pass


def _clear(site: Site) -> None:
    site.client.delete(*site.keyspace() or [b"-"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 9),
    st.lists(st.tuples(st.sampled_from(["join", "leave", "die"]), st.integers(0, 9), st.booleans()), max_size=9),
)
def test_after_any_change_all_partitions_are_held_evenly_and_then_nothing_moves(
    valkey_site: Site, partitions: int, changes: Sequence[tuple[str, int, bool]]
) -> None:
    _clear(valkey_site)
    crew = Crew(valkey_site, partitions)
    crew.join()
    for change, chosen, settled in changes:
        if change == "join":
            crew.join()
        elif crew.workers:
            number = list(crew.workers)[chosen % len(crew.workers)]
            (crew.leave if change == "leave" else crew.die)(number)
        crew.balance(ROUNDS if settled else 1)
    crew.join()
    crew.balance()
    held = crew.held()
    assert sorted(number for numbers in held for number in numbers) == list(range(partitions))
    assert max(map(len, held)) - min(map(len, held)) <= 1
    moves = crew.moves
    crew.balance()
    assert (crew.moves, crew.held()) == (moves, held)


def test_a_newcomer_takes_only_its_share_and_the_others_keep_the_rest(site: Site) -> None:
    crew = Crew(site, 12)
    crew.join()
    crew.join()
    crew.balance()
    before = crew.held()
    assert [len(numbers) for numbers in before] == [6, 6]
    crew.moves = 0
    crew.join()
    crew.balance()
    after = crew.held()
    assert [len(numbers) for numbers in after] == [4, 4, 4]
    assert crew.moves == 4
    assert all(set(now) < set(then) for now, then in zip(after, before, strict=False))


def test_when_one_leaves_the_others_only_take(site: Site) -> None:
    crew = Crew(site, 10)
    for _ in range(3):
        crew.join()
    crew.balance()
    before = crew.held()
    crew.moves = 0
    crew.leave(1)
    crew.balance()
    assert crew.moves == len(before[0])
    assert all(set(now) > set(then) for now, then in zip(crew.held(), before[1:], strict=True))


def test_who_was_taken_for_dead_comes_back_in_its_old_place(site: Site) -> None:
    first, second = (Members(site.client, site.keys.workers, name, LEASE_MS) for name in ("b", "a"))
    assert first.attend().members == ("b",)
    site.client.call("HSET", site.keys.workers, "b", "1 99999999999999")  # joined long ago
    first._joined = b"1"
    assert second.attend().members == ("b", "a")
    assert second.attend(dead=["b"]).members == ("a",)
    share = first.attend()
    assert (share.members, share.rank) == (("b", "a"), 0)
    first.leave()
    assert second.attend().members == ("a",)


def test_members_that_nobody_of_ours_wrote_are_dropped(site: Site) -> None:
    site.client.call("HSET", site.keys.workers, "odd", "rubbish", "past", "5 6")
    assert Members(site.client, site.keys.workers, "a", LEASE_MS).attend().members == ("a",)
    assert site.client.hkeys(site.keys.workers) == [b"a"]


@pytest.mark.parametrize(("members", "partitions"), [(1, 16), (3, 16), (5, 16), (16, 16), (20, 16), (7, 1024)])
def test_shares_add_up_and_differ_by_one_at_most(members: int, partitions: int) -> None:
    names = tuple(map(str, range(members)))
    shares = [Share(names, rank, 0).of(partitions) for rank in range(members)]
    assert sum(shares) == partitions
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


def test_a_worker_whose_setting_does_not_fit_holds_nothing_and_does_not_count(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    crew = Crew(site)
    crew.join()
    crew.balance()
    stranger = Holdings(site.client, site.keys, PARTITIONS + 1, "stranger", LEASE_MS, _ignore, _ignore)
    with pytest.raises(LayoutError, match=f"LONGSPAN_PARTITIONS is {PARTITIONS + 1}"):
        stranger.balance()
    crew.balance()
    assert crew.held() == [list(range(PARTITIONS))]
    assert site.client.hlen(site.keys.workers) == 1


def test_after_redis_lost_everything_the_layout_is_written_again(site: Site) -> None:
    crew = Crew(site)
    crew.join()
    crew.balance()
    _clear(site)
    crew.workers[1].reread_all()
    assert crew.held() == [[]]
    crew.balance()
    assert crew.held() == [list(range(PARTITIONS))]
    assert site.client.hget(site.keys.layout, "partitions") == str(PARTITIONS).encode()


def test_partitions_that_are_gone_all_at_once_are_told_of_in_one_line(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    crew = Crew(site)
    worker = crew.join()
    crew.balance()
    for number in range(PARTITIONS):
        site.client.call("DEL", site.keys.of(number).meta)
    assert not any(worker.reread(number) for number in range(PARTITIONS))
    assert worker.lost == PARTITIONS
    crew.balance()
    assert crew.held() == [list(range(PARTITIONS))]
    names = ", ".join(map(str, range(PARTITIONS)))
    gone = [line for line in caplog.messages if "no longer held" in line]
    assert gone == [f"partitions {names} are no longer held: another worker took them, or Redis lost them"]
