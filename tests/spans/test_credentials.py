import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from opentelemetry.sdk import environment_variables

from spans.credentials import VARIABLES, CredentialProviderError, load_session
from spans.delivery import Delivery
from tests.spans.endpoints import AnsweringReceiver


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed distribution with two providers, one of which gives no session."""
    package = tmp_path / "badge-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: badge\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[opentelemetry_otlp_credential_provider]\nbadge = badge_of_test:make\nempty = badge_of_test:make_nothing\n"
    )
    (tmp_path / "badge_of_test.py").write_text(
        "import requests\n\n\ndef make():\n    session = requests.Session()\n    session.auth = ('me', 'secret')\n"
        "    return session\n\n\ndef make_nothing():\n    return None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("badge_of_test", None)


def test_the_variables_are_those_of_the_official_exporter() -> None:
    assert {getattr(environment_variables, f"_{name}") for name in VARIABLES} == set(VARIABLES)


def test_without_a_variable_there_is_no_provider() -> None:
    assert load_session({}) is None
    assert load_session({VARIABLES[0]: ""}) is None


@pytest.mark.parametrize("variable", VARIABLES)
def test_requests_are_sent_with_the_session_of_the_provider(
    provider: None, deliver: Callable[..., Delivery], variable: str
) -> None:
    session = load_session({variable: "badge"})
    assert isinstance(session, requests.Session)
    with AnsweringReceiver() as receiver:
        deliver(receiver.endpoint, session).send([])
        assert receiver.asked[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(("name", "reason"), [("absent", "no installed package"), ("empty", "it gives NoneType")])
def test_a_provider_that_cannot_be_used_is_named(provider: None, name: str, reason: str) -> None:
    with pytest.raises(CredentialProviderError, match=f"{VARIABLES[0]}={name}: {reason}"):
        load_session({VARIABLES[0]: name})
