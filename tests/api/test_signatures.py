"""Who may deliver to a webhook: whoever signs with its secret, or has a token that may write."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.problems import Problem
from api.reread import LOOK_SECONDS
from api.signatures import Hook, SecretFile, SecretsError, check_signature, sign
from machines.webhook import SecretPlace, Signature
from machines.webhook_files import load_webhooks
from tests.api.hooked import READER, RUN, WRITER, count, deliver, deliver_plain, hooked_app
from tests.streams.site import Site
from tests.support.admission import bearer
from tests.support.api import AppClient, app_client, make_service
from tests.support.deliveries import SECRET, github, hooks


@pytest.fixture
def client(site: Site, tmp_path: Path) -> Iterator[AppClient]:
    """The app."""
    with hooked_app(site, tmp_path) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256=é"},
        {"x-hub-signature-256": github("workflow_run", RUN)["x-hub-signature-256"][7:]},
        {"x-hub-signature-256": github("workflow_run", RUN, "another secret")["x-hub-signature-256"]},
        {"x-hub-signature-256": github("workflow_run", RUN + b" ")["x-hub-signature-256"]},
    ],
)
def test_a_wrong_signature_is_refused_and_nothing_is_kept(
    client: AppClient, site: Site, headers: dict[str, str]
) -> None:
    sent = {name: value.encode("latin-1") for name, value in (github("workflow_run", RUN) | headers).items()}
    answer = client.post("/webhooks/github", content=RUN, headers=sent)
    assert (answer.status_code, answer.json()["field"]) == (401, "x-hub-signature-256")
    assert "does not fit" in answer.json()["detail"]
    assert SECRET not in answer.text
    assert not count(site)


def test_a_wrong_signature_beside_a_good_token_is_refused(client: AppClient) -> None:
    assert deliver(client, headers={"x-hub-signature-256": "sha256=00"} | WRITER).status_code == 401


def test_what_is_not_signed_needs_a_token_that_may_write(client: AppClient, site: Site) -> None:
    unsigned = {"content-type": "application/json", "x-github-event": "workflow_run"}
    answers = [
        client.post("/webhooks/github", content=RUN, headers=unsigned | more)
        for more in ({}, READER, bearer("lsp_wrong"), WRITER)
    ]
    assert [answer.status_code for answer in answers] == [401, 403, 401, 202]
    assert "x-hub-signature-256 is missing" in answers[0].json()["detail"]
    assert [deliver_plain(client, {}, headers).status_code for headers in ({}, READER, WRITER)] == [401, 403, 202]
    assert count(site) == 1


def test_an_open_api_still_wants_the_signature(site: Site) -> None:
    service = make_service(site.connect, site.keys, site.catalog, lambda: 0, hooks=hooks("@github"))
    with app_client(service) as client:
        assert deliver(client).status_code == 202
        unsigned = {"content-type": "application/json", "x-github-event": "workflow_run"}
        assert client.post("/webhooks/github", content=RUN, headers=unsigned).status_code == 401


def test_githubs_own_example_of_a_signature_fits() -> None:
    signature = Signature("hmac-sha256", "x-hub-signature-256", "sha256=", "hex", SecretPlace("variable", "S"))
    claimed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    check_signature(signature, (b"old", SECRET.encode()), b"Hello, World!", claimed)
    encoded = Signature("hmac-sha256", "x-signature", "", "base64", SecretPlace("variable", "S"))
    assert sign(encoded, b"k", b"x") == b"w47ciBXISJ9kc4l49EAI+FljRVRfC6po72/PXFPlcYk="

    plain = Signature("token", "x-gitlab-token", "", "hex", SecretPlace("variable", "S"))
    check_signature(plain, (b"k",), b"x", "k")
    with pytest.raises(Problem, match="the token in x-gitlab-token does not fit"):
        check_signature(plain, (b"k",), b"x", "K")


def test_a_file_of_secrets_changes_without_a_gap(site: Site, tmp_path: Path) -> None:
    seconds = 0.0
    file = tmp_path / "secrets"
    file.write_text("old\n")
    (webhook,) = load_webhooks(["@github"]).values()
    served = {"github": Hook(webhook, SecretFile(file, lambda: seconds))}
    service = make_service(site.connect, site.keys, site.catalog, lambda: 0, hooks=served)
    with app_client(service) as client:

        def accepts(secret: str) -> bool:
            nonlocal seconds
            seconds += LOOK_SECONDS
            headers = github("workflow_run", RUN, secret)
            return client.post("/webhooks/github", content=RUN, headers=headers).status_code == 202

        assert (accepts("old"), accepts("new")) == (True, False)
        file.write_text("old\nnew\n")
        assert (accepts("old"), accepts("new")) == (True, True)
        file.write_text("\n")
        assert (accepts("old"), accepts("new")) == (True, True)
        file.write_text("new")
        assert (accepts("old"), accepts("new")) == (False, True)


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"x" * 70_000])
def test_a_file_without_a_secret_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "secrets").write_bytes(content)
    with pytest.raises(SecretsError):
        SecretFile(tmp_path / "secrets", lambda: 0.0)
