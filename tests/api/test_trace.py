"""The trace of a run while it lives and afterwards."""

from longspan.received import decode_request
from streams.worker import Worker
from tests.streams.site import START_MS, Site
from tests.support.api import AppClient


def begin(site: Site, subject: str = "wf-1") -> Worker:
    worker = site.worker()
    site.emit(
        site.event(subject, "started", data='{"label":"x"}', traceparent=f"00-{'a' * 32}-{'b' * 16}-01"),
        site.event(subject, "paused"),
        site.event(subject, "odd"),
    )
    site.settle(worker)
    site.now_ms = START_MS + 60_000
    return worker


def test_a_running_workflow_has_a_trace_with_open_spans_that_end_now(site: Site, api: AppClient) -> None:
    begin(site)
    answer = api.get("/workflows/wf-1/trace")
    assert answer.status_code == 200
    told = answer.json()
    assert {name: told[name] for name in ("workflow", "run", "status", "now", "truncated")} == {
        "workflow": "wf-1",
        "run": 1,
        "status": "running",
        "now": "2026-11-22T16:01:00Z",
        "truncated": 0,
    }
    assert [(span["path"], span["open"], span["start"], span["end"], span["status"]) for span in told["spans"]] == [
        ("", True, "2026-11-22T16:00:01Z", "2026-11-22T16:01:00Z", "unset"),
        ("running", False, "2026-11-22T16:00:01Z", "2026-11-22T16:00:02Z", "ok"),
        ("paused", True, "2026-11-22T16:00:02Z", "2026-11-22T16:01:00Z", "unset"),
    ]
    root, running, paused = told["spans"]
    assert root["parent_id"] is None
    assert running["parent_id"] == paused["parent_id"] == root["span_id"]
    assert running["links"] == [{"trace_id": "a" * 32, "span_id": "b" * 16}]
    assert running["start_unix_nano"] == str((START_MS + 1_000) * 1_000_000)
    assert paused["attributes"]["workflow.open"] is True
    assert [(event["name"], event["attributes"]["workflow.event.result"]) for event in root["events"]] == [
        ("com.example.job.started", "applied"),
        ("com.example.job.odd", "rejected"),
    ]


def test_each_run_has_a_trace_of_its_own_and_the_last_is_the_default(site: Site, api: AppClient) -> None:
    worker = begin(site)
    site.emit(site.event("wf-1", "resumed"), site.event("wf-1", "failed", data='{"error":"it broke"}'))
    site.emit(site.event("wf-1", "started"))
    site.settle(worker)
    first, last = api.get("/workflows/wf-1/trace?run=1").json(), api.get("/workflows/wf-1/trace").json()
    assert (first["run"], first["status"], last["run"], last["status"]) == (1, "error", 2, "running")
    assert first["trace_id"] != last["trace_id"]
    assert not any(span["open"] for span in first["spans"])
    assert (first["spans"][0]["status"], first["spans"][0]["message"]) == ("error", "it broke")
    assert last["spans"][0]["links"] == [{"trace_id": first["trace_id"], "span_id": first["spans"][0]["span_id"]}]


def test_the_same_trace_comes_as_otlp_in_protobuf_and_in_json(site: Site, api: AppClient) -> None:
    begin(site)
    asked = api.get("/workflows/wf-1/trace", headers={"Accept": "application/protobuf"})
    assert asked.headers["content-type"] == "application/protobuf"
    assert asked.content == api.get("/workflows/wf-1/trace?format=otlp").content
    told = api.get("/workflows/wf-1/trace").json()
    spans = decode_request(asked.content)
    assert [span.span_id for span in spans] == [span["span_id"] for span in told["spans"]]
    assert {span.trace_id for span in spans} == {told["trace_id"]}
    assert spans[0].resource == {"service.name": "longspan"}
    as_json = api.get("/workflows/wf-1/trace?format=otlp-json")
    assert as_json.headers["content-type"] == "application/json"
    assert [span["spanId"] for span in as_json.json()["resourceSpans"][0]["scopeSpans"][0]["spans"]] == [
        span["span_id"] for span in told["spans"]
    ]


def test_what_is_not_there_is_a_problem_that_says_so(site: Site, api: AppClient) -> None:
    assert api.get("/workflows/wf-1/trace").status_code == 404
    worker = begin(site)
    site.emit(site.event("early", "paused"))
    site.settle(worker)
    for path in ("/workflows/nobody/trace", "/workflows/early/trace", "/workflows/wf-1/trace?run=2"):
        answer = api.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    for query, field in (("run=0", "run"), ("run=x", "run"), ("format=xml", "format"), ("runs=1", "runs")):
        answer = api.get(f"/workflows/wf-1/trace?{query}")
        assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_journal_that_contradicts_itself_is_told_and_breaks_nothing(site: Site, api: AppClient) -> None:
    begin(site)
    key = site.of("wf-1").journal("wf-1", 1)
    site.client.call("RPUSH", key, site.client.call("LINDEX", key, 2))
    answer = api.get("/workflows/wf-1/trace")
    assert answer.status_code == 500
    assert "contradicts itself" in answer.json()["detail"]
