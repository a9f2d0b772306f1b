"""A real OpenID Connect issuer on loopback: discovery and keys over HTTP, tokens signed with keys that change."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

NOW_SECONDS = 1_800_000_000


class LocalIssuer:
    """Counts what it is asked for in `asked`; waits with its keys for `gate`; `extra` goes into its documents."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.extra: dict[str, Any] = {}
        self.status = 200
        self._keys: dict[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/tenant/v2.0"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def add_key(self, key_id: str, curve: bool = False) -> None:
        """Sign with one key more."""
        self._keys[key_id] = (
            ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65_537, 2_048)
        )

    def drop_key(self, key_id: str) -> None:
        """No longer tell of a key."""
        del self._keys[key_id]

    def sign(self, key_id: str, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token with these claims beside those that every one has; a claim that is None is left out."""
        key = self._keys[key_id]
        algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
        said = {"iss": self.url, "aud": "api://longspan", "sub": "s-1", "exp": NOW_SECONDS + 600, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key, algorithm, {"kid": key_id, **(headers or {})})

    def answer(self, path: str) -> dict[str, Any]:
        """What it says under a path."""
        if path.endswith("/.well-known/openid-configuration"):
            return {"issuer": self.url, "jwks_uri": self.url.replace("/v2.0", "/keys"), **self.extra}
        self.gate.wait(10)
        return {"keys": [_describe(key_id, key) for key_id, key in self._keys.items()]}

    def stop(self) -> None:
        """Close the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@contextmanager
def local_issuer() -> Iterator[LocalIssuer]:
    """An issuer with the key `k1`, until the block ends."""
    issuer = LocalIssuer()
    issuer.add_key("k1")
    try:
        yield issuer
    finally:
        issuer.gate.set()
        issuer.stop()


def _describe(key_id: str, key: Any) -> dict[str, Any]:
    algorithm = (
        jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    )
    described: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return {**described, "kid": key_id, "use": "sig"}


def _handler(issuer: LocalIssuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            issuer.asked.append(self.path)
            content = json.dumps(issuer.answer(self.path)).encode()
            self.send_response(issuer.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
