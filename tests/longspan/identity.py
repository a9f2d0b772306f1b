"""An identity endpoint on loopback, as Azure's App Service has one, whose tokens are passwords of a user in Redis."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from redis import Redis


class IdentityEndpoint:
    """Gives tokens for `user` that live `life_seconds`, to whoever asks; each is a password of that user until it ends.

    `resources` are what tokens were asked for. While `refuses`, none is given; while `hangs`, there is no answer.
    """

    def __init__(self, redis: "Redis", user: str, life_seconds: int) -> None:
        self.resources: list[str] = []
        self.refuses = False
        self.hangs = False
        self.user = user
        self._redis: Any = redis  # redis-py leaves most of it untyped
        self._life_seconds = life_seconds
        self._tokens: list[tuple[int, str]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_answers())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def settings(self) -> dict[str, str]:
        """What makes azure-identity ask here."""
        port = self._server.server_port
        return {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}/token", "IDENTITY_HEADER": "any"}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._redis.execute_command("ACL", "DELUSER", self.user)

    def overstayed(self) -> list[dict[str, str]]:
        """The user's connections that are older than any token, which Azure would have closed."""
        facts = self._redis.client_list()
        return [fact for fact in facts if fact["user"] == self.user and int(fact["age"]) > self._life_seconds]

    def _answer(self, path: str) -> tuple[int, dict[str, Any]]:
        self.resources += parse_qs(urlsplit(path).query)["resource"]
        if self.hangs:
            self._ended.wait()
        if self.refuses:
            return 400, {"statusCode": 400, "message": "there is no such identity"}
        with self._lock:
            now = int(time.time())
            ends = now + self._life_seconds
            claims = {"exp": ends, "oid": self.user, "jti": str(len(self.resources))}
            token = jwt.encode(claims, "0" * 32, algorithm="HS256")
            old = [f"<{given}" for ended, given in self._tokens if ended <= now]
            self._tokens = [(ended, given) for ended, given in self._tokens if ended > now] + [(ends, token)]
            self._redis.execute_command("ACL", "SETUSER", self.user, "on", "~*", "+@all", *old, f">{token}")
        return 200, {
            "access_token": token,
            "expires_on": str(ends),
            "resource": self.resources[-1],
            "token_type": "Bearer",
        }

    def _make_answers(endpoint) -> type[BaseHTTPRequestHandler]:  # noqa: N805  the class in it has a self of its own
        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, answer = endpoint._answer(self.path)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        return Answers
