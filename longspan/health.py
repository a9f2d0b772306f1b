"""Probes and metrics over HTTP: `/livez`, `/readyz` and `/metrics` of a worker or a poller, for whoever watches it."""

import contextlib
import json
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol, Self

from api.findings import Finding
from longspan.errors import ListenError
from longspan.metrics import Metrics
from longspan.readiness import Watched
from longspan.store import Store

logger = logging.getLogger(__name__)

SCRAPE_SECONDS = 2.0  # until a scrape does without what Redis would have said
MOST_CONNECTIONS = 16
SILENT_SECONDS = 5.0  # until a client that says nothing is let go
WHOLE_SECONDS = 10.0  # until any client is
_POLL_SECONDS = 0.1

_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
Answer = tuple[int, str, bytes]


class Observed(Protocol):
    """A process that is asked how it is."""

    def is_live(self) -> bool: ...
    def examine(self) -> Iterable[Finding]: ...


class Measured(Protocol):
    """What tells its metrics, in the format that an `Accept` header asks for."""

    def render(self, accept: str) -> tuple[bytes, str]: ...
    def close(self) -> None: ...


def start_health(address: tuple[str, int], watched: Watched, store: Store) -> "Health":
    """Serve what is watched, on `address`, with a connection of its own to the store. Raises ListenError."""
    from streams.client import connect

    client = connect(store.url, store.credentials, SCRAPE_SECONDS)
    try:
        return Health(address, watched, Metrics(watched, client, store.keys)).start()
    except ListenError:
        client.close()
        raise


class Health:
    """Listens on `address` from `start` to `stop`. Raises ListenError where nobody can listen there.

    One thread a request, and at most MOST_CONNECTIONS of them: those beyond are closed unanswered.
    """

    def __init__(self, address: tuple[str, int], watched: Observed, metrics: Measured) -> None:
        self._watched = watched
        self._metrics = metrics
        try:
            self._server = _Server(address, self)
        except OSError as error:
            raise ListenError("LONGSPAN_HEALTH", address, error) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="health", daemon=True
        )

    @property
    def address(self) -> str:
        """Where it listens, as the beginning of a URL."""
        host, port = self._server.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        logger.info("probes and metrics: %s/livez, /readyz, /metrics", self.address)
        return self

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self._server.close_connections(0.0)
        self._metrics.close()

    def answer(self, path: str, accept: str) -> Answer:
        """Status, content type and body for a GET."""
        if path == "/livez":
            live = self._watched.is_live()
            return (200, _TEXT, b"ok\n") if live else (503, _TEXT, b"the loop does not turn\n")
        if path == "/readyz":
            findings = list(self._watched.examine())
            ready = all(finding.verdict != "fail" for finding in findings)
            body = {"ready": ready, "checks": [asdict(finding) for finding in findings]}
            return 200 if ready else 503, _JSON, json.dumps(body, indent=2).encode() + b"\n"
        if path == "/metrics":
            body_bytes, content_type = self._metrics.render(accept)
            return 200, content_type, body_bytes
        return 404, _TEXT, b"there are /livez, /readyz and /metrics\n"


class _Server(socketserver.ThreadingTCPServer):
    # Not http.server's: that asks the name service for the host's name, which may take seconds.
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS
    block_on_close = False

    def __init__(self, address: tuple[str, int], health: Health) -> None:
        self.health = health
        self._since: dict[socket.socket, float] = {}
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Exchange)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more."""
        del client_address
        if len(self._since) >= MOST_CONNECTIONS:
            return False
        self._since[request] = time.monotonic()
        return True

    def shutdown_request(self, request: Any) -> None:
        self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called between requests: lets those go that send or read their bytes one by one."""
        self.close_connections(WHOLE_SECONDS)

    def close_connections(self, older_seconds: float) -> None:
        """Close connections that are at least that old."""
        now = time.monotonic()
        for connection, since in list(self._since.items()):
            if now - since >= older_seconds:
                with contextlib.suppress(OSError):  # closed by the other side in the same moment
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is ordinary; anything else is told, and stops nothing."""
        del request, client_address
        logger.debug("a request for a probe came to nothing", exc_info=True)


class _Exchange(BaseHTTPRequestHandler):
    server: _Server
    timeout = SILENT_SECONDS
    wbufsize = -1  # headers and body leave in one segment

    def do_GET(self) -> None:  # the name that http.server calls
        try:
            answer = self.server.health.answer(self.path.partition("?")[0], self.headers.get("Accept", ""))
        except Exception:
            logger.exception("%s could not be answered", self.path.partition("?")[0])
            answer = 500, _TEXT, b"this failed; the log says why\n"
        self._answer(*answer)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server calls for a request that it does not take: another method, or no HTTP at all."""
        del message, explain
        self.close_connection = True
        if code == 501:
            self._answer(405, _TEXT, b"only GET\n", ("Allow", "GET"))
        else:
            self._answer(code, _TEXT, b"this is no request that can be answered\n")

    def _answer(self, status: int, content_type: str, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response_only(status)
        for name, value in (("Content-Type", content_type), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: probes come every few seconds."""
