"""The API as Schemathesis finds it in the OpenAPI document: nothing fails, and every answer is documented."""

import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.access import Access
from api.attempts import Attempts
from api.peers import Peers
from api.token_lines import StoredToken
from api.tokens import ENTROPY_BYTES, hash_token, make_token
from tests.streams.site import Site
from tests.support.api import make_service, served
from tests.support.seeds import EXPLORING, SEED

SCHEMATHESIS = Path(sysconfig.get_path("scripts")) / "schemathesis"
EXAMPLES = 500 if EXPLORING else 5  # of each operation
TOKEN = make_token(b"x" * ENTROPY_BYTES)

# No schema can say what is right here: which cursor or id of an event a stream has given, and that CloudEvents take
# numbers for texts. What these do with wrong values is tested beside them.
CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "415", "429", "431"]

[[operations]]
include-name = ["GET /workflows", "GET /deadletters", "GET /watch", "GET /workflows/{id}/watch", "POST /events"]
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "POST /events"
checks.negative_data_rejection.enabled = false
"""


class OneToken:
    """The only token that there is."""

    async def current(self) -> tuple[StoredToken, ...]:
        """It, for reading and writing."""
        return (StoredToken("test", frozenset({"read", "write"}), None, hash_token(TOKEN)),)


@pytest.fixture
def url(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The real server, with workflows in every condition. It asks who one is, and one may try as often as one likes."""
    monkeypatch.setattr("api.event_stream.LIFE_SECONDS", 0.0)  # streams would go on
    monkeypatch.setattr("api.attempts.MOST_FAILURES", 10**6)
    fill(site)
    service = make_service(
        site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000, heartbeat_seconds=0.01
    )
    access = Access(
        namespace="default",
        now_ns=service.now_ns,
        peers=Peers(),
        attempts=Attempts(lambda: site.now_ms / 1_000),
        tokens=OneToken(),
    )
    with served(service, access) as url:
        yield url


def fill(site: Site) -> None:
    """Workflows that run, wait and have ended, what they rejected, and what is none."""
    for name in ("0", "a/b", "ü"):
        site.emit(site.event(name, "started", data='{"label":"x"}'), site.event(name, "paused"))
    site.emit(site.event("1", "started"), site.event("1", "finished"), site.event("1", "failed"))
    site.emit(site.event("early", "paused"), {b"id": b"1"}, {b"subject": b"x", b"data": b"{"})
    site.settle(site.worker())


def test_every_operation_answers_as_it_is_documented(url: str, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    command = [str(SCHEMATHESIS), "run", f"{url}/openapi.json", "--seed", str(SEED), "--max-examples", str(EXAMPLES)]
    options = ["--header", f"Authorization: Bearer {TOKEN}", "--request-timeout", "20", "--no-color", "--no-shrink"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested is not None
    assert int(tested[1]) > 15
