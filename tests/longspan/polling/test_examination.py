"""What `longspan doctor` says of polling: what is asked, whether it may be, who does it, and what is wrong."""

from dataclasses import replace

import pytest

from api.findings import Finding
from longspan.polling.examination import examine_polling, examine_sources
from machines.catalog import EXAMPLES, Catalog, load_catalog
from streams.keys import partition_of
from tests.longspan.polling.field import Field, machine
from tests.streams.site import PARTITIONS

LISTED = {
    "url": "${SYSTEM_URL}/runs",
    "interval": "100ms",
    "events": [{"type": "com.example.stage.submitted", "each": "runs", "subject": "{id}", "time": "at"}],
}


def _polling(field: Field) -> dict[str, Finding]:
    store = field.store()
    try:
        return {found.check: found for found in examine_polling(store, PARTITIONS, field.catalog)}
    finally:
        store.client.close()


def test_a_poller_that_is_missing_is_told_only_where_there_is_something_to_be_polled(field: Field) -> None:
    found = _polling(field)
    assert {name: one.verdict for name, one in found.items()} == {"pollers": "ok", "polling": "ok"}
    assert found["pollers"].detail == "0 running; 0 workflows and 0 lists are to be polled"
    worker = field.worker()
    field.start("wf-1")
    field.settled(worker, lambda: field.site.view("wf-1"))
    field.use(list=LISTED)
    missing = _polling(field)["pollers"]
    places = sorted({partition_of("wf-1", PARTITIONS), partition_of("stages", PARTITIONS)})
    told = "0 running; 1 workflows and 1 lists are to be polled, and no poller holds partitions"
    assert (missing.verdict, missing.remedy) == ("warn", "Start one: longspan poll")
    assert missing.detail == f"{told} {', '.join(map(str, places))}"
    with field.polling():  # which finds neither the workflow nor the list
        field.settled(worker, lambda: _polling(field)["polling"].detail.count("status-404") == 1)
        found = _polling(field)
        assert (found["pollers"].verdict, found["polling"].verdict) == ("ok", "warn")
        field.settled(worker, lambda: "the list of stages: the answer is 404" in _polling(field)["polling"].detail)
        assert found["polling"].remedy


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, None),
        ({"url": "http://risk.example/{id}"}, "risk.example may not be asked: add it to LONGSPAN_SOURCE_HOSTS"),
        ({"headers": {"X": {"variable": "OTHER"}}}, "OTHER may not be read: add it to LONGSPAN_SOURCE_VARIABLES"),
        ({"headers": {"X": {"file": "/etc/passwd"}}}, "/etc/passwd does not lie in"),
        ({"headers": {"X": {"file": "missing"}}}, "cannot be read: No such file"),
    ],
)
def test_what_a_poller_with_these_settings_may_not_do_is_told(
    field: Field, monkeypatch: pytest.MonkeyPatch, more: dict[str, object], words: str | None
) -> None:
    monkeypatch.chdir(field.folder)
    monkeypatch.setenv("SYSTEM_URL", field.system.url)
    monkeypatch.setenv("OTHER", "secret-of-others")
    catalog: Catalog = field.site.load(machine(**more))
    found = examine_sources(replace(field.settings, machines=("named",)), catalog)
    assert (found.verdict, bool(found.remedy)) == (("ok", False) if words is None else ("warn", True))
    assert found.detail.startswith("stages 1")
    assert words is None or words in found.detail
    assert "secret-of-others" not in found.detail


def test_the_shipped_example_is_nothing_to_be_warned_of(field: Field) -> None:
    found = examine_sources(replace(field.settings, machines=()), load_catalog([str(EXAMPLES)]))
    assert (found.verdict, found.detail.partition(",")[0]) == ("ok", "risk-workflow 1")
    assert examine_sources(field.settings, load_catalog([str(EXAMPLES / "order.yaml")])).verdict == "ok"
