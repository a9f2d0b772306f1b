import asyncio
import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import jwt
import pytest

from api.discovery import DiscoveryError, fetch_keys
from api.issuer_keys import FRESH_SECONDS, PAUSE_SECONDS, IssuerKeys
from api.oidc import LEEWAY_SECONDS, Oidc
from tests.support.admission import NOW_NS, ROLES, Gate, bearer, gate, make_access
from tests.support.issuer import NOW_SECONDS, LocalIssuer, local_issuer
from tests.support.waiting import wait_for

AUDIENCES = frozenset({"api://longspan", "0a1b"})


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    with local_issuer() as issuer:
        yield issuer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(issuer: LocalIssuer, clock: Clock) -> Iterator[Gate]:
    keys = IssuerKeys(partial(fetch_keys, issuer.url), clock)
    with gate(make_access(oidc=Oidc(issuer.url, AUDIENCES, ROLES, keys, lambda: NOW_NS))) as opened:
        yield opened


def _refused(answer: httpx.Response) -> str:
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    return str(answer.json()["detail"])


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"roles": ["viewers", "others"]}, "read"),
        ({"groups": ["operators"]}, "write"),
        ({"scp": "openid viewers operators"}, "read+write"),
        ({"scope": "viewers"}, "read"),
        ({"scp": ["viewers"], "roles": "operators"}, "read+write"),
    ],
)
def test_roles_groups_and_scopes_of_a_token_give_its_scopes(
    door: Gate, issuer: LocalIssuer, claims: dict[str, Any], scopes: str
) -> None:
    token = issuer.sign("k1", preferred_username="anna@example.com", **claims)
    method = "GET" if "read" in scopes else "POST"
    assert door.ask(method, "/things/1", headers=bearer(token)).text == f"oidc anna@example.com {scopes}"


def test_a_token_without_a_role_is_let_in_nowhere(door: Gate, issuer: LocalIssuer) -> None:
    answer = door.get(headers=bearer(issuer.sign("k1", roles=[7, None, "admins"])))
    assert answer.status_code == 403
    assert 'error="insufficient_scope", scope="read"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "api://other"}, "another audience"),
        ({"aud": ["x", 7]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"iss": "https://elsewhere.example"}, "another issuer"),
        ({"exp": NOW_SECONDS - LEEWAY_SECONDS}, "has expired"),
        ({"exp": None}, "no number"),
        ({"nbf": NOW_SECONDS + LEEWAY_SECONDS + 1}, "not valid yet"),
        ({"headers": {"kid": 7}}, "does not verify|kid|neither"),
    ],
)
def test_a_token_for_others_or_another_time_is_refused_before_the_issuer_is_asked(
    door: Gate, issuer: LocalIssuer, claims: dict[str, Any], reason: str
) -> None:
    if claims.pop("headers", None):
        token = _with_header(issuer.sign("k1", roles=["viewers"]), kid=7)
    else:
        token = issuer.sign("k1", roles=["viewers"], **claims)
    said = _refused(door.get(headers=bearer(token)))
    assert any(part in said for part in reason.split("|"))
    assert not issuer.asked


def test_clocks_may_differ_by_a_minute(door: Gate, issuer: LocalIssuer) -> None:
    token = issuer.sign("k1", roles=["viewers"], exp=NOW_SECONDS - 59, nbf=NOW_SECONDS + 60)
    assert door.get(headers=bearer(token)).status_code == 200


def test_a_changed_token_and_a_key_of_another_sort_do_not_verify(door: Gate, issuer: LocalIssuer) -> None:
    token = issuer.sign("k1", roles=["viewers"])
    head, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = _part({**claims, "roles": ["operators"]})
    assert "does not verify" in _refused(door.get(headers=bearer(f"{head}.{forged}.{signature}")))
    issuer.add_key("k2", curve=True)
    other = issuer.sign("k2", headers={"kid": "k1"}, roles=["viewers"])
    assert "does not verify" in _refused(door.get(headers=bearer(other)))
    assert payload != forged
    assert "does not verify" in _refused(door.get(headers=bearer(issuer.sign("k1", sub=None, roles=["x"], jti=7))))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", 7, None, [], {}])
def test_only_public_key_algorithms_are_accepted(door: Gate, issuer: LocalIssuer, algorithm: object) -> None:
    token = _with_header(issuer.sign("k1", roles=["viewers"]), alg=algorithm)
    assert _refused(door.get(headers=bearer(token)))
    assert not issuer.asked


def test_keys_of_curves_work(door: Gate, issuer: LocalIssuer) -> None:
    issuer.add_key("e1", curve=True)
    assert door.get(headers=bearer(issuer.sign("e1", roles=["viewers"]))).status_code == 200


def test_a_new_key_is_asked_for_and_an_old_one_forgotten(door: Gate, issuer: LocalIssuer, clock: Clock) -> None:
    old = issuer.sign("k1", roles=["viewers"])
    assert door.get(headers=bearer(old)).status_code == 200
    issuer.add_key("k2")
    issuer.drop_key("k1")
    clock.seconds += PAUSE_SECONDS
    assert door.get(headers=bearer(issuer.sign("k2", roles=["viewers"]))).status_code == 200
    assert len(issuer.asked) == 4
    assert "no key of" in _refused(door.get(headers=bearer(old)))


def test_a_flood_of_unknown_keys_asks_the_issuer_once_in_a_while(door: Gate, issuer: LocalIssuer, clock: Clock) -> None:
    good = issuer.sign("k1", roles=["viewers"])
    tokens = [_with_header(good, kid=f"unknown-{number}") for number in range(50)]

    async def flood() -> None:
        await asyncio.gather(*(door.together(1, "/things/1", headers=bearer(token)) for token in tokens))

    asyncio.run(flood())
    asyncio.run(flood())
    assert len(issuer.asked) == 2
    clock.seconds += PAUSE_SECONDS
    asyncio.run(flood())
    assert len(issuer.asked) == 4


def test_while_the_issuer_does_not_answer_its_keys_go_on_working(
    door: Gate, issuer: LocalIssuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    token = issuer.sign("k1", roles=["viewers"])
    assert door.get(headers=bearer(token)).status_code == 200
    issuer.stop()
    clock.seconds += FRESH_SECONDS

    async def ask_until_told() -> None:
        assert (await door.together(1, "/things/1", headers=bearer(token)))[0].status_code == 200
        await asyncio.to_thread(wait_for, lambda: "the keys that it had stay" in caplog.text)

    asyncio.run(ask_until_told())
    assert door.get(headers=bearer(token)).status_code == 200


def test_an_issuer_that_never_answered_is_no_fault_of_the_token(door: Gate, issuer: LocalIssuer) -> None:
    token = issuer.sign("k1", roles=["viewers"])
    issuer.stop()
    answer = door.get(headers=bearer(token))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"


def test_asking_the_issuer_holds_nobody_else_up(door: Gate, issuer: LocalIssuer) -> None:
    issuer.gate.clear()
    token = issuer.sign("k1", roles=["viewers"])

    async def meet() -> None:
        waiting = asyncio.create_task(door.together(20, "/things/1", headers=bearer(token)))
        await asyncio.to_thread(wait_for, lambda: len(issuer.asked) == 2)
        assert (await door.together(1, "/livez"))[0].status_code == 200
        assert not waiting.done()
        issuer.gate.set()
        assert {answer.status_code for answer in await waiting} == {200}

    asyncio.run(meet())
    assert len(issuer.asked) == 2


@pytest.mark.parametrize(
    ("extra", "status", "reason"),
    [
        ({"issuer": "https://elsewhere.example"}, 200, "says that the issuer is 'https://elsewhere.example'"),
        ({"jwks_uri": "file:///etc/keys"}, 200, "names no jwks_uri"),
        ({"jwks_uri": 7}, 200, "names no jwks_uri"),
        ({"padding": "x" * 600_000}, 200, "says more than 524288 bytes"),
        ({}, 302, "answers 302"),
    ],
)
def test_a_discovery_document_that_cannot_be_right_is_not_used(
    issuer: LocalIssuer, extra: dict[str, Any], status: int, reason: str
) -> None:
    issuer.extra, issuer.status = extra, status
    with pytest.raises(DiscoveryError, match=reason):
        fetch_keys(issuer.url)


def test_what_is_logged_of_a_refused_token_holds_nothing_of_it(
    door: Gate, issuer: LocalIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    token = issuer.sign("k1", roles=["viewers"], aud="else", name="anna")
    with caplog.at_level(logging.DEBUG, "api"):
        door.get(headers=bearer(token))
    assert "the token is for another audience" in caplog.text
    assert not [part for part in token.split(".") if part in caplog.text]


def _part(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _with_header(token: str, **fields: object) -> str:
    _, payload, signature = token.split(".")
    return f"{_part({'alg': 'RS256', 'kid': 'k1', **fields})}.{payload}.{signature}"
