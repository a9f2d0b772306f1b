"""What a poller says of itself: its checks, and its metrics as the documentation lists them."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from longspan.polling.metrics import PollMetrics
from longspan.polling.readiness import PollWatched
from longspan.polling.statistics import PollStatistics

REFERENCE = Path(__file__).parents[3] / "docs" / "operations.md"


def _watched() -> tuple[list[float], PollWatched]:
    now = [100.0]
    return now, PollWatched(PollStatistics(lambda: now[0]), 16)


def _verdicts(watched: PollWatched) -> dict[str, str]:
    return {finding.check: finding.verdict for finding in watched.examine()}


def test_a_poller_is_unready_where_redis_keeps_it_from_its_work_and_dead_where_its_loop_stands() -> None:
    now, watched = _watched()
    statistics = watched.statistics
    statistics.held = 16
    well = dict.fromkeys(("redis", "events", "partitions", "hosts", "workflows", "lists"), "ok")
    assert (_verdicts(watched), watched.is_live()) == (well, True)
    statistics.sink.failed(RuntimeError("no memory left"))
    assert _verdicts(watched) == well | {"events": "fail"}
    statistics.sink.succeeded()
    statistics.hosts["http://risk"] = "down"
    statistics.troubled["risk", "unreachable"] = 3
    statistics.troubled_lists["risk", "next"] = 1
    statistics.held = 0
    assert _verdicts(watched) == well | dict.fromkeys(("partitions", "hosts", "workflows", "lists"), "warn")
    now[0] += 61
    assert _verdicts(watched)["redis"] == "fail"
    assert not watched.is_live()


def test_the_metrics_are_those_of_the_documentation() -> None:
    _, watched = _watched()
    statistics = watched.statistics
    statistics.polled["risk"] += 1
    statistics.troubled["risk", "timeout"] += 1
    statistics.troubled_lists["risk", "timeout"] += 1
    statistics.answers["risk", "changed"] += 1
    text, _ = PollMetrics(watched, "default").render("")
    told = {
        (f"{family.name}_total" if family.type == "counter" else family.name): {
            name for sample in family.samples for name in sample.labels if name != "le"
        }
        for family in text_string_to_metric_families(text.decode())
        if family.name.startswith("longspan_")
    }
    section = REFERENCE.read_text().partition("### Of the pollers\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)`(?: by ([\w, ]+))? \|", section, re.MULTILINE)
    assert told == {name: set(labels.split(", ")) if labels else set() for name, labels in rows}
