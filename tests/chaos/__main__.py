"""`python -m tests.chaos`: rounds of random faults against real processes until the time is over or one goes wrong."""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.round import Outcome, clear, play
from tests.chaos.schedule import WORKERS
from tests.oracle.comparison import report
from tests.support.servers import REDIS, VALKEY


def main() -> int:
    """Play; the exit status."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, _end)  # so that no process is left behind
    deadline = time.monotonic() + asked.minutes * 60
    choose = random.Random(asked.seed)
    seed: int = asked.seed
    rounds: list[Outcome] = []
    while True:
        room = Path(tempfile.mkdtemp(prefix="longspan-chaos-"))
        print(f"round {len(rounds) + 1}: seed {seed}, {asked.workflows} workflows, {asked.faults} faults", flush=True)
        outcome = play(asked.server, room, seed, asked.workflows, asked.faults, asked.workers, _say)
        rounds.append(outcome)
        print(_line(outcome), flush=True)
        if outcome.wrong:
            print(f"FAILED with seed {seed}: {report(outcome.wrong)}\nLogs and data: {room}")
            break
        clear(room)
        if time.monotonic() >= deadline:
            break
        seed = choose.randrange(10**6)
    print(_summary(rounds))
    return 1 if rounds[-1].wrong else 0


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description="Breaks things at random and compares every span with the oracle."
    )
    parser.add_argument("--minutes", type=float, default=10, help="begin no new round after this time (10)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="of the first round; the others follow"
    )
    parser.add_argument("--workflows", type=int, default=1_500, help="of a round (1500)")
    parser.add_argument("--faults", type=int, default=40, help="of a round (40), some 1.5 s apart")
    parser.add_argument("--workers", type=int, default=2, choices=range(1, len(WORKERS) + 1), help="that stay (2)")
    parser.add_argument("--server", default=REDIS or VALKEY, help="path of the server's program (redis-server)")
    return parser.parse_args()


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def _line(outcome: Outcome) -> str:
    return (
        f"  {outcome.events} events, {outcome.runs} runs ended, {outcome.deadlines} deadlines passed, "
        f"{outcome.spans} spans expected, {_doubles(outcome.doubles)}, {len(outcome.wrong)} wrong, "
        f"{outcome.seconds:.0f} s"
    )


def _doubles(again: Counter[str]) -> str:
    """Of `neither` kind would be a failure."""
    return (
        f"{again['lost']} spans came again whose answer the endpoint had lost, "
        f"{again['disturbed']} whose exporter could not acknowledge them"
    )


def _summary(rounds: list[Outcome]) -> str:
    faults = sum((outcome.faults for outcome in rounds), Counter[str]())
    doubles = sum((outcome.doubles for outcome in rounds), Counter[str]())
    runs, deadlines, spans, seconds = (
        sum(getattr(outcome, name) for outcome in rounds) for name in ("runs", "deadlines", "spans", "seconds")
    )
    return "\n".join(
        [
            f"{len(rounds)} rounds, {seconds / 60:.1f} minutes, seeds {', '.join(str(one.seed) for one in rounds)}",
            f"{runs} runs ended, {deadlines} deadlines passed, {spans} spans expected, {_doubles(doubles)}",
            f"{faults.total()} faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(faults.items())),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
