"""Throughput: Longspan, the hand-written worker and the ceiling, one after the other, round after round."""

from collections.abc import Callable

from streams.keys import Keys
from tests.bench import ceiling
from tests.bench.figures import Figures
from tests.bench.measurement import WARM, Bench, Run
from tests.bench.scenario import EVENTS_PER_WORKFLOW, GUARDED, MACHINE
from tests.bench.weighing import Weight, weigh

WEIGHED = 500  # workflows whose commits are counted
SHARE = 4  # what is that much slower gets one in so many workflows: hand-written workers, and charts with guards


def measure(bench: Bench, rounds: int, workflows: int, tell: Callable[[str], None]) -> Figures:
    """Events a second of each, ratios within each round, and what an event weighs and costs each process."""
    figures = Figures()
    for number in range(rounds):
        for machine, end in ((MACHINE, ""), (GUARDED, "_guarded")):
            fewer = max(1, workflows // SHARE)
            ours = _run(bench, f"longspan{end}", number, fewer if machine == GUARDED else workflows, machine)
            hand = _run(bench, f"handwritten{end}", number, fewer, machine)
            figures.add(f"longspan{end}", ours.events_per_second)
            figures.add(f"handwritten{end}", hand.events_per_second)
            figures.add(f"to_handwritten{end}", ours.events_per_second / hand.events_per_second)
            for process, cpu_us in ours.cpu_us.items():
                figures.add(f"cpu{end}:{process}", cpu_us)
            tell(
                f"round {number + 1} of {rounds}: {machine} {ours.events_per_second:,.0f} events/s, by hand "
                f"{hand.events_per_second:,.0f}"
            )
        weight = weigh(
            bench.server.url, bench.machines, f"weighed-{number}", WEIGHED, _events_per_commit(bench, number, workflows)
        )
        rate = _ceiling(bench, f"ceiling-{number}", workflows * EVENTS_PER_WORKFLOW, weight)
        figures.add("ceiling", rate)
        figures.add("share", figures["longspan"][-1] / rate)
        figures.add("share_guarded", figures["longspan_guarded"][-1] / rate)
        figures.add("bytes_sent", weight.sent)
        figures.add("bytes_read", weight.entry)
        figures.add("events_per_commit", weight.events_per_commit)
        tell(f"round {number + 1} of {rounds}: ceiling {rate:,.0f} events/s, {weight}")
        with bench.client() as client:
            client.flushall(asynchronous=False)
    return figures


def _run(bench: Bench, name: str, number: int, workflows: int, machine: str) -> Run:
    by_hand, prefix = name.startswith("handwritten"), f"{name}-{number}"
    contestant = bench.handwritten(prefix, machine) if by_hand else bench.longspan(prefix)
    return bench.throughput(contestant, workflows, machine)


def _ceiling(bench: Bench, prefix: str, events: int, weight: Weight) -> float:
    stream = f"{prefix}:events"
    with bench.client() as client:
        ceiling.fill(client, stream, events, weight)
        return events / ceiling.move(client, stream, events, weight)


def _events_per_commit(bench: Bench, number: int, workflows: int) -> float:
    """Of Longspan's run of this round: each commit has left one entry in a stream of changes."""
    keys = Keys(f"longspan-{number}")
    with bench.client() as client:
        partitions = int(client.hget(keys.layout, "partitions") or 0)
        facts = [client.xinfo_stream(keys.of(partition).changes) for partition in range(partitions)]
    commits: int = sum(each["entries-added"] for each in facts)
    return (workflows + WARM) * EVENTS_PER_WORKFLOW / commits
