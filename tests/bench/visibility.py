"""From XADD to what the API says: how long an event takes to be seen while a worker has half of what it can do."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from subprocess import PIPE, Popen

from tests.bench.api import wait_until_ready
from tests.bench.figures import Figures, percentile
from tests.bench.measurement import PATIENCE_SECONDS, WARM, Bench
from tests.bench.processes import python, started
from tests.bench.scenario import SPANS_PER_WORKFLOW, events, workflow
from tests.support.servers import free_port

PAUSE_SECONDS = 0.03  # between two probes: odd to the producer's, so that they fall anywhere in its bursts
_AGAIN_SECONDS = 0.002  # between two looks for one probe: more often, they would be most of the load
_LEAD_SECONDS = 2.0  # from the first event offered to the first probe, and from the last probe to the end


def measure(bench: Bench, prefix: str, workflows: int, seconds: float, tell: Callable[[str], None]) -> Figures:
    """Times (ms) from just before an XADD until `GET /workflows/{id}` has answered with the workflow it starts.

    Full load is what a worker does with `workflows` in front of it, in the same run; half of that is offered.
    """
    full = bench.throughput(bench.longspan(f"{prefix}-full"), workflows).events_per_second
    command, environment, stream = bench.longspan(prefix)
    port = free_port()
    serve = python("longspan", "api", "--port", str(port), "--machines", str(bench.machines))
    figures = Figures()
    bench.collector.clear()
    with (
        started(command, environment, bench.logs / f"{prefix}.log") as worker,
        started(serve, environment, bench.logs / f"{prefix}-api.log") as api,
    ):
        wait_until_ready(port, api)
        bench.append(stream, events(WARM, "warm"))
        bench.collector.wait_for(WARM * SPANS_PER_WORKFLOW, worker)
        with _offered(bench, stream, full / 2, seconds + 2 * _LEAD_SECONDS) as producer:
            time.sleep(_LEAD_SECONDS)
            for took in _probe(bench, port, stream, seconds):
                figures.add("visible_ms", took * 1_000)
            assert producer.stdout is not None
            offered = float(producer.stdout.readline())
    figures.add("visible_p50_ms", percentile(figures["visible_ms"], 50))
    figures.add("visible_p99_ms", percentile(figures["visible_ms"], 99))
    figures.add("offered", offered)
    figures.add("offered_share", offered / full)
    tell(
        f"visible in the API at {offered:,.0f} of {full:,.0f} events/s: "
        f"p50 {figures['visible_p50_ms'][0]:.1f} ms, p99 {figures['visible_p99_ms'][0]:.1f} ms"
    )
    return figures


def _probe(bench: Bench, port: int, stream: str, seconds: float) -> Iterator[float]:
    """Seconds that each probe took, one after the other. Raises RuntimeError where one is never seen."""
    connection = HTTPConnection("127.0.0.1", port)
    begin, number = time.monotonic(), 0
    with bench.client() as client:
        while time.monotonic() - begin < seconds:
            number += 1
            fields = workflow(f"probe-{number}", 0, time.time_ns())[0]
            sent = time.monotonic()
            client.execute_command("XADD", stream, "*", *(part for pair in fields.items() for part in pair))
            while not _is_there(connection, fields["subject"]):
                if time.monotonic() - sent > PATIENCE_SECONDS:
                    raise RuntimeError(f"{fields['subject']} was not in the API after {PATIENCE_SECONDS} s")
                time.sleep(_AGAIN_SECONDS)
            yield time.monotonic() - sent
            time.sleep(PAUSE_SECONDS)
    connection.close()


def _is_there(connection: HTTPConnection, subject: str) -> bool:
    connection.request("GET", f"/workflows/{subject}")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status not in (200, 404):
        raise RuntimeError(f"GET /workflows/{subject}: {answer.status} {body[:200]!r}")
    return answer.status == 200


@contextmanager
def _offered(bench: Bench, stream: str, rate: float, seconds: float) -> "Iterator[Popen[str]]":
    """A producer that has begun."""
    command = python("tests.bench.offering", bench.server.url, stream, str(rate), str(seconds), "offered")
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdout.readline()
            process.stdin.write("\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()
