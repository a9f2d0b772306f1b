"""`python -m tests.bench.profiling`: a flame graph of the worker, its carrier or a replay, under the bench's load."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.flames import hottest, read_frames
from tests.bench.measurement import WARM, Bench, collecting
from tests.bench.processes import python, started
from tests.bench.scenario import EVENTS_PER_WORKFLOW, SPANS_PER_WORKFLOW, events, write_document
from tests.support.servers import REDIS, VALKEY, running

ROOT = Path(__file__).parents[2]
PY_SPY = "py-spy==0.4.3"
RATE = 200  # samples a second
PATIENCE_SECONDS = 60.0  # for the profiler to write down what it has seen
FORBIDDEN = (
    "the profiler may not look into another process here. On Linux: sudo sysctl kernel.yama.ptrace_scope=0, until the "
    "next start of the system. In a container: --cap-add SYS_PTRACE. Otherwise run it as root."
)


class ProfilerError(Exception):
    """The profiler could not do its work; `output` is what it printed."""

    def __init__(self, output: str) -> None:
        self.output = output
        forbidden = "permission denied" in output.lower() or "operation not permitted" in output.lower()
        super().__init__(FORBIDDEN if forbidden else f"{PY_SPY} failed:\n{output.strip()}")


def main(arguments: list[str] | None = None) -> int:
    """Profile; exit status 0, or 1 where that is not possible."""
    parser = argparse.ArgumentParser(prog="scripts/profile")
    parser.add_argument("what", choices=("worker", "export", "replay"), help="whose flame graph it is to be")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of worker and export: how long at most (default 10)"
    )
    parser.add_argument("--events", type=int, default=200_000, help="that are worked off meanwhile (default 200000)")
    parser.add_argument(
        "--gil", action="store_true", help="only while Python code runs: nothing of calls to the system"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default dist/profile-WHAT.svg")
    parser.add_argument("--top", type=int, default=15, metavar="LINES", help="length of the list (default 15)")
    options = parser.parse_args(arguments)
    output: Path = (options.output or ROOT / "dist" / f"profile-{options.what}.svg").absolute()
    workflows = max(1, options.events // EVENTS_PER_WORKFLOW)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if options.what == "replay":
            _profile_replay(workflows, output, options.gil)
        else:
            _profile_process(options.what, workflows, options.seconds, output, options.gil)
        frames = read_frames(output.read_text())
    except (ProfilerError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(hottest(frames, options.top))
    print(f"\n{output}")
    return 0


def _profile_process(what: str, workflows: int, seconds: float, output: Path, gil: bool) -> None:
    """Of one process of a worker that has events before it, until they are through or the time is over."""
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="longspan-profile-")))
        server = stack.enter_context(running(REDIS or VALKEY, room / "redis", "--appendfsync", "everysec"))
        bench = Bench(server, stack.enter_context(collecting()), write_document(room / "machines"), room)
        command, environment, stream = bench.longspan("profile")
        group = stack.enter_context(started(command, environment, room / "worker.log"))
        bench.append(stream, events(WARM, "warm"))
        bench.collector.wait_for(WARM * SPANS_PER_WORKFLOW, group)
        worker, carrier = group.pids()[:2]
        group.freeze()
        bench.append(stream, events(workflows, "run"))
        pid = carrier if what == "export" else worker
        with _py_spy("--pid", str(pid), output=output, gil=gil) as profiler:
            profiler.wait_for(b"Sampling")  # a process that stands still can be looked at as well
            group.thaw()
            deadline = time.monotonic() + seconds
            while profiler.is_alive() and time.monotonic() < deadline:
                group.alive()
                if bench.collector.count() >= (WARM + workflows) * SPANS_PER_WORKFLOW:
                    break
                time.sleep(0.05)


def _profile_replay(workflows: int, output: Path, gil: bool) -> None:
    """Of `longspan replay`, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="longspan-profile-") as folder:
        room = Path(folder)
        record = room / "events.jsonl"
        with record.open("w") as lines:
            for fields in events(workflows, "run"):
                event = {"specversion": "1.0", **fields, "data": json.loads(fields["data"])}
                lines.write(json.dumps(event) + "\n")
        machines = str(write_document(room / "machines"))
        replay = python("longspan", "replay", str(record), "--machines", machines)
        with _py_spy("--", *replay, output=output, gil=gil) as profiler:
            profiler.wait_for(b" events of ")
            profiler.let_end()


class _PySpy:
    """A py-spy that records, in a session of its own: so it and uv, which runs it, hear of the end alike."""

    def __init__(self, arguments: list[str], printed: Path) -> None:
        self._printed = printed
        with printed.open("wb") as file:
            self._process = subprocess.Popen(arguments, stdout=file, stderr=file, start_new_session=True)

    def printed(self) -> bytes:
        """What it has printed, and what the program has that it runs."""
        return self._printed.read_bytes()

    def is_alive(self) -> bool:
        """Whether it records."""
        return self._process.poll() is None

    def wait_for(self, text: bytes) -> None:
        """Until this has been printed. Raises ProfilerError where it ends without that."""
        while text not in self.printed():
            if not self.is_alive() and text not in self.printed():
                raise ProfilerError(self.printed().decode(errors="replace"))
            time.sleep(0.05)

    def let_end(self) -> None:
        """Wait until it has ended with the program that it runs: a signal then may come between it and its file."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_SECONDS)

    def end(self, number: signal.Signals) -> None:
        """Send it a signal, and wait until it has written down what it saw."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        self.let_end()


@contextmanager
def _py_spy(*arguments: str, output: Path, gil: bool) -> Iterator[_PySpy]:
    """py-spy while it records; behind the block it has written its file. Raises ProfilerError."""
    uv = [str(ROOT / ".venv" / "bin" / "uv"), "tool", "run", "--from", PY_SPY, "py-spy"]
    fetched = subprocess.run([*uv, "--version"], capture_output=True, text=True, check=False)
    if fetched.returncode:
        raise ProfilerError(fetched.stderr)
    output.unlink(missing_ok=True)
    # To stop the process for each look would make threads that wait seem to work.
    record = ["record", "--nonblocking", "--function", "--rate", str(RATE), "--output", str(output)]
    record += [*(["--gil"] if gil else []), *arguments]
    with tempfile.TemporaryDirectory(prefix="longspan-profile-") as folder:
        profiler = _PySpy([*uv, *record], Path(folder) / "printed")
        try:
            yield profiler
            profiler.end(signal.SIGINT)
        finally:
            profiler.end(signal.SIGKILL)
        if not output.is_file():
            raise ProfilerError(profiler.printed().decode(errors="replace"))


if __name__ == "__main__":
    sys.exit(main())
