"""Two exporters never send the same spans: a successor waits for the one that has a request in hand."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from longspan.receiver import Answer, ExportRequest, Receiver
from streams.keys import Keys
from tests.journey.running import is_drained, send, worker
from tests.support.servers import Server
from tests.support.waiting import wait_for

EXAMPLES = Path(__file__).parents[2] / "machines" / "examples"


class SlowReceiver(Receiver):
    """Holds the first request until `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Event()
        self.go = threading.Event()

    def answer(self, request: ExportRequest) -> Answer:
        self.arrived.set()
        self.go.wait(60)
        return super().answer(request)


@contextmanager
def _slow_receiver() -> Iterator[SlowReceiver]:
    with SlowReceiver() as receiver:
        try:
            yield receiver
        finally:
            receiver.go.set()


def _cancelled(subject: str) -> list[Mapping[str, str]]:
    """A calculation that is cancelled at once: three spans."""
    event = {"subject": subject, "machine": "risk-calculation"}
    return [
        event | {"id": "1", "type": "com.example.risk.submitted"},
        event | {"id": "2", "type": "com.example.risk.cancelled"},
    ]


def test_a_worker_killed_with_a_request_in_hand_is_succeeded_without_a_span_sent_twice(
    redis_server: Server, prefix: str, tmp_path: Path
) -> None:
    client, keys = redis_server.client(), Keys(prefix)
    with _slow_receiver() as receiver, worker(redis_server, receiver, prefix, EXAMPLES, tmp_path) as first:
        send(client, prefix, _cancelled("one"))
        assert receiver.arrived.wait(30)
        orphan = client.hget(keys.of(0).exporter, "nonce")
        first.kill_parent()
        with worker(redis_server, receiver, prefix, EXAMPLES, tmp_path):
            send(client, prefix, _cancelled("two"))
            assert wait_for(lambda: client.xlen(keys.events) == 0, 30)
            receiver.go.set()
            assert wait_for(lambda: is_drained(client, prefix), 30)
            assert client.hget(keys.of(0).exporter, "nonce") != orphan
    assert len(receiver.spans) == len({span.span_id for span in receiver.spans}) == 6
    client.close()


def test_two_workers_send_every_span_once(redis_server: Server, prefix: str, tmp_path: Path) -> None:
    client = redis_server.client()
    with (
        Receiver() as receiver,
        worker(redis_server, receiver, prefix, EXAMPLES, tmp_path),
        worker(redis_server, receiver, prefix, EXAMPLES, tmp_path),
    ):
        for number in range(20):
            send(client, prefix, _cancelled(f"risk-{number}"))
        assert wait_for(lambda: is_drained(client, prefix), 30)
        assert wait_for(lambda: len(receiver.spans) >= 60, 30)
    assert len(receiver.spans) == len({span.span_id for span in receiver.spans}) == 60
    client.close()
