"""An OTLP/HTTP receiver in memory: for the demo, and for tests that want to see what was really sent."""

import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from longspan.received import ReceivedSpan, decode_request

Answer = tuple[int, Mapping[str, str], bytes]
ACCEPTED: Answer = (200, {"Content-Type": "application/x-protobuf"}, b"")


class AnswerLost(Exception):  # noqa: N818  it is what happens to the answer, not a fault of the receiver
    """Raised by `answer`: the connection is closed without an answer. `kept` says whether the spans were accepted."""

    def __init__(self, *, kept: bool) -> None:
        self.kept = kept
        super().__init__("the answer is lost")


class ExportRequest:
    """One request: `path`, `headers` and the uncompressed `body`."""

    def __init__(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.body = body

    @cached_property
    def spans(self) -> list[ReceivedSpan]:
        """The spans in it, decoded when first asked for."""
        return decode_request(self.body)


class Receiver:
    """Listens on loopback at `endpoint` while it is entered as a context.

    A subclass overrides `answer` to refuse, delay or lose requests, and `keep` to do something else with what was
    accepted than to hold it in memory.
    """

    def __init__(self, port: int = 0) -> None:
        self.stopping = threading.Event()
        self.request_count = 0
        self._accepted: list[ExportRequest] = []
        self._changed = threading.Condition()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="receiver", daemon=True)

    def answer(self, request: ExportRequest) -> Answer:
        """Status, headers and body for a request; 2xx accepts its spans. May raise AnswerLost. Runs in many threads."""
        del request
        return ACCEPTED

    def keep(self, request: ExportRequest) -> None:
        """Take over an accepted request."""
        self._accepted.append(request)

    @property
    def endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT has to be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[ExportRequest]:
        """The accepted requests, in order of acceptance."""
        with self._changed:
            return list(self._accepted)

    @property
    def spans(self) -> list[ReceivedSpan]:
        """The spans of all accepted requests, in order of acceptance."""
        return [span for request in self.requests for span in request.spans]

    def wait_until(self, fact: Callable[[], bool], seconds: float = 10.0) -> bool:
        """Wait until `fact` holds, looking after every request; False when it does not within the time."""
        deadline = time.monotonic() + seconds
        while not fact():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._changed:
                self._changed.wait(min(left, 0.05))
        return True

    def start(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection."""
        self.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def respond(self, request: ExportRequest) -> Answer | None:
        """Count, answer and keep one request; None where the connection is to be closed unanswered."""
        with self._changed:
            self.request_count += 1
        answer: Answer | None
        try:
            answer = self.answer(request)
            kept = 200 <= answer[0] < 300
        except AnswerLost as lost:
            answer, kept = None, lost.kept
        with self._changed:
            if kept:
                self.keep(request)
            self._changed.notify_all()
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, receiver: Receiver, port: int) -> None:
        self.receiver = receiver
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Exchange)

    def server_bind(self) -> None:
        # HTTPServer asks the name service for the host's name here, which may take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in tuple(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._connections.discard(connection)  # closed by the other side in the same moment

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address  # a client that goes away in the middle is ordinary here


class _Exchange(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one segment

    def do_POST(self) -> None:  # the name that http.server calls
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/traces":
            return self._answer(404, {}, b"")
        try:
            compressed = self.headers.get("Content-Encoding") in ("gzip", "deflate")
            body = zlib.decompress(sent, wbits=47) if compressed else sent  # 47: tells gzip from zlib by itself
            answer = self.server.receiver.respond(ExportRequest(self.path, dict(self.headers), body))
        except zlib.error as error:
            return self._answer(400, {"Content-Type": "text/plain"}, str(error).encode())
        if answer is None:
            self.close_connection = True
            return None
        return self._answer(*answer)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the answers are the callers' to see."""
