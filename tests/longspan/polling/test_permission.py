"""What the sources of machines may reach: hosts, variables and files that the operator has named, and no others."""

from pathlib import Path

import pytest

from longspan.errors import SettingsError
from longspan.polling.headers import HeaderError, Headers
from longspan.polling.permission import Permission
from longspan.settings import read_settings
from machines.source import HeaderValue


def _permission(folder: Path, *hosts: str) -> Permission:
    return Permission(hosts, frozenset({"TOKEN"}), folder, {"TOKEN": " t-1 ", "HOME": "/", "BAD": "a\nb"})


@pytest.mark.parametrize(
    ("hosts", "base", "allowed"),
    [
        ((), "http://risk.example", False),
        (("risk.example",), "https://RISK.example:8443", True),
        (("risk.example:8443",), "https://risk.example:8443", True),
        (("risk.example:443",), "https://risk.example", True),
        (("risk.example:8443",), "https://risk.example", False),
        (("*.example",), "http://a.b.example", True),
        (("*.example",), "http://example", False),
        (("*.example",), "http://badexample", False),
        (("risk.example",), "http://risk.example.evil", False),
        (("[::1]:80",), "http://[::1]", True),
        (("*",), "http://169.254.169.254", True),
    ],
)
def test_hosts_are_allowed_by_name_and_port(tmp_path: Path, hosts: tuple[str, ...], base: str, allowed: bool) -> None:
    assert _permission(tmp_path, *hosts).allows_host(base) is allowed


def test_a_header_holds_what_its_file_or_variable_holds_now(tmp_path: Path) -> None:
    times = [0]
    headers = Headers(_permission(tmp_path), lambda: times[0])
    secret = tmp_path / "token"
    secret.write_text("one\n")
    values = {
        "Authorization": HeaderValue("file", str(secret), "Bearer "),
        "X-Tenant": HeaderValue("variable", "TOKEN"),
        "Accept": HeaderValue("text", "text/json"),
    }
    expected = {"User-Agent": "longspan", "Authorization": "Bearer one", "X-Tenant": "t-1", "Accept": "text/json"}
    assert headers.write(values) == expected
    secret.write_text("two")
    assert headers.write(values)["Authorization"] == "Bearer one"
    times[0] += 60_000
    assert headers.write(values)["Authorization"] == "Bearer two"


@pytest.mark.parametrize(
    "written", [b"", b"a\nX-Other: b", b"\xff", b"x" * 20_000], ids=["empty", "two", "bytes", "long"]
)
def test_a_header_that_cannot_be_sent_names_its_file_and_not_what_is_in_it(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "token").write_bytes(written)
    headers = Headers(_permission(tmp_path), lambda: 0)
    with pytest.raises(HeaderError, match="token") as error:
        headers.write({"Authorization": HeaderValue("file", str(tmp_path / "token"))})
    assert "X-Other" not in str(error.value)


def test_links_and_dots_lead_to_no_file_outside(tmp_path: Path) -> None:
    inside = tmp_path / "secrets"
    inside.mkdir()
    (tmp_path / "elsewhere").write_text("x")
    (inside / "link").symlink_to(tmp_path / "elsewhere")
    permission = _permission(inside)
    assert not permission.allows_file(str(inside / "link"))
    assert not permission.allows_file(str(inside / ".." / "elsewhere"))
    assert permission.allows_file(str(inside / "token"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LONGSPAN_SOURCE_VARIABLES", "LONGSPAN_REDIS_URL"),
        ("LONGSPAN_SOURCE_VARIABLES", "A-B"),
        ("LONGSPAN_SOURCE_HOSTS", "http://risk.example"),
        ("LONGSPAN_SOURCE_HOSTS", "a.*.example"),
    ],
)
def test_settings_that_would_let_in_something_else_are_refused(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({name: text})
