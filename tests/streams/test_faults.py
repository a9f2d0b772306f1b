"""Faults of our own and of charts' code: told, set aside, and gone on from."""

import pytest

from machines.catalog import load_catalog
from streams.ingress import Router
from streams.upkeep import Upkeep
from tests.streams.site import Site
from tests.support.waiting import wait_for


def test_whatever_the_code_of_a_chart_raises_is_set_aside_or_rejected(site: Site) -> None:
    worker = site.worker(catalog=load_catalog(["tests.streams.explosive:Explosive"]))
    names = ["started", "left", "broke", "finished"]
    site.emit(*(site.event("w", name, id=name, type=f"com.example.explosive.{name}") for name in names))
    site.settle(worker)
    assert site.status("w") == "ok"
    buried = {letter.event.id: letter for letter in site.letters() if letter.event}
    assert {letter.reason for letter in buried.values()} <= {"internal-error"}
    assert "SystemExit: 3" in buried["left"].detail
    journaled = {record.event.id: record.result for record in site.records("w")}
    assert journaled.keys() | buried.keys() == set(names)
    assert (journaled["started"], journaled["finished"]) == ("applied", "applied")


@pytest.mark.parametrize(("place", "name", "who"), [(Router, "_route", "router"), (Upkeep, "step", "worker")])
def test_a_fault_of_ours_is_told_with_its_traceback_and_the_loop_goes_on(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: type,
    name: str,
    who: str,
) -> None:
    original, faults = getattr(place, name), [RuntimeError("odd"), KeyError("odd")]

    def fail(*arguments: object) -> object:
        if faults:
            raise faults.pop()
        return original(*arguments)

    monkeypatch.setattr(place, name, fail)
    with site.running(site.worker()):
        site.emit(site.event("w", "started"))
        wait_for(lambda: site.status("w") == "running")
    told = [record for record in caplog.records if record.getMessage() == f"a fault in the {who}, which goes on"]
    assert [record.exc_info and record.exc_info[0] for record in told] == [KeyError, RuntimeError]
