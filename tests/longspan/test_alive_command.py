"""`longspan alive` asks whoever runs on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests.longspan.processes import longspan
from tests.support.servers import free_port

CHECKS = b'{"checks": [{"check": "redis", "verdict": "fail", "detail": "away"}, {"check": "x", "verdict": "ok"}]}'


@contextmanager
def _answering(status: int, body: bytes) -> Iterator[int]:
    """A port of loopback that answers every path so."""

    class Exchange(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Exchange) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_a_worker_that_tells_its_port_is_asked_there(status: int, exit_status: int) -> None:
    with _answering(status, b"well\n") as port:
        asked = longspan("alive", settings={"LONGSPAN_HEALTH": f"0.0.0.0:{port}"})
    assert (asked.returncode, asked.stdout) == (exit_status, "well\n"), asked.stderr


def test_what_keeps_it_from_being_ready_is_told() -> None:
    with _answering(503, CHECKS) as port:
        asked = longspan("alive", "--ready", "--port", str(port), settings={})
    assert (asked.returncode, asked.stdout) == (1, "fail  redis  away\n"), asked.stderr


def test_nobody_there_is_a_no() -> None:
    port = free_port()
    asked = longspan("alive", "--port", str(port), settings={})
    assert asked.returncode == 1
    assert f"127.0.0.1:{port} does not answer" in asked.stderr
