"""A server on loopback that answers as a Tempo does, about spans that it is given."""

import threading
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.sdk.resources import Resource

from spans.otlp import Envelope
from spans.protobuf import sized

UNKNOWN = bytes.fromhex("0a001200")  # recorded: what Tempo 3.0 answers for a trace that it does not know
PARTIAL = b"\x18\x01\x22" + sized(b"trace exceeds max size")


class TempoServer:
    """Has the `spans` it is given, encoded, by trace. `answers` are given before all else: status and body."""

    def __init__(self) -> None:
        self.traces: dict[str, list[bytes]] = {}
        self.suffix = b""
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.echo = b"echo"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def store(self, spans: Iterable[bytes]) -> None:
        """Take spans."""
        for span in spans:
            self.traces.setdefault(span[2:18].hex(), []).append(span)

    def body(self, trace_id: str) -> bytes:
        """The TraceByIDResponse of a trace."""
        spans = self.traces.get(trace_id)
        if spans is None:
            return UNKNOWN
        return b"\x0a" + sized(Envelope(Resource({"service.name": "longspan"})).wrap(spans)) + b"\x12\x00" + self.suffix

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _make_handler(self) -> Any:
        tempo = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                tempo.asked.append((self.path, dict(self.headers)))
                status, body, kind = 200, tempo.echo, "text/plain"
                if self.path != "/api/echo":
                    trace_id = self.path.rpartition("/")[2]
                    kind = "application/protobuf"
                    status, body = tempo.answers.pop(0) if tempo.answers else (200, tempo.body(trace_id))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        return Handler
