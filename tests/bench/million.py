"""`python -m tests.bench.million`: the arithmetic of docs/scale.md, from the table of inputs that stands there."""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
INPUTS = re.compile(r"^\| `(\w+)` \| ([\d,.]+) \|", re.MULTILINE)
PLAN = re.compile(r"(<!-- (\w+): begin -->\n).*?(<!-- \2: end -->)", re.DOTALL)
DAY_SECONDS = 86_400
MONTH_HOURS = 730


class Plan:
    """What `rate` events a second need. Raises KeyError where an input is missing."""

    def __init__(self, inputs: Mapping[str, float]) -> None:
        self.inputs = inputs
        self.rate = inputs["rate"]
        routing = inputs["busy"] * inputs["router_share"]
        self.installations = ceil(self._cores("router_us") / routing)
        by_exports = self._cores("exporter_us") / (inputs["busy"] - routing)
        self.workers = self._each(max(self._cores("worker_us") / inputs["busy"], by_exports))
        self.worker_cores = sum(map(self._cores, ("worker_us", "router_us", "exporter_us"))) / inputs["busy"]
        self.workflows = self.rate / inputs["events_per_workflow"] * (inputs["open_seconds"] + inputs["kept_seconds"])
        self.redis_gb = self.workflows * inputs["workflow_bytes"] * inputs["rewrite"] / 1e9
        by_work = self._cores("redis_us") / inputs["redis_busy"]
        self.primaries = self._each(max(by_work, self.redis_gb / inputs["primary_gb"]))
        self.span_mb = self.rate * inputs["spans_per_event"] * inputs["span_bytes"] / 1e6
        self.tempo_distributors = ceil(self.span_mb / inputs["distributor_mb"])
        self.tempo_stores = ceil(self.span_mb / inputs["live_store_mb"]) * 2
        self.tempo_cores = self.tempo_distributors * inputs["distributor_cores"] + self.tempo_stores

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """What is needed, how much, and how it follows."""
        inputs, cells = self.inputs, self.installations
        yield "installations (prefixes)", _count(cells), "rate * router_us / (busy * router_share): each has one router"
        yield "events a second of each", _count(self.rate / cells), ""
        yield "partitions of each", "16", "the default: more than it has workers"
        each = self.workers // cells
        why = "rate * worker_us / busy, or what the carrier that routes leaves to its exporter"
        yield "pods with a worker", _count(self.workers), f"{why}; {each} for each installation"
        yield "cores for them", _count(self.worker_cores), "rate * (worker_us + router_us + exporter_us) / busy"
        cache = inputs["pod_mb"] * self.workers / 1e3
        yield "their memory, GB", _count(cache), "pods * pod_mb"
        yield "workflows in Redis", _count(self.workflows), "rate / events_per_workflow * (open_seconds + kept_seconds)"
        yield "memory of Redis, GB", _count(self.redis_gb), "workflows * workflow_bytes * rewrite"
        shards = self.primaries // cells
        why = f"rate * redis_us / redis_busy, or memory / primary_gb; {shards} for each installation"
        yield "primaries of Redis", _count(self.primaries), why
        yield "and as many replicas", _count(self.primaries), "they have the same memory, and half of the work or less"
        yield (
            "into Redis, MB/s",
            _count(self._mb("redis_in_bytes")),
            "rate * redis_in_bytes, and once more for replicas",
        )
        yield "out of Redis, MB/s", _count(self._mb("redis_out_bytes")), "rate * redis_out_bytes"
        aof = self._mb("aof_bytes")
        yield "append-only files, MB/s", _count(aof), f"rate * aof_bytes: {aof / self.primaries:,.0f} on each primary"
        yield "spans to Tempo, MB/s", _count(self.span_mb), "rate * spans_per_event * span_bytes"
        yield "distributors of Tempo", _count(self.tempo_distributors), "MB/s / distributor_mb"
        yield "its live stores", _count(self.tempo_stores), "MB/s / live_store_mb, in two zones; a core each"
        stored = self.span_mb * DAY_SECONDS / 1e6 * inputs["block_share"]
        yield "blocks, TB a day", _count(stored), "MB/s * 86,400 s * block_share"

    def costs(self) -> Iterator[tuple[str, str, str]]:
        """What it costs a month, by the prices of the inputs."""
        inputs = self.inputs
        redis = 2 * self.redis_gb * inputs["redis_gb_hour"] * MONTH_HOURS
        workers = self.worker_cores * inputs["core_hour"] * MONTH_HOURS
        tempo = self.tempo_cores * inputs["core_hour"] * MONTH_HOURS
        stored_gb = self.span_mb * DAY_SECONDS / 1e3 * inputs["block_share"] * inputs["block_days"]
        blocks = stored_gb * inputs["blob_gb_month"]
        yield "Redis, primaries and replicas", _count(redis), "2 * GB * redis_gb_hour * 730"
        yield "pods with a worker", _count(workers), "cores * core_hour * 730"
        yield "Tempo's distributors and live stores", _count(tempo), "cores * core_hour * 730; queries come on top"
        yield "blocks", _count(blocks), "TB a day * block_days * blob_gb_month"
        events = self.rate * DAY_SECONDS * 365 / 12 / 1e6
        total = redis + workers + tempo + blocks
        yield "together", _count(total), f"{total / events:,.3f} for a million events"

    def limits(self) -> list[tuple[float, str, str]]:
        """At how many events a second what is there once is full, lowest first, and what helps."""
        inputs = self.inputs
        kept = inputs["workflow_bytes"] * inputs["rewrite"] / inputs["events_per_workflow"]
        default = kept * inputs["retention_seconds"]
        chosen = kept * (inputs["open_seconds"] + inputs["kept_seconds"])
        primary = inputs["primary_gb"] * 1e9
        rows = [
            (primary / default, "memory of one primary, at the default retention of 7 days", "a shorter retention"),
            (primary / chosen, "memory of one primary, at the times above", "more primaries"),
            (inputs["tempo_limit_mb"] * 1e6 / inputs["span_bytes"], "the default limit of one distributor", "raise it"),
            (1e6 / inputs["worker_us"], "one worker's folding process", "more workers, up to the partitions"),
            (
                1e6 / (inputs["router_us"] + inputs["exporter_us"]),
                "one worker's carrier, which routes and exports",
                "more workers: they export as well, and one routes",
            ),
            (1e6 / inputs["router_us"], "one router, where others export", "another installation"),
            (1e6 / inputs["redis_us"], "one primary, its core full", "a cluster"),
            (1e6 / inputs["ingress_us"], "the node of an ingress stream", "another installation"),
        ]
        return sorted(rows)

    def _cores(self, name: str) -> float:
        return self.rate * self.inputs[name] / 1e6

    def _mb(self, name: str) -> float:
        return self.rate * self.inputs[name] / 1e6

    def _each(self, wanted: float) -> int:
        """As many as are wanted, and the same number for every installation."""
        return ceil(wanted / self.installations) * self.installations


def fill(page: str) -> str:
    """The page with its tables computed anew from its inputs."""
    inputs = {name: float(value.replace(",", "")) for name, value in INPUTS.findall(page)}
    plan = Plan(inputs)
    tables = {
        "plan": _table("needed", "how many", plan.rows()),
        "cost": _table("a month", "price", plan.costs()),
        "limits": "\n".join(
            ["| full at | what | what helps |", "|--:|---|---|"]
            + [f"| {_count(rate)} | {what} | {remedy} |" for rate, what, remedy in plan.limits()]
        ),
    }
    return PLAN.sub(lambda match: f"{match[1]}{tables[match[2]]}\n{match[3]}", page)


def _table(first: str, second: str, rows: Iterator[tuple[str, str, str]]) -> str:
    return "\n".join([f"| {first} | {second} | from |", "|---|--:|---|", *(f"| {' | '.join(row)} |" for row in rows)])


def _count(number: float) -> str:
    """Two or three digits that mean something."""
    if number >= 1_000:
        digits = len(str(round(number))) - 2
        return f"{round(number, -digits):,.0f}"
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def main() -> int:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.million", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    filled = fill(PAGE.read_text())
    if parser.parse_args().write:
        PAGE.write_text(filled)
    else:
        print(filled)
    return 0


if __name__ == "__main__":
    sys.exit(main())
