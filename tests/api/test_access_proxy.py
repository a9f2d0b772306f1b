from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from api.peers import Peers
from tests.support.admission import Gate, bearer, gate, make_access, some_token, stored

PROXY = "10.1.0.5"
USER = {"X-Email": "anna@example.com"}


@pytest.fixture
def door() -> Iterator[Gate]:
    with gate(make_access((stored(1, "read"),), trusted="10.1.0.0/24", user_header="X-Email")) as opened:
        yield opened


def test_a_trusted_proxy_says_who_asks_and_in_which_groups(door: Gate) -> None:
    both = {**USER, "X-Groups": "others, viewers,operators"}
    assert door.get(peer=PROXY, headers=both).text == "proxy anna@example.com read+write"
    assert door.get(peer=PROXY, headers={**USER, "X-Groups": "viewers"}).text == "proxy anna@example.com read"
    assert door.get(peer=PROXY, headers={**USER, "X-Groups": "others"}).status_code == 403
    assert door.get(peer=PROXY, headers=USER).status_code == 403


def test_others_who_send_the_header_are_nobody_and_are_told_of_once(
    door: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    spoofed = {**USER, "X-Groups": "operators"}
    for peer in ("10.1.1.5", "192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7"):
        assert door.get(peer=peer, headers=spoofed).status_code == 401
    assert caplog.text.count("192.0.2.7 sends the header X-Email, and is not in LONGSPAN_TRUSTED_PROXIES") == 1
    assert door.get(peer="192.0.2.7", headers={**spoofed, **bearer(some_token(1))}).text == "token t1 read"


def test_a_proxy_that_names_nobody_or_two_lets_nobody_in(door: Gate) -> None:
    assert door.get(peer=PROXY, headers={"X-Groups": "viewers"}).status_code == 401
    twice = [("X-Email", "a@example.com"), ("X-Email", "b@example.com"), ("X-Groups", "viewers")]
    assert door.get(peer=PROXY, headers=twice).status_code == 401
    for user in ("", "x" * 257, "a\x85b"):
        headers = [(b"x-email", user.encode("latin-1")), (b"x-groups", b"viewers")]
        assert door.get(peer=PROXY, headers=headers).status_code == 401


def test_a_token_works_through_the_proxy_where_it_names_nobody(door: Gate) -> None:
    assert door.get(peer=PROXY, headers=bearer(some_token(1))).text == "token t1 read"


def test_no_page_of_another_site_writes_through_the_proxy(door: Gate) -> None:
    headers = {**USER, "X-Groups": "operators"}
    assert door.post(peer=PROXY, headers=headers).status_code == 200
    assert door.post(peer=PROXY, headers={**headers, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert door.post(peer=PROXY, headers={**headers, "Origin": "https://elsewhere.example"}).status_code == 403


def test_without_tokens_the_answer_names_the_proxy() -> None:
    with gate(make_access(trusted=PROXY, user_header="X-Email")) as door:
        answer = door.get(headers={"Accept": "text/html"})
        assert answer.status_code == 401
        assert "a sign-in by the proxy" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        (PROXY, "198.51.100.1", "198.51.100.1"),
        (PROXY, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (PROXY, "203.0.113.9, 198.51.100.1, 10.1.0.6", "198.51.100.1"),
        (PROXY, "rubbish", PROXY),
        (PROXY, "203.0.113.9, rubbish", PROXY),
        (PROXY, "", PROXY),
        ("::ffff:10.1.0.5", "2001:db8::1", "2001:db8::1"),
        (None, "198.51.100.1", "unknown"),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_not_trusted(peer: str | None, forwarded: str, client: str) -> None:
    peers = Peers((ip_network("10.1.0.0/24"),))
    headers = [(b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "scheme": "http", "client": (peer, 1) if peer else None, "headers": headers}
    assert peers.client(scope) == client


def test_https_is_believed_of_trusted_proxies_alone() -> None:
    peers = Peers((ip_network("10.1.0.0/24"),))
    scope = {"type": "http", "scheme": "http", "headers": [(b"x-forwarded-proto", b"http, https")]}
    assert peers.is_https({**scope, "client": (PROXY, 1)})
    assert not peers.is_https({**scope, "client": ("192.0.2.7", 1)})
    assert not Peers().is_https({**scope, "client": (PROXY, 1)})
    assert Peers().is_https({**scope, "scheme": "https", "client": None})
