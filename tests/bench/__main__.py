"""`python -m tests.bench`: Longspan against a hand-written worker and against the ceiling, in one run."""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench import api
from tests.bench.deadlines import DUE, PENDING, beside_pending, due_at_once, write_documents
from tests.bench.measurement import Bench, collecting
from tests.bench.report import table, write
from tests.bench.scenario import EVENTS_PER_WORKFLOW, write_document
from tests.support.servers import REDIS, running

# Rewriting the append-only file would fall into the time of some of what is measured and not of the rest.
SETTLED = ("--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def main() -> int:
    """Run the bench; exit status 0, or 1 where it cannot run."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round with fewer events")
    parser.add_argument("--rounds", type=int, help="rounds to take the median of (default 5)")
    parser.add_argument("--workflows", type=int, help=f"workflows of {EVENTS_PER_WORKFLOW} events (default 8000)")
    parser.add_argument("--api", action="store_true", help="measure the API instead, beside a million workflows")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 5)
    workflows = options.workflows or (1_000 if options.quick else 8_000)
    if REDIS is None:
        print("the bench needs redis-server on the PATH", file=sys.stderr)
        return 1
    if options.api:
        return _measure_api(options)

    figures: dict[str, list[float]] = {"handwritten": [], "longspan": [], "ceiling": []}
    calm: dict[str, list[float]] = {}
    late: dict[str, list[float]] = {"beside_pending": []}
    share = 10 if options.quick else 1
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="longspan-bench-")))
        server = stack.enter_context(running(REDIS, room / "redis", *SETTLED))
        collector = stack.enter_context(collecting())
        bench = Bench(server, collector, write_document(room / "machines"), room)
        write_documents(bench.machines)
        for number in range(rounds):
            for name, contestant in (("handwritten", bench.handwritten), ("longspan", bench.longspan)):
                figures[name].append(bench.throughput(contestant(f"{name}-{number}"), workflows))
                _progress(f"round {number + 1} of {rounds}: {name} {figures[name][-1]:,.0f} events/s")
            rate = beside_pending(bench, f"pending-{number}", workflows, PENDING // share)
            late["beside_pending"].append(rate / figures["longspan"][-1])
            _progress(f"round {number + 1} of {rounds}: beside pending deadlines {rate:,.0f} events/s")
            figures["ceiling"].append(bench.ceiling(f"ceiling-{number}", workflows))
            _progress(f"round {number + 1} of {rounds}: ceiling {figures['ceiling'][-1]:,.0f} events/s")
            with server.client() as client:
                client.flushall(asynchronous=False)
        for name, together in (("due", False), ("due_together", True)):
            late[name] = [due_at_once(bench, name, DUE // share, together=together)]
            _progress(f"{DUE // share:,} deadlines due at once: {late[name][0]:.2f} s")
        for number in range(min(rounds, 2)):
            measured = bench.calm(f"calm-{number}", 5 if options.quick else 20, 3 if options.quick else 10)
            for name, value in measured.items():
                calm.setdefault(name, []).append(value)
            _progress(f"calm {number + 1}: p50 {measured['latency_p50_ms']:.1f} ms")

    text = f"{_conditions(rounds, workflows)}\n\n{table(figures, calm, late, PENDING // share, DUE // share)}"
    print(
        json.dumps({"events_per_second": figures, "calm": calm, "deadlines": late}, indent=2) if options.json else text
    )
    if options.write:
        write(PAGE, "bench", text)
    return 0


def _measure_api(options: argparse.Namespace) -> int:
    """The bench of the API; exit status as `main`."""
    missing = [name for name in ("wrk", "taskset") if shutil.which(name) is None]
    if missing:
        print(f"the bench of the API needs {' and '.join(missing)} on the PATH", file=sys.stderr)
        return 1
    workflows = options.workflows or (50_000 if options.quick else 1_000_000)
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="longspan-bench-")))
        server = stack.enter_context(running(REDIS or "", room / "redis", *SETTLED))
        bench = Bench(server, stack.enter_context(collecting()), write_document(room / "machines"), room)
        took = api.measure(bench, workflows, 100 if options.quick else 200)
    text = f"{_machine()}\n\n{api.table(took, workflows)}"
    print(json.dumps(took, indent=2) if options.json else text)
    if options.write:
        write(PAGE, "bench of the API", text)
    return 0


def _conditions(rounds: int, workflows: int) -> str:
    return (
        f"Median of {rounds}, {workflows * EVENTS_PER_WORKFLOW:,} events in workflows of {EVENTS_PER_WORKFLOW}; "
        + _machine()
    )


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"redis-server with append-only file (everysec) on the same machine."
    )


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
