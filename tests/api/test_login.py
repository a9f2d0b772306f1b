from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from api.challenges import local_path
from api.login import LONGEST_COOKIE
from tests.support.admission import Gate, bearer, gate, make_access, some_token, stored

HTML = {"Accept": "text/html,application/xhtml+xml"}
TLS = "https://longspan.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def door() -> Iterator[Gate]:
    tokens = (stored(1, "read"), stored(2, "read", "write"), stored(3, "read", expires_ns=0))
    with gate(make_access(tokens, trusted="10.1.0.5")) as opened:
        yield opened


def _sign_in(door: Gate, token: str, target: str = "/things/1", base: str = TLS, **headers: str) -> httpx.Response:
    content = f"token={quote(token)}&next={quote(target)}"
    return door.post("/login", base=base, content=content, headers={**FORM, **headers})


def _cookie(token: str) -> dict[str, str]:
    return {"Cookie": f"__Host-longspan-token={token}"}


def test_a_page_without_access_leads_to_the_login_page_and_back(door: Gate) -> None:
    answer = door.get("/things/a%2Fb?attr.x=1&y=%26", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=/things/a%252Fb%3Fattr.x%3D1%26y%3D%2526"
    page = door.get(answer.headers["Location"])
    assert page.status_code == 200
    assert 'value="/things/a%2Fb?attr.x=1&amp;y=%26"' in page.text
    assert door.get(headers={"Accept": "application/json"}).status_code == 401
    assert door.post(headers=HTML).status_code == 401


def test_a_token_becomes_a_cookie_that_only_this_site_sends(door: Gate) -> None:
    answer = _sign_in(door, f" {some_token(2)}\n")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/things/1"
    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert name == f"__Host-longspan-token={some_token(2)}"
    assert sorted(attributes) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=strict", "Secure"]
    assert door.get(base=TLS, headers=_cookie(some_token(2))).text == "token t2 read+write"


def test_without_https_the_cookie_goes_without_what_https_promises(door: Gate) -> None:
    plain = _sign_in(door, some_token(1), base="http://longspan.example").headers["Set-Cookie"]
    assert plain.startswith("longspan-token=lsp_")
    assert "Secure" not in plain
    content = f"token={some_token(1)}"
    headers = {**FORM, "X-Forwarded-Proto": "https"}
    assert "Secure" in door.post("/login", peer="10.1.0.5", content=content, headers=headers).headers["Set-Cookie"]
    assert door.get(base=TLS, headers={"Cookie": f"longspan-token={some_token(1)}"}).status_code == 401


@pytest.mark.parametrize("token", ["", "x", some_token(3), some_token(9), "\u20ac" * 10, "x" * (LONGEST_COOKIE + 1)])
def test_a_wrong_token_is_told_on_the_page(door: Gate, token: str) -> None:
    answer = _sign_in(door, token)
    assert answer.status_code in (400, 401)
    assert 'role="alert"' in answer.text
    assert 'value="/things/1"' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert not token or f">{token}<" not in answer.text


def test_a_cookie_writes_only_for_pages_of_this_site(door: Gate) -> None:
    cookie = _cookie(some_token(2))
    for headers in ({}, {"Origin": TLS}, {"Sec-Fetch-Site": "same-origin"}):
        assert door.post(base=TLS, headers={**cookie, **headers}).status_code == 200
    for headers in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
        assert door.post(base=TLS, headers={**cookie, **headers}).status_code == 403
        assert door.get(base=TLS, headers={**cookie, **headers}).status_code == 200


def test_an_expired_cookie_leads_to_the_login_page_and_is_forgotten(door: Gate) -> None:
    answer = door.get(base=TLS, headers={**HTML, **_cookie(some_token(3))})
    assert answer.status_code == 303
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert door.get(base=TLS, headers=_cookie(some_token(3))).status_code == 401


def test_a_link_from_another_site_asks_once_more_so_that_the_cookie_comes_along(door: Gate) -> None:
    first = door.get("/things/1?a=1&b=%22", headers={**HTML, "Sec-Fetch-Site": "cross-site"})
    assert first.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/things/1?a=1&amp;b=%22">' in first.text
    assert "token" not in first.text
    assert door.get(headers={**HTML, "Sec-Fetch-Site": "same-origin"}).status_code == 303
    stale = {**HTML, **_cookie(some_token(3)), "Sec-Fetch-Site": "cross-site"}
    assert door.get(base=TLS, headers=stale).status_code == 303


def test_signing_out_forgets_the_cookie(door: Gate) -> None:
    answer = door.post("/logout", base=TLS, headers=_cookie(some_token(1)))
    assert answer.headers["Location"] == "/login"
    assert answer.headers["Set-Cookie"].startswith('__Host-longspan-token=""')
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_another_site_signs_nobody_in_or_out(door: Gate, path: str) -> None:
    headers = {**FORM, "Sec-Fetch-Site": "cross-site"}
    answer = door.post(path, base=TLS, content=f"token={some_token(1)}", headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "//elsewhere.example",
        "/\\elsewhere.example",
        "https://elsewhere.example",
        "javascript:alert(1)",
        "elsewhere",
        "",
        "/\t/elsewhere.example",
        "/\n/elsewhere.example",
        "/login?next=/login",
        "/logout",
        "/" + "x" * 3_000,
        "/\u00e9",
    ],
)
def test_after_signing_in_nobody_is_led_to_another_site(door: Gate, target: str) -> None:
    assert local_path(target) == "/"
    assert _sign_in(door, some_token(1), target).headers["Location"] == "/"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"token=%FF", b"a=1&" * 20, b"", b"token=" + b"x" * 100_000])
def test_a_form_that_is_none_is_refused(door: Gate, content: bytes) -> None:
    assert door.post("/login", base=TLS, content=content, headers=FORM).status_code in (400, 401, 413)


def test_where_no_token_is_asked_for_there_is_no_login_page() -> None:
    with gate(make_access()) as door:
        assert door.get("/login?next=/things/1", base="http://localhost").headers["Location"] == "/"
        answer = door.post("/login", base="http://localhost", content="next=/things/1", headers=FORM)
        assert answer.headers["Location"] == "/things/1"
        assert door.post("/logout", base="http://localhost").headers["Location"] == "/"


def test_a_header_comes_before_the_cookie(door: Gate) -> None:
    headers = {**_cookie(some_token(1)), **bearer(some_token(9)), **HTML}
    assert door.get(base=TLS, headers=headers).status_code in (303, 401)
    assert door.get(base=TLS, headers={**headers, **bearer(some_token(2))}).text == "token t2 read+write"
