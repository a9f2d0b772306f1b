from collections.abc import Iterator

import pytest

from api.headers import SECURITY_HEADERS
from tests.support.admission import Gate, bearer, gate, make_access, some_token, stored

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@pytest.fixture
def door() -> Iterator[Gate]:
    with gate(make_access((stored(1, "read"),), trusted="10.1.0.5")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/things/1", 200),
        ("HEAD", "/things/1", 200),
        ("POST", "/things/1", 403),
        ("TRACE", "/things/1", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/%FF", 400),
        ("GET", "/login", 200),
        ("POST", "/login", 401),
        ("GET", "/livez", 200),
    ],
)
def test_every_answer_has_them(door: Gate, method: str, path: str, status: int) -> None:
    answer = door.ask(method, path, headers=bearer(some_token(1)))
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Server" not in answer.headers
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_strict_transport_is_asked_for_behind_https_alone(door: Gate) -> None:
    assert "Strict-Transport-Security" not in door.get("/livez").headers
    assert door.get("/livez", base="https://longspan.example").headers["Strict-Transport-Security"]
    told = {"X-Forwarded-Proto": "https"}
    assert "Strict-Transport-Security" not in door.get("/livez", headers=told).headers
    assert door.get("/livez", peer="10.1.0.5", headers=told).headers["Strict-Transport-Security"]
