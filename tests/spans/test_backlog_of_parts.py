"""How much is taken in hand at once: of a run that is sent in parts, what came since its last part."""

from spans.backlog import RUNS, Backlog
from streams.outbox import OutboxEntry, OutboxItem


def parts(entries: int, run: int = 1, *, last: bool = False) -> OutboxEntry:
    return OutboxEntry(0, b"%d-0" % entries, [OutboxItem("w", run, entries, last)])


def test_a_long_run_counts_with_what_came_since_it_was_taken_last() -> None:
    backlog = Backlog()
    backlog.extend([parts(100_000), *(parts(100_000 + number) for number in range(1, 51)), parts(100_050, run=2)])
    assert [held.item.entries for held in backlog.take(256, 4_096)] == [*range(100_000, 100_051)][:1]
    assert len(backlog.take(256, 4_096)) == 50
    assert [held.item.run for held in backlog.take(256, 4_096)] == [2]


def test_what_is_known_of_runs_is_dropped_at_their_end_and_bounded() -> None:
    backlog = Backlog()
    for run in range(RUNS + 1):
        backlog.extend([parts(10, run)])
        assert len(backlog.take(1, 5)) == 1
    backlog.extend([parts(11, 0), parts(11, 2, last=True), parts(12, 2)])
    assert [held.item.run for held in backlog.take(9, 10)] == [0]
    assert [held.item.last for held in backlog.take(9, 10)] == [True]
    assert [held.item.entries for held in backlog.take(9, 10)] == [12]
