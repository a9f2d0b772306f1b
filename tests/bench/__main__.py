"""`python -m tests.bench`: Longspan against a hand-written worker and against the ceiling, in one run."""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from tests.bench import api, comparison, length, plot, size
from tests.bench.deadlines import write_documents
from tests.bench.figures import Figures
from tests.bench.measurement import Bench, collecting
from tests.bench.options import parse
from tests.bench.parts import PARTS, Extent
from tests.bench.report import flatness, table, write
from tests.bench.scenario import EVENTS_PER_WORKFLOW, write_document
from tests.support.servers import REDIS, VALKEY, running

# Rewriting the append-only file would fall into the time of some of what is measured and not of the rest.
SETTLED = ("--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "performance.md"
PLOT = DOCS / "images" / "flatness.svg"


def main(arguments: list[str] | None = None) -> int:
    """Run the bench; exit status 0, or 1 where it cannot run."""
    options = parse(arguments)
    needed = (*(() if options.valkey else ("redis-server",)), *(api.NEEDED if options.table == "api" else ()))
    missing = [name for name in needed if not shutil.which(name)]
    if missing:
        print(f"the bench needs {' and '.join(missing)} on the PATH", file=sys.stderr)
        return 1
    tables = {"main": _measure_main, "api": _measure_api, "size": _measure_size, "length": _measure_length}
    try:
        stored = comparison.read() if options.compare else None
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    figures = tables[options.table](options)
    if stored is not None:
        for line in comparison.compare(figures, stored):
            _tell(line)
    return 0


def _measure_main(options: argparse.Namespace) -> Figures:
    extent = Extent(options.rounds, options.workflows, options.quick, options.load_seconds)
    figures = Figures()
    with _benches(1, options) as (bench,):
        write_documents(bench.machines)
        for name in options.only or PARTS:
            figures.take(PARTS[name](bench, extent, _tell))
            with bench.client() as client:
                client.flushall(asynchronous=False)
    events = options.workflows * EVENTS_PER_WORKFLOW
    conditions = (
        f"Median of {options.rounds}, {events:,} events in workflows of {EVENTS_PER_WORKFLOW}; {_machine(options)}"
    )
    _show(options, figures, "bench", f"{conditions}\n\n{table(figures, extent.pending, extent.due)}")
    if options.write and options.quick:
        comparison.store(figures)
    return figures


def _measure_api(options: argparse.Namespace) -> Figures:
    with _benches(1, options) as (bench,):
        took = api.measure(bench, options.workflows, 100 if options.quick else 200)
    _show(options, took, "bench of the API", f"{_machine(options)}\n\n{api.table(took, options.workflows)}")
    return Figures(took)


def _measure_size(options: argparse.Namespace) -> Figures:
    sizes = [*(each for each in size.SIZES if each < options.workflows), options.workflows]
    with _benches(2, options) as (large, small):
        points = size.measure(large, small, sizes, options.ended, options.rounds, _tell)
    text = f"Median of {options.rounds}; {_machine(options)}\n\n{flatness(points)}"
    _show(options, msgspec.to_builtins(points), "bench of size on Valkey" if options.valkey else "bench of size", text)
    if options.write and not options.valkey:
        PLOT.write_text(plot.draw(points))
    return Figures()


def _measure_length(options: argparse.Namespace) -> Figures:
    with _benches(1, options) as (bench,):
        longest = length.EVENTS[1] if options.quick else length.EVENTS[-1]
        points = length.measure(bench.server.url, longest, options.rounds, _tell)
    text = f"Median of {options.rounds}; {_machine(options)}\n\n{length.table(points)}"
    _show(options, msgspec.to_builtins(points), "bench of length", text)
    return Figures()


@contextmanager
def _benches(count: int, options: argparse.Namespace) -> Iterator[list[Bench]]:
    """So many benches, each with a server of its own; endpoint and machines are theirs together."""
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="longspan-bench-")))
        collector = stack.enter_context(collecting())
        machines = write_document(room / "machines")
        folders = [room / f"redis-{number}" for number in range(count)]
        servers = [stack.enter_context(running(_binary(options), folder, *SETTLED)) for folder in folders]
        yield [Bench(server, collector, machines, room) for server in servers]


def _show(options: argparse.Namespace, figures: object, name: str, text: str) -> None:
    print(json.dumps(figures, indent=2) if options.json else text)
    if options.write and not options.quick:
        write(PAGE, name, text)


def _binary(options: argparse.Namespace) -> str:
    return VALKEY if options.valkey else REDIS or ""


def _machine(options: argparse.Namespace) -> str:
    told = subprocess.run([_binary(options), "--version"], capture_output=True, text=True, check=True).stdout
    server = re.sub(r" server v=([0-9.]+) .* malloc=([a-z]+)\S* .*", r" \1 (\2)", told.strip())
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"{server} with append-only file (everysec) on the same machine."
    )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
