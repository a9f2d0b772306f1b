"""Of a long run only what is new is read, and what is shown is the same as if all of it were."""

from collections.abc import Iterator

import pytest

from api.run_traces import RunTraceView, read_trace
from api.service import Service
from api.trace_memory import SHORTEST, Known, TraceMemory
from machines.journal import encode_entry
from machines.snapshot import Snapshot, encode_snapshot
from spans.live import EndedSpans
from streams.journals import Bookmark
from tests.spans.journals import START_NS, header, record
from tests.streams.site import PARTITIONS, Site
from tests.support.api import make_service

NOW_NS = START_NS + 10**12
BEGUN = record("e0", "+a", at=0)


@pytest.fixture
def service(site: Site) -> Iterator[Service]:
    made = make_service(site.connect, site.keys, site.catalog, lambda: NOW_NS)
    yield made
    made.reader.close()


def write(site: Site, *numbers: int, run: int = 1) -> None:
    """Append moves to the journal of the workflow."""
    key = site.of("o-1").journal("o-1", run)
    moves = [encode_entry(record(f"e{number}", "-a", "+a", at=number)) for number in numbers]
    if not site.client.exists(key):
        site.client.call("RPUSH", key, encode_entry(header(run=run)), encode_entry(BEGUN))
    if moves:
        site.client.call("RPUSH", key, *moves)
    snapshot = Snapshot(machine="order", version=1, run=run, status="running", started_ns=START_NS)
    site.client.call("SET", site.of("o-1").workflow("o-1"), encode_snapshot(snapshot))


def read(site: Site, service: Service, shown: int = 10_000) -> RunTraceView:
    view = read_trace(site.client, service, PARTITIONS, "o-1", None, NOW_NS, shown=shown)
    assert view is not None
    return view


def as_new(site: Site, service: Service, shown: int = 10_000) -> RunTraceView:
    """What somebody sees who has never looked."""
    return read(site, make_service(site.connect, site.keys, site.catalog, service.now_ns), shown)


@pytest.mark.parametrize("shown", [10_000, 50])
def test_a_run_that_goes_on_is_shown_as_if_it_were_read_anew(site: Site, service: Service, shown: int) -> None:
    write(site, *range(1, 300))
    assert read(site, service, shown) == as_new(site, service, shown)
    known = service.memory.find(("o-1", 1, shown))
    assert known is not None
    assert known.mark.entries == 301
    for new in (range(300, 301), range(301, 324), range(324, 349), range(349, 375), range(375, 1_500)):
        write(site, *new)
        view = read(site, service, shown)
        assert view == as_new(site, service, shown)
        assert view.trace.left_out + len(view.trace.ended) == new[-1]


def test_only_what_is_new_is_read(site: Site, service: Service) -> None:
    write(site, *range(1, 300))
    read(site, service)
    key = site.of("o-1").journal("o-1", 1)
    site.client.call("LSET", key, 5, b"rubbish")
    write(site, 300)
    assert len(read(site, service).trace.ended) == 300


def test_a_journal_that_was_rewound_is_read_anew(site: Site, service: Service) -> None:
    key = site.of("o-1").journal("o-1", 1)
    write(site, *range(1, 300))
    read(site, service)
    for kept, numbers in ((200, range(1_000, 1_050)), (100, range(2_000, 2_400))):
        site.client.call("LTRIM", key, 0, kept)
        write(site, *numbers)
        assert read(site, service) == as_new(site, service)
    site.client.call("DEL", key)
    assert read_trace(site.client, service, PARTITIONS, "o-1", None, NOW_NS) is None


def test_the_next_run_is_another_one(site: Site, service: Service) -> None:
    write(site, *range(1, 300))
    first = read(site, service)
    write(site, *range(1, 250), run=2)
    assert read(site, service) == as_new(site, service)
    assert read(site, service).trace.trace_id != first.trace.trace_id


def test_memory_holds_what_was_asked_for_last_up_to_its_size() -> None:
    memory = TraceMemory(10_000)

    def known(size: int, entries: int = SHORTEST) -> Known:
        return Known(EndedSpans(), Bookmark(1, header(), entries, b""), size)

    keys = [(f"o-{number}", 1, 100) for number in range(5)]
    for key in keys[:3]:
        memory.keep(key, known(3_000))
    assert memory.find(keys[0]) is not None
    memory.keep(keys[3], known(3_000))
    assert [memory.find(key) is not None for key in keys[:4]] == [True, False, True, True]
    memory.keep(keys[0], known(9_999))
    assert [memory.find(key) is not None for key in keys[:4]] == [True, False, False, False]
    memory.keep(keys[0], known(10_001))
    memory.keep(keys[4], known(1, SHORTEST - 1))
    assert not any(memory.find(key) for key in keys)
