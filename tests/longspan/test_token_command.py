import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.token_lines import parse_tokens
from api.tokens import hash_token, is_whole
from longspan.access import OpenListenError, check_host, make_access
from longspan.command import main
from longspan.errors import SettingsError
from longspan.settings import read_settings

HASH = "sha256:" + "ab" * 32


def run(*arguments: str, stdin: str | None = None, **environment: str) -> Result:
    return CliRunner(env={"LONGSPAN_API_TOKENS": None, **environment}).invoke(main, ["token", *arguments], stdin)


def test_a_new_token_is_on_stdout_and_its_line_on_stderr() -> None:
    result = run("new", "ci", "--scope", "read", "--scope", "write", "--expires", "90d")
    token = result.stdout.strip()
    assert is_whole(token)
    stored = parse_tokens(result.stderr)[0]
    assert (stored.name, sorted(stored.scopes), stored.namespace) == ("ci", ["read", "write"], "default")
    assert stored.hash == hash_token(token)
    assert stored.expires_ns is not None
    assert token not in result.stderr


def test_two_tokens_differ_and_json_has_both_parts() -> None:
    first, second = (json.loads(run("new", "x", "--scope", "read", "--namespace", "*", "--json").stdout) for _ in "12")
    assert first["token"] != second["token"]
    assert parse_tokens(first["line"])[0].hash == hash_token(first["token"]) == first["hash"]
    assert (first["namespace"], first["expires_at"]) == ("*", None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("a b", "--scope", "read"),
        ("ci",),
        ("ci", "--scope", "admin"),
        ("ci", "--scope", "read", "--expires", "soon"),
        ("ci", "--scope", "read", "--expires", "0s"),
        ("ci", "--scope", "read", "--expires", "999999d"),
        ("ci", "--scope", "read", "--namespace", ""),
    ],
)
def test_wrong_use_is_told_and_makes_no_token(arguments: tuple[str, ...]) -> None:
    result = run("new", *arguments)
    assert result.exit_code == 2
    assert "lsp_" not in result.output


def test_tokens_are_listed_without_their_whole_hash(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"ci read+write default {HASH}\nold read * {HASH[:-1]}0 2020-01-01T00:00:00Z\n")
    text = run("list", LONGSPAN_API_TOKENS=str(path)).stdout
    assert [line.split() for line in text.splitlines()[1:]] == [
        ["ci", "read+write", "default", "never", "abababababab"],
        ["old", "read", "*", "2020-01-01T00:00:00Z", "(expired)", "abababababab"],
    ]
    facts = json.loads(run("list", "--json", LONGSPAN_API_TOKENS=str(path)).stdout)
    assert [(one["name"], one["expired"]) for one in facts] == [("ci", False), ("old", True)]
    assert run("list").stdout.startswith("no tokens")


def test_a_wrong_file_is_told_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("ci read\nci\n")
    result = run("list", LONGSPAN_API_TOKENS=str(path))
    assert result.exit_code == 2
    assert f"{path}: line 1: must be NAME SCOPES" in result.stderr
    assert "line 2: must be" in result.stderr


def test_a_token_is_checked_by_what_the_api_would_say() -> None:
    made = json.loads(run("new", "ci", "--scope", "read", "--json").stdout)
    result = run("check", stdin=made["token"] + "\n", LONGSPAN_API_TOKENS=made["line"])
    assert (result.exit_code, result.stdout) == (0, "accepted: ci, read\n")
    for stdin, environment, reason in (
        (made["token"], {}, "does not have it"),
        (made["token"][:-1], {}, "mistyped"),
        ("", {}, "mistyped"),
        (made["token"], {"LONGSPAN_NAMESPACE": "shop", "LONGSPAN_API_TOKENS": made["line"]}, "namespace 'default'"),
        (made["token"], {"LONGSPAN_API_TOKENS": made["line"] + " 2020-01-01T00:00:00Z"}, "expired at 2020"),
    ):
        result = run("check", "--json", stdin=stdin, **environment)
        assert result.exit_code == 1
        assert reason in json.loads(result.stdout)["reason"]


@pytest.mark.parametrize("value", ["lsp_" + "a" * 49, f"ci read default {HASH} lsp_{'a' * 49}", f"ci admin x {HASH}"])
def test_a_setting_that_holds_no_lines_is_never_shown(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"LONGSPAN_API_TOKENS": value})
    assert "LONGSPAN_API_TOKENS=(not shown)" in str(caught.value)
    assert "aaaa" not in str(caught.value)
    assert "abab" not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "longspan.example", ""])
def test_an_api_for_everybody_listens_on_loopback_alone(host: str) -> None:
    with pytest.raises(OpenListenError, match=r"LONGSPAN_API_TOKENS .*LONGSPAN_OIDC_ISSUER"):
        check_host(read_settings({}), host)
    check_host(read_settings({"LONGSPAN_API_TOKENS": f"ci read default {HASH}"}), host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_nobody_to_be_let_in(host: str) -> None:
    check_host(read_settings({}), host)


def test_access_is_made_of_the_settings(tmp_path: Path) -> None:
    assert make_access(read_settings({})).is_open
    given = make_access(read_settings({"LONGSPAN_API_TOKENS": f"ci read default {HASH}"}))
    assert given.takes_tokens
    issuer = {"LONGSPAN_OIDC_ISSUER": "https://issuer.example", "LONGSPAN_OIDC_AUDIENCE": "api://longspan"}
    assert make_access(read_settings(issuer)).takes_tokens
    proxy = {"LONGSPAN_PROXY_USER_HEADER": "X-Forwarded-Email", "LONGSPAN_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}
    behind = make_access(read_settings(proxy))
    assert not behind.is_open
    assert not behind.takes_tokens
    with pytest.raises(SettingsError, match="tokens: cannot be read"):
        make_access(read_settings({"LONGSPAN_API_TOKENS": str(tmp_path / "tokens")}))


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"LONGSPAN_OIDC_ISSUER": "https://issuer.example"}, "LONGSPAN_OIDC_AUDIENCE must say for whom"),
        ({"LONGSPAN_OIDC_AUDIENCE": "x"}, "LONGSPAN_OIDC_ISSUER must say whose"),
        ({"LONGSPAN_OIDC_ISSUER": "http://issuer.example"}, "must be an https URL"),
        ({"LONGSPAN_PROXY_USER_HEADER": "X-Email"}, "LONGSPAN_TRUSTED_PROXIES must say"),
        ({"LONGSPAN_PROXY_USER_HEADER": "X Email"}, "must be the name of a header"),
        ({"LONGSPAN_TRUSTED_PROXIES": "10.0.0.1/8"}, "must be addresses and networks"),
        ({"LONGSPAN_METRICS_OPEN": "maybe"}, "must be yes or no"),
    ],
)
def test_settings_that_let_in_more_than_they_say_are_refused(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        read_settings(environment)
