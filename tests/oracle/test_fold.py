"""The oracle's fold by hand: what deadlines do between the events."""

import json
from pathlib import Path

import pytest

from machines.catalog import load_catalog
from tests.oracle.fold import Entry, Fold

BEGIN_MS = 1_800_000_000_000
DOCUMENT = {
    "machine": "kiln",
    "starts_on": ["com.example.kiln.lit"],
    "deadlines": {"hot": {"after": "10s", "send": "vent"}, "airy": {"after": "5s", "send": "crack"}},
    "outcomes": {"cracked": "timeout"},
    "chart": {
        "states": {
            "hot": {"transitions": [{"event": "vent", "target": "airy"}, {"event": "cool", "target": "cold"}]},
            "airy": {"transitions": [{"event": "crack", "target": "cracked"}, {"event": "cool", "target": "cold"}]},
            "cold": {"final": True},
            "cracked": {"final": True},
        }
    },
}


def entry(event: str, arrived_s: float, happened_s: float) -> Entry:
    instant = f"2027-01-15T08:00:{happened_s:06.3f}Z"
    fields = {"id": event, "subject": "k", "type": f"com.example.kiln.{event}", "time": instant}
    return Entry(f"{BEGIN_MS + round(arrived_s * 1_000)}-0", fields)


@pytest.mark.parametrize(
    ("lit", "cool", "until_s", "told"),
    [
        ((0, 0), (9.999, 9.999), 60, [("cool", 9.999)]),
        ((0, 0), (10, 3), 60, [("vent", 10), ("cool", 3)]),
        ((0, 0), (14, 14), 60, [("vent", 10), ("cool", 14)]),
        ((0, 0), (15, 15), 60, [("vent", 10), ("crack", 15)]),
        ((0, 0), (300, 9), 400, [("vent", 10), ("crack", 15)]),
        ((300, 0), (300, 9), 400, [("cool", 9)]),
        ((300, 0), (301, 12), 400, [("vent", 10), ("cool", 12)]),
        ((300, 0), (301, 15), 400, [("vent", 10), ("crack", 15)]),
    ],
)
def test_a_deadline_goes_before_what_arrived_later_and_before_what_happened_later_in_a_history(
    lit: tuple[float, float],
    cool: tuple[float, float],
    until_s: float,
    told: list[tuple[str, float]],
    tmp_path: Path,
) -> None:
    (tmp_path / "kiln.json").write_text(json.dumps(DOCUMENT))
    fold = Fold(load_catalog([str(tmp_path)]))
    fold.feed([entry("lit", *lit), entry("cool", *cool)])
    fold.pass_time(BEGIN_MS + round(until_s * 1_000))
    (run,) = fold.workflows["k"].runs
    sends = {"hot": "vent", "airy": "crack"}
    assert [
        (sends.get(record.arrival.data.get("deadline", ""), record.arrival.id), _seconds(record.arrival.time_ns))
        for record in run.records[1:]
    ] == told


def _seconds(time_ns: int) -> float:
    return (time_ns // 1_000_000 - BEGIN_MS) / 1_000


def test_time_passes_no_further_than_it_is_let(tmp_path: Path) -> None:
    (tmp_path / "kiln.json").write_text(json.dumps(DOCUMENT))
    fold = Fold(load_catalog([str(tmp_path)]))
    fold.feed([entry("lit", 0, 0)])
    for until_s, records in ((9.999, 1), (10, 2), (14.999, 2), (15, 3), (99, 3)):
        fold.pass_time(BEGIN_MS + round(until_s * 1_000))
        assert len(fold.workflows["k"].runs[0].records) == records
    assert fold.workflows["k"].runs[0].records[-1].outcome == "timeout"
