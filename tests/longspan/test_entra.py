"""Sign-in with Microsoft Entra ID: the real libraries, with an identity endpoint of the test's own instead of Azure."""

import json
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from longspan.entra import shorten
from longspan.receiver import Receiver
from longspan.signin import MissingPackageError, sign_in_with_entra
from streams.client import connect
from streams.errors import SignInError
from tests.longspan.identity import IdentityEndpoint
from tests.longspan.processes import longspan, running
from tests.support.servers import Server

STEPS = ("submitted", "loading", "loaded", "calculating", "calculated", "writing", "written")
RISK = [f"com.example.risk.{step}" for step in STEPS]
LIFE_SECONDS = 3


@pytest.fixture
def identity(valkey_server: Server, prefix: str) -> Iterator[IdentityEndpoint]:
    """An identity endpoint for a user of its own."""
    with valkey_server.client() as client, IdentityEndpoint(client, f"oid-{prefix}", LIFE_SECONDS) as endpoint:
        yield endpoint


@pytest.fixture
def at_identity(identity: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch) -> IdentityEndpoint:
    """The same, asked by this process."""
    for name, value in identity.settings.items():
        monkeypatch.setenv(name, value)
    return identity


def has_spans(receiver: Receiver, count: int) -> bool:
    return len(receiver.spans) == count


def test_worker_and_exporter_go_on_for_several_lives_of_their_tokens(
    settings: dict[str, str], identity: IdentityEndpoint, receiver: Receiver, tmp_path: Path
) -> None:
    entra = settings | identity.settings | {"LONGSPAN_REDIS_AUTH": "entra"}
    with running("worker", settings=entra, log=tmp_path / "log"):
        for number in (1, 2):
            lines = [json.dumps({"type": name, "subject": f"wf-{number}"}) for name in RISK]
            assert longspan("emit", "-", settings=settings, stdin="\n".join(lines)).returncode == 0
            assert receiver.wait_until(partial(has_spans, receiver, 10 * number), 30)
            while len(identity.resources) < 5 * number:
                assert not identity.overstayed()
    log = (tmp_path / "log").read_text()
    assert " error " not in log
    assert "azure" not in log.lower()
    assert "eyJ" not in log


def test_a_token_is_asked_for_with_the_scope_of_managed_redis(
    at_identity: IdentityEndpoint, valkey_server: Server
) -> None:
    sign_in = sign_in_with_entra()
    try:
        with connect(valkey_server.url, sign_in) as client:
            assert client.call("ACL", "WHOAMI") == at_identity.user.encode()
    finally:
        sign_in.close()
    assert at_identity.resources == ["https://redis.azure.com"]


def test_a_refusal_and_an_endpoint_that_does_not_answer_are_told_in_one_short_line(
    at_identity: IdentityEndpoint,
) -> None:
    at_identity.refuses = True
    with pytest.raises(SignInError) as refused:
        sign_in_with_entra().get_credentials()
    assert re.fullmatch(
        r"no token could be had: ManagedIdentityCredential: .*there is no such identity", str(refused.value)
    )
    at_identity.hangs = True
    with pytest.raises(SignInError) as silent:
        sign_in_with_entra(0.2).get_credentials()
    assert re.fullmatch(r"no token could be had: ManagedIdentityCredential: .*\(read timeout=0.2\)", str(silent.value))


def test_what_was_not_there_is_left_out_of_the_reason() -> None:
    absent = "\tEnvironmentCredential: unavailable.\nVisit a page\n\tAzureCliCredential: Azure CLI not found on path\n"
    said = f"DefaultAzureCredential failed\nAttempted credentials:\n{absent}"
    assert shorten(said).startswith("no identity was found")
    wrong = "\tWorkloadIdentityCredential: (invalid_client)\nAADSTS1\nTo mitigate this issue, see a page"
    assert shorten(said + wrong) == "WorkloadIdentityCredential: (invalid_client) AADSTS1"
    assert shorten("something\nelse") == "something else"


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "longspan.entra")
    monkeypatch.setitem(sys.modules, "redis_entraid.identity_provider", None)
    with pytest.raises(MissingPackageError, match=r"needs the package redis-entraid: pip install 'longspan\[azure\]'"):
        sign_in_with_entra()
