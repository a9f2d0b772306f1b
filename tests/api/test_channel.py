"""A channel keeps the last news of each workflow, for who is behind, and knows who is too far behind."""

import asyncio

from api.channel import MOST_KEPT, Channel, News
from streams.query import Query


class Behind:
    """A watcher that has seen the turns up to `seen`."""

    query: Query | None = None
    subject: str | None = None

    def __init__(self, seen: int | None) -> None:
        self.woken = asyncio.Event()
        self.seen = seen


def put(channel: Channel, turn: int, *workflow_ids: str) -> None:
    channel.put(turn, [News(each, f"{each}{turn}".encode()) for each in workflow_ids])


def test_the_newer_news_of_a_workflow_take_the_place_of_the_older() -> None:
    channel = Channel()
    channel.watchers.add(Behind(0))
    put(channel, 1, "a", "b")
    put(channel, 2, "a")
    assert channel.after(0) == [b"b1", b"a2"]
    assert channel.after(1) == [b"a2"]
    assert channel.after(2) == []


def test_what_everybody_has_seen_is_dropped() -> None:
    channel = Channel()
    slow, fast = Behind(0), Behind(1)
    channel.watchers |= {slow, fast, Behind(None)}
    put(channel, 1, "a")
    put(channel, 2, "b")
    slow.seen = 1
    put(channel, 3, "c")
    assert channel.after(0) == [b"b2", b"c3"]


def test_who_is_too_far_behind_has_missed_something_and_others_have_not() -> None:
    channel = Channel()
    channel.watchers.add(Behind(0))
    put(channel, 1, "first")
    put(channel, 2, *(f"w-{number}" for number in range(MOST_KEPT)))
    assert channel.after(0) is None
    assert len(channel.after(1) or ()) == MOST_KEPT


def test_what_is_missed_is_missed_by_all_who_were_there() -> None:
    channel = Channel()
    channel.watchers.add(Behind(3))
    put(channel, 4, "a")
    channel.miss(5)
    put(channel, 6, "b")
    assert channel.after(4) is None
    assert channel.after(5) == [b"b6"]
