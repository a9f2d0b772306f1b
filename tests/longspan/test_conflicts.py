"""Settings that each are right and together are not, and what the exporter makes of those for the worker."""

from pathlib import Path

import pytest

from longspan.errors import SettingsError
from longspan.settings import read_settings
from longspan.signin import as_exporter, choose_credentials

URL = "LONGSPAN_REDIS_URL"
EXPORTER = "LONGSPAN_EXPORTER_REDIS_URL"
FILE = "LONGSPAN_REDIS_PASSWORD_FILE"
AUTH = "LONGSPAN_REDIS_AUTH"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({FILE: "/secret"}, f"{FILE}: {URL} must say where the server is"),
        ({AUTH: "entra"}, f"{AUTH}=entra: {URL} must say where the server is"),
        ({EXPORTER: "redis://host"}, f"{EXPORTER}: {URL} must say where the server is"),
        ({URL: "redis://me:pw@host", FILE: "/secret"}, f"{FILE}: {URL} holds a password too; take it out of the URL"),
        ({URL: "rediss://host:10000", FILE: "/s", AUTH: "entra"}, f"{FILE}: {AUTH}=entra signs in without a password"),
        ({URL: "rediss://me@host:10000", AUTH: "entra"}, f"{URL}: {AUTH}=entra signs in as who the token is for"),
        ({URL: "redis://host:10000", AUTH: "entra"}, f"{URL}: tokens go over TLS only; write rediss://"),
        ({URL: "rediss://host", EXPORTER: "redis://host", AUTH: "Entra"}, f"{EXPORTER}: tokens go over TLS only"),
        ({URL: "redis://host", AUTH: "none"}, f"{AUTH}='none' must be password or entra"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_the_remedy(
    environment: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(environment)
    assert [problem for problem in error.value.problems if problem.startswith(said)]
    assert "pw" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    ["rediss://host:10000", "redis://localhost", "redis://127.0.0.1:1", "redis://[::1]:1", "unix:///run/redis.sock"],
)
def test_tokens_may_go_where_nobody_listens_in(url: str) -> None:
    assert read_settings({URL: url, AUTH: "entra"}).redis_auth == "entra"


def test_the_exporter_has_a_user_of_its_own_where_one_is_named() -> None:
    alone = read_settings({URL: "redis://worker@host", FILE: "/secret"})
    assert as_exporter(alone) is alone
    other = as_exporter(read_settings({URL: "redis://worker@host", FILE: "/secret", EXPORTER: "redis://exporter@host"}))
    assert (other.redis_url, other.redis_password_file) == ("redis://exporter@host", Path("/secret"))
    own = as_exporter(read_settings({URL: "redis://worker@host", FILE: "/secret", EXPORTER: "redis://me:pw@host"}))
    assert (own.redis_url, own.redis_password_file) == ("redis://me:pw@host", None)


def test_a_url_with_its_password_needs_nothing_else_to_sign_in() -> None:
    assert choose_credentials(read_settings({URL: "redis://me:pw@host"})) is None
    assert choose_credentials(read_settings({})) is None
