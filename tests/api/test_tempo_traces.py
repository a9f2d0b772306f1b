"""Traces by their id: short ids, traces of several runs, and what is said of a trace that is too long to show."""

from functools import partial
from itertools import count
from typing import Any

import pytest

from api.tempo import routes, traces
from longspan.received import decode_request
from spans.ids import trace_id
from spans.own_trace import own_trace
from tests.spans.journals import TRACEPARENT
from tests.streams.site import Site
from tests.support.api import AppClient
from tests.support.nightly import NIGHTLY, nightly_event, start_nightly

CALLER = TRACEPARENT.split("-")[1]
OTLP = {"Accept": "application/protobuf"}


def workflows_of(trace: bytes) -> set[object]:
    return {span.attributes["workflow.id"] for span in decode_request(trace)}


def test_zeros_on_the_left_of_an_id_may_be_left_out(site: Site, api: AppClient) -> None:
    subject = next(name for name in map("wf-{}".format, count()) if trace_id("default", "nightly", name, 1) < 16**30)
    start_nightly(site, subject)
    digits = f"{trace_id('default', 'nightly', subject, 1):x}"
    assert len(digits) <= 30
    for written in (digits, digits.zfill(32), digits.upper(), f"0{digits}"):
        for version in ("/api/traces/", "/api/v2/traces/"):
            assert api.get(version + written).text == api.get(version + digits.zfill(32)).text
    assert workflows_of(api.get(f"/api/traces/{digits}", headers=OTLP).content) == {subject}


def continue_caller(site: Site, *subjects: str) -> None:
    """Workflows that stand in one trace, which a caller began."""
    catalog = site.load(NIGHTLY | {"trace": "continue"})
    worker = site.worker(catalog=catalog, name_trace=partial(own_trace, "default"))
    site.emit(*(nightly_event(site, subject, "submitted", traceparent=TRACEPARENT) for subject in subjects))
    site.settle(worker)


def test_all_runs_that_continue_a_callers_trace_are_in_it(site: Site, api: AppClient) -> None:
    continue_caller(site, "wf-1", "wf-2", "wf-3")
    answer = api.get(f"/api/traces/{CALLER}", headers=OTLP)
    spans = decode_request(answer.content)
    assert workflows_of(answer.content) == {"wf-1", "wf-2", "wf-3"}
    assert {span.trace_id for span in spans} == {CALLER}
    (found,) = api.get(f"/api/search?q=%7Btrace:id=%22{CALLER}%22%7D&spss=0").json()["traces"]
    assert (found["traceID"], found["spanSet"]["matched"], len(found["spanSet"]["spans"])) == (CALLER, 6, 6)
    assert found["serviceStats"]["longspan"]["spanCount"] == 6


def test_what_is_left_out_of_a_trace_is_said(site: Site, api: AppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    continue_caller(site, "wf-1", "wf-2", "wf-3")
    monkeypatch.setattr(traces, "MOST_RUNS", 2)
    told: dict[str, Any] = api.get(f"/api/v2/traces/{CALLER}").json()
    assert (told["status"], told["message"]) == ("PARTIAL", "1 of 3 runs in this trace are left out")
    assert api.get(f"/api/v2/traces/{CALLER}", headers=OTLP).content.endswith(told["message"].encode())


def test_of_a_long_trace_the_oldest_spans_are_left_out(
    site: Site, api: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_nightly(site, "wf-1")
    path = f"/api/v2/traces/{trace_id('default', 'nightly', 'wf-1', 1):032x}"
    assert "status" not in api.get(path).json()
    monkeypatch.setattr(traces, "SHOWN_SPANS", 2)
    told: dict[str, Any] = api.get(path).json()
    assert (told["status"], told["message"]) == ("PARTIAL", "the 3 oldest spans are left out")
    (listed,) = told["trace"]["resourceSpans"][0]["scopeSpans"]
    assert [span["name"] for span in listed["spans"]] == ["nightly", "running", "loader", "processor", "output"]


def test_every_route_needs_the_read_scope() -> None:
    assert {endpoint.scope for endpoint in routes.ENDPOINTS} == {"read"}
