"""POST /events: what is answered is in Redis, and nothing else is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.binding import BATCH, JSON, STRUCTURED
from api.problems import Problem
from machines.entries import parse_entry
from streams.keys import Keys
from tests.streams.site import START_MS, Site
from tests.support.api import AppClient, app_client, make_service
from tests.support.servers import VALKEY, running

LIMIT = 20


def _event(number: int = 1, **members: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"h-{number}",
        "source": "/tests",
        "type": "com.example.job.started",
        "subject": f"wf-{number}",
        "time": "2026-11-22T16:00:00Z",
        **members,
    }


def _post(api: AppClient, body: object, media: str = STRUCTURED, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return api.post("/events", content=content, headers={"content-type": media} | headers)


def _ingress(site: Site) -> list[tuple[bytes, dict[bytes, bytes]]]:
    entries = site.client.call("XRANGE", site.keys.events, "-", "+")
    return [(entry_id, dict(zip(flat[::2], flat[1::2], strict=True))) for entry_id, flat in entries]


def test_an_event_is_in_redis_at_the_position_that_is_answered(api: AppClient, site: Site) -> None:
    answer = _post(api, _event())
    assert answer.status_code == 202
    ((position, fields),) = _ingress(site)
    accepted = {"id": "h-1", "source": "/tests", "subject": "wf-1", "status": "accepted", "position": position.decode()}
    assert answer.json() == {"events": [accepted]}
    assert parse_entry(fields, position.decode()).subject == "wf-1"


def test_the_same_event_again_is_accepted_and_changes_nothing(api: AppClient, site: Site) -> None:
    worker = site.worker()
    _post(api, _event())
    site.settle(worker)
    before = site.records("wf-1")
    assert len(before) == 1
    assert _post(api, _event()).status_code == 202
    site.settle(worker)
    assert site.records("wf-1") == before


def test_an_event_without_a_time_has_that_of_its_entry(api: AppClient, site: Site) -> None:
    event = _event()
    del event["time"]
    (accepted,) = _post(api, event).json()["events"]
    site.settle(site.worker())
    assert site.records("wf-1")[0].event.time_ns == int(accepted["position"].partition("-")[0]) * 1_000_000


def test_binary_mode_is_the_same_event(api: AppClient, site: Site) -> None:
    headers = {"ce-" + name: value for name, value in _event().items()}
    answer = _post(api, '{"label": "x"}', JSON, **headers)
    assert answer.status_code == 202
    site.settle(site.worker())
    assert site.records("wf-1")[0].event.data == '{"label": "x"}'


def test_a_batch_is_appended_in_its_order_and_told_item_by_item(api: AppClient, site: Site) -> None:
    answer = _post(api, [_event(number) for number in range(300)], BATCH)
    assert answer.status_code == 202
    stored = [(parse_entry(fields, "1-0").id, position.decode()) for position, fields in _ingress(site)]
    assert [(item["id"], item["position"]) for item in answer.json()["events"]] == stored
    assert [name for name, _ in stored] == [f"h-{number}" for number in range(300)]


def test_of_a_batch_what_is_right_is_taken_and_the_rest_told(api: AppClient, site: Site) -> None:
    answer = _post(api, [_event(1), _event(2, subject=""), 5, _event(4)], BATCH)
    assert answer.status_code == 207
    first, second, third, fourth = answer.json()["events"]
    assert [first["status"], fourth["status"]] == ["accepted", "accepted"]
    assert second == {"status": "refused", "index": 1, "field": "subject", "reason": "is empty"}
    assert (third["index"], third["field"]) == (2, "event")
    assert [position.decode() for position, _ in _ingress(site)] == [first["position"], fourth["position"]]


def test_a_batch_without_any_event_is_a_problem_and_an_empty_one_is_not(api: AppClient, site: Site) -> None:
    answer = _post(api, [_event(1, type=""), 5], BATCH)
    assert (answer.status_code, answer.json()["field"]) == (400, "[0].type")
    assert _post(api, [], BATCH).json() == {"events": []}
    assert _ingress(site) == []


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (_event(id=""), "id"),
        (_event(time="yesterday"), "time"),
        (_event(data=[1]), "data"),
        (_event(data={"a": "x" * 300_000}), "data"),
        (_event(data={"a": "x" * 400_000}), "event"),
        (_event(sequence="x"), "sequence"),
    ],
)
def test_a_malformed_event_is_a_problem_that_names_the_field(
    api: AppClient, site: Site, event: dict[str, Any], field: str
) -> None:
    answer = _post(api, event)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert answer.json()["detail"].startswith(f"{field}: ")
    assert _ingress(site) == []


def test_an_event_of_thousands_of_attributes_is_taken_in_its_place(api: AppClient, site: Site) -> None:
    many = {f"x{number}": "" for number in range(5_000)}
    answer = _post(api, [_event(1), _event(2, **many), _event(3)], BATCH)
    assert answer.status_code == 202
    assert [len(fields) > 5_000 for _, fields in _ingress(site)] == [False, True, False]


@pytest.fixture
def narrow(site: Site) -> Iterator[AppClient]:
    """An API that takes small bodies, and events while fewer than LIMIT wait."""
    service = make_service(
        site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000, body_limit=2_000, ingress_limit=LIMIT
    )
    with app_client(service) as client:
        yield client


def test_more_than_may_wait_is_refused_until_workers_have_applied_some(narrow: AppClient, site: Site) -> None:
    worker = site.worker()
    site.settle(worker)
    assert [_post(narrow, _event(number, subject="wf")).status_code for number in range(LIMIT)] == [202] * LIMIT
    refused = _post(narrow, _event(98))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert "LONGSPAN_INGRESS_LIMIT" in refused.json()["detail"]
    site.route()
    site.now_ms += 1_000
    statuses = {_post(narrow, _event(number, subject="wf")).status_code for number in (98, 99)}
    assert 429 in statuses  # they wait in their partition now, where the last one may be one that was applied
    site.settle(worker)
    site.now_ms += 1_000
    assert _post(narrow, _event(99)).status_code == 202


def test_a_body_that_is_too_long_is_refused(narrow: AppClient, site: Site) -> None:
    assert _post(narrow, _event(data={"a": "x" * 2_000})).status_code == 413
    chunks = (b"[" + b" " * 1_500, b" " * 1_500 + b"]")

    async def pieces() -> Any:
        for chunk in chunks:
            yield chunk

    answer = narrow.post("/events", content=pieces(), headers={"content-type": BATCH})
    assert (answer.status_code, answer.json()["field"]) == (413, "body")


def test_without_redis_the_client_is_told_to_send_the_same_again(site: Site, tmp_path: Path) -> None:
    with running(VALKEY, tmp_path / "away") as server:
        away = Site(server.url, site.keys.prefix, tmp_path)
        service = make_service(away.connect, Keys("away"), site.catalog, lambda: START_MS * 1_000_000)
        with app_client(service) as api:
            assert _post(api, _event()).status_code == 202
            server.kill()
            answer = _post(api, _event())
        away.close()
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "Send the same again" in answer.json()["detail"]


def test_a_redis_whose_memory_is_full_is_told_and_nothing_of_a_batch_is_there(site: Site, tmp_path: Path) -> None:
    with running(VALKEY, tmp_path / "full") as server:
        full = Site(server.url, "full", tmp_path)
        service = make_service(full.connect, full.keys, site.catalog, lambda: START_MS * 1_000_000)
        with app_client(service) as api:
            assert _post(api, _event()).status_code == 202
            full.client.call("CONFIG", "SET", "maxmemory", "1mb")
            answer = _post(api, [_event(number) for number in range(50)], BATCH)
            assert (answer.status_code, "maxmemory" in answer.json()["detail"]) == (503, True)
            full.client.call("CONFIG", "SET", "maxmemory", "0")
            assert len(_ingress(full)) == 1
        full.close()


def test_what_others_hold_in_memory_is_bounded(api: AppClient, site: Site) -> None:
    service = make_service(site.connect, site.keys, site.catalog, lambda: START_MS * 1_000_000)
    service.allowance.most = 100_000
    with app_client(service) as bounded, service.allowance.share() as other:
        other.take(90_000)
        answer = _post(bounded, _event(data={"a": "x" * 20_000}))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert _post(bounded, _event()).status_code == 202
        with pytest.raises(Problem):
            other.take(10_000)
    assert service.allowance.held == 0
