import asyncio
import logging

import pytest

from api.attempts import MOST_FAILURES, MOST_PEERS, WINDOW_SECONDS, Attempts
from api.credentials import LONGEST_TOKEN
from tests.support.admission import NOW_NS, bearer, gate, make_access, some_token, stored

READER, WRITER = stored(1, "read"), stored(2, "write")
TOKENS = (READER, WRITER)


def test_a_token_lets_in_as_far_as_its_scopes_go() -> None:
    with gate(make_access(TOKENS)) as door:
        assert door.get(headers=bearer(some_token(1))).text == "token t1 read"
        assert door.post(headers=bearer(some_token(2))).text == "token t2 write"
        refused = door.post(headers=bearer(some_token(1)))
        assert refused.status_code == 403
        assert refused.json()["detail"] == "this needs a token with the scope write: yours has read"
        assert 'error="insufficient_scope", scope="write"' in refused.headers["WWW-Authenticate"]


def test_without_a_token_only_what_needs_none_is_answered() -> None:
    with gate(make_access(TOKENS)) as door:
        assert door.get("/livez").status_code == 200
        answer = door.get()
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="longspan"'
        assert "Authorization: Bearer TOKEN" in answer.json()["detail"]
        assert door.get(headers={"Authorization": "Basic dXNlcjpzZWNyZXQ="}).status_code == 401
        assert door.get("/things/1?access_token=" + some_token(1)).status_code == 401


def test_an_expired_token_and_one_of_another_namespace_are_told_apart() -> None:
    old = stored(3, "read", expires_ns=NOW_NS)
    young = stored(4, "read", expires_ns=NOW_NS + 1)
    other, every = stored(5, "read", namespace="shop"), stored(6, "read", namespace=None)
    with gate(make_access((old, young, other, every))) as door:
        assert door.get(headers=bearer(some_token(3))).json()["detail"] == "the token has expired"
        assert door.get(headers=bearer(some_token(4))).status_code == 200
        refused = door.get(headers=bearer(some_token(5)))
        assert refused.status_code == 403
        assert "for the namespace 'shop', and this is 'default'" in refused.json()["detail"]
        assert door.get(headers=bearer(some_token(6))).status_code == 200


RUBBISH = [
    "x",
    "lsp_",
    some_token(1)[:-1],
    some_token(99),
    "a.b.c",
    "x" * LONGEST_TOKEN * 8,
    "{" * 8_000,
    "two tokens",
    "\u00fc" * 50,
    "\t",
]


@pytest.mark.parametrize("token", RUBBISH)
def test_rubbish_is_refused_and_never_logged(token: str, caplog: pytest.LogCaptureFixture) -> None:
    with gate(make_access(TOKENS)) as door:
        answer = door.get(headers=[(b"authorization", b"Bearer " + token.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].isascii()
    assert len(answer.content) < 500
    assert len(token.strip()) < 5 or token not in caplog.text


def test_a_token_that_is_too_long_is_not_even_looked_at() -> None:
    with gate(make_access(TOKENS)) as door:
        answer = door.get(headers=bearer("a." * LONGEST_TOKEN))
        assert answer.json()["detail"] == f"a token has 1 to {LONGEST_TOKEN} printable ASCII characters"


def test_two_tokens_are_a_bad_request() -> None:
    header = (b"authorization", f"Bearer {some_token(1)}".encode())
    with gate(make_access(TOKENS)) as door:
        assert asyncio.run(door.raw([header, header])) == 400
        assert asyncio.run(door.raw([header, *[(b"x-%d" % number, b"y") for number in range(10_000)]])) == 200


def test_who_fails_often_is_told_to_wait_and_the_log_stays_short(caplog: pytest.LogCaptureFixture) -> None:
    seconds = [0.0]
    with gate(make_access(TOKENS, now_seconds=lambda: seconds[0])) as door:
        wrong = bearer(some_token(99))
        statuses = [door.get(headers=wrong).status_code for _ in range(MOST_FAILURES + 5)]
        assert statuses == [401] * MOST_FAILURES + [429] * 5
        assert door.get(headers=wrong).headers["Retry-After"] == f"{WINDOW_SECONDS:.0f}"
        assert caplog.text.count("was refused: nobody has this token") == MOST_FAILURES
        assert door.get(headers=wrong, peer="192.0.2.8").status_code == 401
        seconds[0] = WINDOW_SECONDS
        assert door.get(headers=wrong).status_code == 401


def test_a_right_token_is_let_in_however_often_others_at_the_same_address_fail() -> None:
    with gate(make_access(TOKENS)) as door:
        for _ in range(MOST_FAILURES + 1):
            door.get(headers=bearer("x"))
        assert door.get(headers=bearer(some_token(1))).status_code == 200


def test_failures_are_counted_for_so_many_peers_and_networks_of_ipv6() -> None:
    attempts = Attempts(lambda: 0.0)
    for number in range(MOST_PEERS * 2):
        attempts.fail(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(attempts) == MOST_PEERS
    waits = [attempts.fail(f"2001:db8::{number:x}") for number in range(MOST_FAILURES + 1)]
    assert waits[-1] == WINDOW_SECONDS
    assert attempts.fail("2001:db8:0:1::1") is None


def test_without_tokens_only_names_of_this_machine_are_answered() -> None:
    with gate(make_access()) as door:
        for base in ("http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080", "http://demo.localhost"):
            assert door.get(base=base).text == "open local read+write"
        for base in ("http://rebound.example", "http://localhost.example", "http://127.0.0.1.example:80"):
            answer = door.get(base=base)
            assert answer.status_code == 421
            assert "LONGSPAN_API_TOKENS" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"}, 200),
        ({"Origin": "http://localhost:8080"}, 200),
        ({"Origin": "http://localhost:9000"}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[bad"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8080"}, 403),
    ],
)
def test_no_page_of_another_site_writes_to_an_open_api(headers: dict[str, str], status: int) -> None:
    with gate(make_access()) as door:
        assert door.post(base="http://localhost:8080", headers=headers).status_code == status


def test_a_token_in_a_header_needs_no_origin_since_no_browser_adds_it() -> None:
    with gate(make_access(TOKENS)) as door:
        headers = {**bearer(some_token(2)), "Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        assert door.post(headers=headers).status_code == 200


def test_metrics_need_the_scope_read_unless_they_are_opened() -> None:
    with gate(make_access(TOKENS)) as door:
        assert door.get("/metrics").status_code == 401
        assert door.get("/metrics", headers=bearer(some_token(2))).status_code == 403
    with gate(make_access(TOKENS, open_paths=frozenset({b"/metrics"}))) as door:
        assert door.get("/metrics").text == "open anybody read"
        assert door.get().status_code == 401


def test_odd_methods_are_refused() -> None:
    with gate(make_access(TOKENS)) as door:
        for method in ("TRACE", "CONNECT", "PUT", "PATCH", "OPTIONS", "PROPFIND"):
            answer = door.ask(method, "/things/1", headers=bearer(some_token(1)))
            assert answer.status_code == 405
            assert answer.headers["Allow"] == "GET, HEAD, POST"
            assert "Access-Control-Allow-Origin" not in answer.headers


def test_every_write_has_one_audit_line_without_the_token(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "longspan.audit"), gate(make_access(TOKENS)) as door:
        door.post('/things/a"b%0A', headers=bearer(some_token(2)))
        door.post(headers=bearer(some_token(1)))
        door.get(headers=bearer(some_token(1)))
        door.post("/things/2?wrong=1", headers=bearer(some_token(2)))
    lines = [record.getMessage() for record in caplog.records if record.name == "longspan.audit"]
    told = 'who="t{}" way="token" what="POST /things/{{id}}" id={}'
    assert lines == [
        told.format(2, r'"a\"b\n"') + ' events=3 status=200 peer="192.0.2.7"',
        told.format(1, '"1"') + ' status=403 peer="192.0.2.7"',
        told.format(2, '"2"') + ' status=400 peer="192.0.2.7"',
    ]


def test_audit_lines_stay_when_less_is_logged() -> None:
    assert logging.getLogger("longspan.audit").isEnabledFor(logging.INFO)
