"""The worker: what arrives becomes state, journal and outbox, whoever it is about and however much it is."""

import pytest

from machines.workflow import Workflow
from streams.keys import partition_of
from tests.streams.site import PARTITIONS, Site
from tests.support.waiting import wait_for


def results(site: Site, subject: str) -> list[tuple[str, str]]:
    """What the journal says became of each event."""
    return [(record.event.type.rpartition(".")[2], record.result) for record in site.records(subject)]


def test_a_workflow_goes_from_its_first_event_to_the_outbox(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "started", data='{"label":"x"}'), site.event("w", "paused"))
    site.settle(worker)
    assert site.status("w") == "running"
    assert site.outbox() == []
    site.emit(site.event("w", "resumed"), site.event("w", "resumed"), site.event("w", "finished"))
    site.settle(worker)
    site.emit(site.event("w", "paused"))
    site.settle(worker)
    assert results(site, "w") == [
        ("started", "applied"),
        ("paused", "applied"),
        ("resumed", "applied"),
        ("resumed", "rejected"),
        ("finished", "applied"),
        ("paused", "late"),
    ]
    assert [(item.run, item.entries, item.last) for entry in site.outbox() for item in entry.items] == [(1, 6, True)]
    assert worker.results == {"applied": 4, "rejected": 1, "late": 1}


@pytest.mark.parametrize("subject", ["a:b", "{1}", "}{", "1:2:3", "ä ☃ 𝄞", "*", "wörk{0}:journal:1:x", "x" * 256])
def test_any_printable_id_is_a_workflow_of_its_own(site: Site, subject: str) -> None:
    worker = site.worker()
    others = [f"{subject}{tail}"[-256:] for tail in ("y", ":1", "}")]
    for name in (subject, *others):
        site.emit(site.event(name, "started"))
    site.emit(site.event(subject, "finished"))
    site.settle(worker)
    assert site.status(subject) == "ok"
    assert {site.status(name) for name in others} == {"running"}
    assert [item.workflow_id for entry in site.outbox() for item in entry.items] == [subject]
    site.deliver()
    site.pass_ms(worker, 8 * 86_400_000)
    assert site.view(subject) is None
    assert {site.status(name) for name in others} == {"running"}


def test_the_largest_data_is_kept_byte_for_byte(site: Site) -> None:
    worker = site.worker()
    data = '{"label":"' + "ä" * (128 * 1024 - 6) + '"}'
    assert len(data.encode()) == 256 * 1024
    site.emit(*(site.event(f"w-{number % 3}", "started", data=data) for number in range(40)))
    site.settle(worker)
    assert site.records("w-1")[0].event.data == data


def test_a_batch_of_thousands_of_events_of_one_workflow_is_committed_at_once(valkey_site: Site) -> None:
    site = valkey_site
    worker = site.worker(batch=20_000)
    names = ["paused", "resumed"] * 6_000
    site.emit(site.event("w", "started"), *(site.event("w", name) for name in names))
    site.route()
    worker._reading.pace.count = 20_000
    assert worker.step(0) == 12_001
    assert len(site.records("w")) == 12_001
    assert site.letters() == []
    assert len([entry for entry in site.outbox() if entry.items]) == 1


def test_thousands_that_wait_for_a_start_are_kept_and_released_in_order(valkey_site: Site) -> None:
    site = valkey_site
    worker = site.worker(batch=20_000, waiting=20_000)
    names = ["paused", "resumed"] * 600
    early = [site.event("w", name, sequence=str(number)) for number, name in enumerate(names, 1)]
    site.emit(*reversed(early))
    site.settle(worker)
    assert site.client.llen(site.of("w").waiting("w")) == 1_200
    site.emit(site.event("w", "started", sequence="0"))
    site.settle(worker)
    assert [record.event.sequence for record in site.records("w")] == list(range(1_201))
    assert not site.client.exists(site.of("w").waiting("w"))


def test_an_event_that_comes_again_changes_nothing_even_after_a_restart(site: Site) -> None:
    first = [site.event("w", "started"), *(site.event("w", name) for name in ["paused", "resumed"] * 500)]
    worker = site.worker()
    site.emit(*first)
    site.settle(worker)
    before = site.records("w")
    site.end_leases()
    site.emit(*first[-1_000:])
    site.settle(site.worker())
    assert site.records("w") == before


def test_the_lag_is_true_and_streams_are_trimmed(site: Site) -> None:
    worker = site.worker(batch=50)
    site.emit(*(site.event("w", name) for name in ["started", *["paused", "resumed"] * 450]))
    site.route()
    events, lag = site.of("w").events, []
    while worker.step(0):
        lag.append(site.client.xinfo_groups(events)[0]["lag"])
    assert lag == sorted(lag, reverse=True)
    assert (lag[0], lag[-1]) == (901 - 16, 0)
    assert site.client.xlen(events) <= 200
    assert site.client.xlen(site.keys.events) == 0


def test_no_more_workflows_stay_in_memory_than_were_allowed(site: Site) -> None:
    worker = site.worker(cache=10)
    for name in ("started", "paused", "resumed", "finished"):
        site.emit(*(site.event(f"w-{number}", name) for number in range(60)))
        site.settle(worker)
        assert len(worker._residence._workflows) <= 10
    assert {site.status(f"w-{number}") for number in range(60)} == {"ok"}


def test_no_more_memory_than_was_allowed_is_taken_by_large_workflows(site: Site) -> None:
    worker = site.worker(cache_bytes=1_000_000)
    weights = worker._residence._weights
    for name in ("started", "paused", "resumed"):
        label = "x" * 100_000 if name == "started" else name
        site.emit(*(site.event(f"w-{number}", name, data=f'{{"label":"{label}"}}') for number in range(30)))
        site.settle(worker)
        assert weights.total <= 1_000_000
        assert len(worker._residence._workflows) == (9 if name == "started" else 30)
    assert {site.status(f"w-{number}") for number in range(30)} == {"running"}


def test_entries_that_no_router_wrote_are_passed_over(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    worker = site.worker()
    events = site.of("w").events
    for fields in (["x", "y"], ["x", "e"], ["e", "rubbish"], ["e", b"\x91\x01"], ["e", b""]):
        site.client.call("XADD", events, "*", *fields)
    site.emit(site.event("w", "started"))
    site.settle(worker)
    assert site.status("w") == "running"
    assert caplog.text.count("no router wrote") == 5


def test_what_a_newer_version_wrote_leaves_its_partition_to_workers_of_that_version(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    worker = site.worker()
    key = site.of("newer").workflow("newer")
    site.client.call("SET", key, b"\xfe-from the future")
    other = next(f"w-{number}" for number in range(99) if site.of(f"w-{number}") is not site.of("newer"))
    for _ in range(3):
        site.emit(site.event("newer", "started"), site.event(other, "started"), site.event("newer", "paused"))
        site.settle(worker)
        site.pass_ms(worker, 6_000)
    assert site.letters() == []
    assert site.client.get(key) == b"\xfe-from the future"
    assert site.status(other) == "running"
    assert caplog.text.count("waits: workflow newer: the snapshot has format 254") == 1
    site.client.delete(key)
    site.pass_ms(worker, 6_000)
    site.settle(worker)
    assert results(site, "newer")[:2] == [("started", "applied"), ("paused", "applied")]


@pytest.mark.parametrize("error", [RuntimeError("odd"), SystemExit(3), ValueError("\udc80"), RecursionError()])
def test_a_fault_in_the_fold_sets_that_event_aside_and_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    receive = Workflow.receive

    def fail(self: Workflow, *arguments: object) -> str:
        result = receive(self, *arguments)  # type: ignore[arg-type]  # as it came
        if getattr(arguments[2], "id", "") == "poison":
            raise error
        return result

    monkeypatch.setattr(Workflow, "receive", fail)
    worker = site.worker()
    site.emit(
        site.event("w", "started"),
        site.event("w", "paused", id="poison"),
        site.event("w", "finished"),
        site.event("other", "started"),
    )
    site.settle(worker)
    (letter,) = site.letters()
    assert letter.reason == "internal-error"
    assert letter.event
    assert letter.event.id == "poison"
    assert type(error).__name__ in letter.detail
    (told,) = [vars(record) for record in caplog.records if record.exc_info]
    assert (told["workflow_id"], told["partition"]) == ("w", partition_of("w", PARTITIONS))
    assert results(site, "w") == [("started", "applied"), ("finished", "applied")]
    assert site.status("other") == "running"


def test_it_runs_until_it_is_stopped_and_gives_its_partitions_up(site: Site) -> None:
    with site.running(site.worker()):
        site.emit(site.event("w", "started"))
        wait_for(lambda: site.status("w") == "running")
    second = site.worker()
    site.emit(site.event("w", "finished"))
    site.settle(second)
    assert site.status("w") == "ok"


def test_a_clock_that_is_put_back_does_not_make_it_idle(site: Site) -> None:
    worker = site.worker()
    site.settle(worker)
    site.now_ms -= 3_600_000
    site.end_leases()
    rival = site.worker()
    site.settle(rival)
    site.settle(worker)
    site.client.delete(site.keys.workers, *(site.keys.of(partition).meta for partition in range(PARTITIONS)))
    site.now_ms += 1_001
    site.emit(site.event("w", "started"))
    site.settle(worker)
    assert site.status("w") == "running"
