"""POST /webhooks/{name}: who may deliver, what is taken, and what is answered to everything else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from api.allowance import Allowance
from tests.api.hooked import PLAIN, RUN, WRITER, count, deliver, deliver_plain, hooked_app
from tests.streams.site import Site
from tests.support.admission import make_access, stored
from tests.support.api import AppClient, app_client, make_service
from tests.support.deliveries import hooks


@pytest.fixture
def client(site: Site, tmp_path: Path) -> Iterator[AppClient]:
    """The app."""
    with hooked_app(site, tmp_path) as client:
        yield client


def test_a_signed_delivery_is_in_redis_when_it_is_answered(client: AppClient, site: Site) -> None:
    answer = deliver(client)
    assert answer.status_code == 202
    ((position, _),) = site.client.xrange(site.keys.events)
    assert answer.json() == {
        "events": [
            {
                "status": "accepted",
                "id": "run-2202229078.1-requested",
                "source": "/webhooks/github",
                "subject": "run-2202229078.1",
                "position": position.decode(),
            }
        ]
    }


def test_a_delivery_that_comes_again_adds_nothing(client: AppClient, site: Site) -> None:
    worker = site.worker(catalog=site.catalog)
    body = {"kind": "job.started", "id": "wf-1", "at": "2026-11-22T16:00:00Z"}
    (first,) = deliver_plain(client, body).json()["events"]
    site.settle(worker)
    before = site.records("wf-1")
    (again,) = deliver_plain(client, body).json()["events"]
    site.settle(worker)
    assert first["id"] == again["id"]
    assert first["position"] != again["position"]
    assert site.records("wf-1") == before
    assert len(before) == 1


def test_a_form_with_the_payload_in_it_is_the_same_delivery(client: AppClient, site: Site) -> None:
    body = urlencode({"payload": RUN.decode()}).encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert deliver(client, body, form).status_code == 202
    assert count(site) == 1
    for wrong in (b"payload=", b"other=1", b"\xff", b"payload={", b"&" * 100):
        answer = deliver(client, wrong, form)
        assert (answer.status_code, answer.json()["field"]) in {(400, "payload"), (400, "body")}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, "body"),
        (b"{", 400, "body"),
        (b'{"a":1e999}', 400, "body"),
        (b"\xff\xfe", 400, "body"),
        (b"[" * 100_000, 400, "body"),
        (b'"' + b"x" * 9_000_000 + b'"', 413, "body"),
        ({"kind": "job.started"}, 400, "events[0] (com.example.{kind}): subject"),
        ({"kind": "job.started", "id": "wf-1", "at": "noon"}, 400, "events[0] (com.example.{kind}): time"),
        ({"kind": "job.started", "id": "x" * 257, "at": "2026-11-22T16:00:00Z"}, 400, None),
        ({"id": "wf-1", "more": [0] * 1_001}, 413, "body"),
        ({"more": 5}, 400, "events[1] (com.example.more): each"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(
    client: AppClient, site: Site, body: Any, status: int, field: str | None
) -> None:
    answer = deliver_plain(client, body)
    assert answer.status_code == status
    assert field is None or answer.json()["field"] == field
    assert not count(site)


def test_garbage_is_never_more_than_an_answer(client: AppClient, site: Site) -> None:
    for body in (b"null", b"5", b"[]", b'"x"', b"{}", b'[{"id": 1}]', b'{"kind": {"a": []}, "more": null}'):
        assert deliver_plain(client, body).status_code in (202, 400)
    assert deliver_plain(client, b"<xml/>", WRITER | {"content-type": "text/xml"}).status_code == 415
    assert not count(site)


def test_rules_that_fail_are_told_beside_the_events_of_the_others(client: AppClient, site: Site) -> None:
    answer = deliver_plain(client, {"kind": "x", "id": "wf-1", "at": "2026-11-22T16:00:00Z", "broken": True})
    assert answer.status_code == 202
    (fault,) = answer.json()["faults"]
    assert (fault["rule"], fault["key"]) == ("events[2] (com.example.broken)", "subject")
    assert len(answer.json()["events"]) == count(site) == 1


def test_an_unknown_webhook_is_not_found(client: AppClient) -> None:
    answer = client.post("/webhooks/gitlab", content=b"{}")
    assert answer.status_code == 404
    assert "LONGSPAN_WEBHOOKS says which are served" in answer.json()["detail"]


def test_events_are_counted_as_at_the_other_door(site: Site, tmp_path: Path) -> None:
    (tmp_path / "plain.webhook.yaml").write_text(PLAIN)
    service = make_service(
        site.connect, site.keys, site.catalog, lambda: 0, hooks=hooks(str(tmp_path / "plain.webhook.yaml"))
    )
    with app_client(service) as client:
        deliver_plain(client, {"kind": "x", "id": "wf-1", "at": "2026-11-22T16:00:00Z", "broken": True})
        deliver_plain(client, {"kind": "x"})
        assert dict(service.traffic.intake) == {"accepted": 1, "refused": 2}


def test_the_audit_log_names_the_webhook_and_not_those_who_were_not_let_in(
    client: AppClient, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(client)
    deliver(client, headers={"x-hub-signature-256": "sha256=00"})
    client.post("/webhooks/nobody", content=b"{}")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "longspan.audit"]
    assert 'who="github" way="signature" what="POST /webhooks/{name}" name="github" events=1 status=202' in line


def test_strangers_cannot_take_the_memory_of_those_who_are_let_in(site: Site) -> None:
    service = make_service(site.connect, site.keys, site.catalog, lambda: 0, hooks=hooks("@github"))
    with app_client(service) as client:
        object.__setattr__(service, "strangers", Allowance(len(RUN)))
        assert deliver(client).status_code == 503
        assert not service.allowance.held
        assert not service.strangers.held


def test_no_event_can_hold_a_credential_of_its_delivery(site: Site, tmp_path: Path) -> None:
    text = "webhook: all\nevents: [{type: t, subject: s, data: context().headers}]"
    (tmp_path / "all.webhook.yaml").write_text(text)
    service = make_service(
        site.connect, site.keys, site.catalog, lambda: 0, hooks=hooks(str(tmp_path / "all.webhook.yaml"))
    )
    headers = WRITER | {"cookie": "longspan-token=x", "x-kind": "push", "content-type": "application/json"}
    with app_client(service, make_access((stored(1, "write"),))) as client:
        assert client.post("/webhooks/all", content=b"{}", headers=headers).status_code == 202
    ((_, fields),) = site.client.xrange(site.keys.events)
    told = json.loads(fields[b"data"])
    assert told["x-kind"] == "push"
    assert not {"authorization", "cookie"} & told.keys()
