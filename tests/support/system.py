"""A system with a REST API, as tests script it: real HTTP on loopback, and whatever answers a system can give."""

import json
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `raw` is sent instead of HTTP, as it is; `held` is waited for before anything is sent."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    held: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came."""

    path: str
    headers: Mapping[str, str]


def tells(document: object, **headers: str) -> Answer:
    """An answer of JSON."""
    return Answer(200, json.dumps(document).encode(), {"Content-Type": "application/json", **headers})


class System:
    """Answers by path what `answers` says: an Answer, or a function that gives one; all else what `otherwise` says of
    it, or 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[Asked], Answer]] = {}
        self.otherwise: Callable[[Asked], Answer | None] = lambda _: None
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def times_asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(asked.path == path for asked in list(self.asked))

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.asked.append(asked)
            scripted = self.answers.get(asked.path) or self.otherwise(asked) or Answer(404, b"there is none")
            answer = scripted if isinstance(scripted, Answer) else scripted(asked)
            while answer.held is not None and not answer.held.wait(0.02) and not self._closing.is_set():
                pass
            return answer
        finally:
            with self._lock:
                self._at_once -= 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], system: System) -> None:
        self.system = system
        super().__init__(address, _Exchange)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what the tests are about."""


class _Exchange(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    timeout = 30

    def do_GET(self) -> None:  # the name that http.server calls
        answer = self.server.system.answer(Asked(self.path, dict(self.headers.items())))
        if answer.raw is not None:
            self.wfile.write(answer.raw)
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in ({"Content-Length": str(len(answer.body))} | dict(answer.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
