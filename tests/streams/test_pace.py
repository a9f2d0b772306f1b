"""How many entries are read at once."""

from hypothesis import given
from hypothesis import strategies as st

from streams.pace import BYTES_AIM, FEWEST, MOST, Pace


def test_small_entries_are_soon_read_in_large_batches() -> None:
    pace = Pace()
    assert pace.count == FEWEST
    for _ in range(10):
        pace.note(200 * pace.count, pace.count)
    assert pace.count == MOST


def test_large_entries_are_read_few_at_a_time_at_once() -> None:
    pace = Pace()
    for _ in range(10):
        pace.note(200 * pace.count, pace.count)
    pace.note(256 * 1024 * pace.count, pace.count)
    assert pace.count * 256 * 1024 <= BYTES_AIM


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 1_000))), st.integers(1, 500))
def test_the_count_is_always_between_one_and_the_most(notes: list[tuple[int, int]], most: int) -> None:
    pace = Pace(most)
    for read_bytes, entries in notes:
        pace.note(read_bytes, entries)
        assert 1 <= pace.count <= most
