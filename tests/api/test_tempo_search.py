"""Search and tags over workflows that run and have run."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from httpx import Response

from api.tempo import search as searching
from tests.streams.site import START_MS, Site
from tests.support.api import AppClient, app_client, make_service
from tests.support.nightly import fail_nightly, start_nightly

START = START_MS // 1_000
CASES: list[tuple[str, list[tuple[str, list[str]]]]] = [
    ('{ span.workflow.id = "wf-1" && name = "loader" }', [("wf-1", ["loader"])]),
    ('{ span.workflow.id = "nobody" }', []),
    ('{ span.portfolio = "BOND" && name = "nightly" }', [("wf-3", ["nightly"])]),
    (
        '{ .portfolio = "BOND" && span.workflow.open = true && name != "nightly" }',
        [("wf-3", ["running", "loader", "waiting"])],
    ),
    (
        '{ span.workflow.open = true && span.workflow.state = "running.output" }',
        [("wf-2", ["output"]), ("wf-1", ["output"])],
    ),
    ("{ status = error }", [("old", ["nightly", "running", "output"])]),
    ('{ span.workflow.outcome = "error" }', [("old", ["nightly"])]),
    ('{ span.workflow.outcome = "ok" }', []),
    (
        '{ rootName = "nightly" && span.size = 7 && name =~ "sub.*" && .workflow.id =~ "wf-1|wf-3" }',
        [("wf-3", ["submitted"]), ("wf-1", ["submitted"])],
    ),
    ('{ resource.service.name = "other" }', []),
    ('{ rootServiceName != "longspan" }', []),
    ('{ span.workflow.machine = "other" }', []),
    ('{ name = "waiting" && duration > 40s }', [("wf-3", ["waiting"])]),
    ('{ event:name = "com.example.nightly.broke" }', [("old", ["running", "output"])]),
]


@pytest.fixture
def tempo(site: Site) -> Iterator[AppClient]:
    """Four workflows in order of start: `old` has failed, `wf-1` to `wf-3` run, `wf-3` for another portfolio."""
    worker = start_nightly(site, "old")
    fail_nightly(site, worker, "old")
    site.now_ms = START_MS
    worker = start_nightly(site, "wf-1", "wf-2", worker=worker)
    start_nightly(site, "wf-3", steps=2, portfolio="BOND", worker=worker)
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with app_client(service) as client:
        yield client


def ask(tempo: AppClient, query: str | None = None, **parameters: str | int) -> Response:
    return tempo.get("/api/search?" + urlencode(parameters if query is None else {"q": query} | parameters))


def found(tempo: AppClient, query: str | None = None, **parameters: str | int) -> list[tuple[str, list[str]]]:
    """Of each trace the workflow and the names of the spans that matched."""
    selecting = None if query is None else f"{query} | select(name, span.workflow.id)"
    traces = ask(tempo, selecting, spss=0, **parameters).json()["traces"]
    return [(_workflow(trace), [span["name"] for span in trace["spanSet"]["spans"]]) for trace in traces]


def workflows(tempo: AppClient, query: str, **parameters: str | int) -> list[str]:
    return [workflow for workflow, _ in found(tempo, query, **parameters)]


def test_running_workflows_are_found_before_those_that_ended_newest_first(tempo: AppClient) -> None:
    assert workflows(tempo, "{}") == ["wf-3", "wf-2", "wf-1", "old"]
    assert workflows(tempo, "{}", limit=3) == ["wf-3", "wf-2", "wf-1"]
    assert workflows(tempo, "{}", limit=1) == ["wf-3"]


def test_spans_are_found_by_what_they_say(tempo: AppClient) -> None:
    for query, expected in CASES:
        assert found(tempo, query) == expected, query


def test_a_trace_id_leads_to_its_trace_alone(tempo: AppClient) -> None:
    trace_id = tempo.get("/workflows/wf-2/trace").json()["trace_id"]
    assert workflows(tempo, f'{{ trace:id = "{trace_id}" && name = "nightly" }}') == ["wf-2"]
    assert workflows(tempo, '{ trace:id = "rubbish" }') == []


def test_an_earlier_run_is_found_by_its_workflow(site: Site, tempo: AppClient) -> None:
    site.end_leases()
    start_nightly(site, "old", steps=1)
    assert workflows(tempo, '{ span.workflow.id = "old" && name = "nightly" }') == ["old", "old"]
    assert workflows(tempo, '{ span.workflow.id = "old" && span.workflow.run = 1 && name = "nightly" }') == ["old"]


def test_only_traces_that_reach_into_the_time_are_found(tempo: AppClient) -> None:
    assert workflows(tempo, "{}", start=START + 6, end=START + 60) == ["wf-3", "wf-2", "wf-1", "old"]
    assert workflows(tempo, "{}", start=START + 7, end=START + 60) == ["wf-3", "wf-2", "wf-1"]
    assert workflows(tempo, "{}", end=START + 8) == ["wf-1", "old"]
    assert workflows(tempo, "{}", start=START + 1_000, end=START + 2_000) == []
    assert workflows(tempo, '{ span.workflow.id = "wf-3" }', end=START + 18) == ["wf-3"]
    assert workflows(tempo, '{ span.workflow.id = "wf-3" }', end=START + 17) == []


def test_the_older_form_searches_by_tags_and_duration(tempo: AppClient) -> None:
    def tagged(**parameters: str) -> int:
        traces = tempo.get("/api/search?" + urlencode(parameters)).json()["traces"]
        assert not any("spanSet" in trace for trace in traces)
        return len(traces)

    assert tagged() == 4
    assert tagged(tags='service.name=longspan name="nightly" size=7') == 4
    assert tagged(tags="error=true") == tagged(tags="status.code=error") == 1
    assert tagged(tags="portfolio=BOND root.name=nightly") == 1
    assert tagged(tags="workflow.open=true") == 3
    assert tagged(tags="service.name=other") == 0
    assert tagged(minDuration="10s") == 3
    assert tagged(maxDuration="10s") == 1
    assert tagged(minDuration="1s", maxDuration="4.9s") == 0


def test_no_more_spans_are_listed_than_asked_for(tempo: AppClient) -> None:
    (trace,) = ask(tempo, '{ span.workflow.id = "wf-1" }', spss=2).json()["traces"]
    assert (len(trace["spanSet"]["spans"]), trace["spanSet"]["matched"]) == (2, 8)
    assert trace["serviceStats"] == {"longspan": {"spanCount": 8}}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/search?limit=x", "invalid limit: must be a number from 0 to 2147483647"),
        ("/api/search?limit=-1", "invalid limit"),
        ("/api/search?spss=99999999999", "invalid spss"),
        ("/api/search?start=1e9", "invalid start"),
        ("/api/search?start=20&end=10", "http parameter start must be before end. received start=20 end=10"),
        ("/api/search?minDuration=5", "invalid minDuration: must be a duration such as 1.5s, 100ms or 1h30m"),
        ("/api/search?minDuration=5s&maxDuration=4s", "invalid maxDuration: must be greater than minDuration"),
        ("/api/search?tags=rubbish", "invalid tags: logfmt syntax error at position 1: expected name=value"),
        ("/api/search?q=%7B%7D%20%7C%20rate()", "invalid TraceQL query: parse error at line 1, col 6"),
        ("/api/v2/search/tags?scope=moon", "invalid scope: moon"),
        ("/api/v2/search/tag/foo/values", "please provide a valid tag name: 'foo' is none"),
        ("/api/v2/search/tag/name/values?q=%7B", "invalid TraceQL query"),
        ("/api/traces/" + "1" * 33, "trace IDs can't be larger than 128 bits"),
        ("/api/traces/12g4", "trace IDs can only contain hex characters: invalid character 'g' at position 3"),
    ],
)
def test_what_is_wrong_is_told_in_plain_text(api: AppClient, path: str, message: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert message in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/metrics/query_range?q={}|rate()", 501),
        ("/api/metrics/query?q={}|rate()", 501),
        ("/api/overrides", 404),
        ("/api/search/nothing", 404),
    ],
)
def test_what_longspan_does_not_have_is_told_in_plain_text(api: AppClient, path: str, status: int) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert answer.text.startswith("Longspan does not ")


def test_a_regular_expression_cannot_hold_up_the_service(tempo: AppClient) -> None:
    answer = ask(tempo, '{ name =~ "((((a{100}){100}){100}){100})" }')
    assert (answer.status_code, "too large" in answer.text) == (400, True)
    assert found(tempo, '{ name =~ "(n*|i*|g*)*x" }') == []


def test_a_search_ends_at_its_bounds_and_says_so(tempo: AppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(tempo, '{ name = "none" }').json()["metrics"]["totalJobs"] == 1
    for bound, most in (("MOST_RUNS", 2), ("MOST_ENTRIES", 7), ("MOST_PAGES", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(searching, bound, most)
            told = ask(tempo, '{ name = "none" }').json()["metrics"]
            assert (told["completedJobs"], told["totalJobs"]) == (1, 2), bound
            assert 2 <= told["inspectedTraces"] <= 3


def test_a_journal_that_cannot_be_told_hides_no_other(site: Site, tempo: AppClient) -> None:
    site.client.call("RPUSH", site.of("wf-2").journal("wf-2", 1), b"rubbish")
    site.client.call("LSET", site.of("wf-3").journal("wf-3", 1), 0, b"rubbish")
    assert workflows(tempo, "{}") == ["wf-1", "old"]


def values(tempo: AppClient, tag: str, **parameters: str) -> list[Any]:
    answer = tempo.get(f"/api/v2/search/tag/{quote(tag)}/values?{urlencode(parameters)}")
    assert answer.status_code == 200
    return [(value["type"], value["value"]) for value in answer.json()["tagValues"]]


def test_values_of_tags_are_those_of_the_spans_that_are_asked_for(tempo: AppClient) -> None:
    assert values(tempo, "span.portfolio") == [("string", "BOND"), ("string", "FX")]
    assert values(tempo, ".portfolio", q="{ status = error }") == [("string", "FX")]
    assert values(tempo, "span.size") == [("int", "7")]
    assert values(tempo, "span.workflow.open") == [("bool", "true")]
    assert values(tempo, "resource.service.name") == [("string", "longspan")]
    assert values(tempo, "span.workflow.id", limit="2") == [("string", "wf-3"), ("string", "wf-2")]
    assert values(tempo, "kind") == [("keyword", "internal")]
    assert values(tempo, "duration") == values(tempo, "span.missing") == []
    assert values(tempo, "rootName", start=str(START + 1_000)) == []
    assert tempo.get("/api/search/tag/portfolio/values").json()["tagValues"] == ["BOND", "FX"]
    assert tempo.get("/api/search/tag/status/values").json()["tagValues"] == ["unset", "ok", "error"]


def test_names_of_tags_are_those_of_machines_and_of_spans(tempo: AppClient) -> None:
    def names(**parameters: str) -> dict[str, list[str]]:
        scopes = tempo.get("/api/v2/search/tags?" + urlencode(parameters)).json()["scopes"]
        return {scope["name"]: scope["tags"] for scope in scopes}

    everything = names()
    assert {"portfolio", "size", "label", "workflow.id", "workflow.state"} <= set(everything["span"])
    assert everything["event"] == ["workflow.event.id", "workflow.event.result"]
    assert everything["resource"] == ["service.name"]
    assert names(scope="event", limit="1") == {"event": ["workflow.event.id"]}
    assert names(scope="link") == {}
    assert "label" not in names(q='{ name = "nightly" }')["span"]
    flat = tempo.get("/api/search/tags").json()["tagNames"]
    assert flat == sorted(flat)
    assert {"service.name", "portfolio"} <= set(flat)


def test_nothing_is_found_before_a_worker_has_ever_started(site: Site, api: AppClient) -> None:
    site.client.call("DEL", site.keys.layout)
    assert ask(api, "{}").json()["traces"] == []
    assert api.get("/api/traces/1").status_code == 404


def _workflow(trace: dict[str, Any]) -> str:
    (workflow,) = {
        pair["value"]["stringValue"]
        for span in trace["spanSet"]["spans"]
        for pair in span["attributes"]
        if pair["key"] == "workflow.id"
    }
    return str(workflow)
