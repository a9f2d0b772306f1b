"""The routes that Grafana's data source asks, as it asks them, against what a Tempo 3.0.3 answered (recorded)."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.streams.site import START_MS, Site
from tests.support.api import AppClient, app_client, make_service
from tests.support.nightly import fail_nightly, start_nightly

RECORDED = Path(__file__).parent / "tempo"
UNKNOWN = "0" * 31 + "1"
RANGE = f"start={START_MS // 1_000 - 60}&end={START_MS // 1_000 + 60}"
# What Longspan's spans have beside those that were sent to Tempo for the recording.
MORE = {"flags", "events", "version", "inspectedTraces"}
# What is left out where it is zero or empty, and what depends on how much was read.
LESS = {"inspectedBytes"}


@pytest.fixture
def tempo(site: Site) -> Iterator[AppClient]:
    """A nightly calculation that has failed, as in the recording."""
    fail_nightly(site, start_nightly(site, "wf-42"), "wf-42")
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with app_client(service) as client:
        yield client


def recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())


def shape(value: Any) -> Any:
    """The keys and kinds of a JSON value; of a list, what its elements have in common or not."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        merged: dict[str, Any] = {}
        others = []
        for found in map(shape, value):
            if isinstance(found, dict):
                merged |= found
            else:
                others.append(found)
        return [merged or sorted(set(others))]
    return type(value).__name__


def assert_same_shape(found: Any, expected: Any, place: str = "") -> None:
    if isinstance(expected, dict) and isinstance(found, dict):
        if place.endswith((".value", ".serviceStats")):  # which kind of value, and which service, is data
            return
        assert found.keys() - MORE <= expected.keys(), place
        assert expected.keys() - LESS <= found.keys(), place
        for key in expected.keys() & found.keys():
            assert_same_shape(found[key], expected[key], f"{place}.{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        assert_same_shape(found[0], expected[0], f"{place}[]")
    else:
        assert found == expected, place


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/api/status/buildinfo", "build.json"),
        ('/api/search?q={span.workflow.id="wf-42"}&limit=20&spss=3&' + RANGE, "search.json"),
        (
            '/api/search?q={name="nightly"} | select(span.workflow.id,status)&limit=20&spss=3&' + RANGE,
            "search_select.json",
        ),
        ("/api/search?q={}&limit=20&spss=3&" + RANGE, "search_empty.json"),
        ("/api/search?tags=service.name=longspan&limit=5", "search_tags_old.json"),
        ("/api/v2/search/tags?" + RANGE, "tags.json"),
        ("/api/v2/search/tags?scope=span", "tags_span.json"),
        ("/api/search/tags", "tagsv1.json"),
        ("/api/v2/search/tag/span.workflow.id/values?q={}", "values.json"),
        ("/api/v2/search/tag/status/values", "values_status.json"),
        ("/api/v2/search/tag/name/values", "values_name.json"),
        ("/api/search/tag/workflow.id/values", "valuesv1.json"),
    ],
)
def test_json_answers_have_the_shape_that_tempo_gives_them(tempo: AppClient, path: str, file: str) -> None:
    answer = tempo.get(quote(path, safe="/?&=:.%"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert_same_shape(shape(answer.json()), shape(recorded(file)))


def test_facts_that_do_not_depend_on_the_trace_are_the_same(tempo: AppClient) -> None:
    assert (
        tempo.get("/api/v2/search/tag/status/values").json()["tagValues"] == recorded("values_status.json")["tagValues"]
    )
    assert tempo.get("/api/v2/search/tag/span.workflow.id/values?q={}").json()["tagValues"] == [
        {"type": "string", "value": "wf-42"}
    ]
    scopes = {one["name"]: one["tags"] for one in tempo.get("/api/v2/search/tags").json()["scopes"]}
    assert scopes["intrinsic"] == {one["name"]: one["tags"] for one in recorded("tags.json")["scopes"]}["intrinsic"]
    names = {one["value"] for one in tempo.get("/api/v2/search/tag/name/values").json()["tagValues"]}
    assert names == {one["value"] for one in recorded("values_name.json")["tagValues"]}


def test_a_search_finds_the_same_spans_as_in_tempo(tempo: AppClient) -> None:
    path = quote('/api/search?q={name="nightly"} | select(span.workflow.id,status)', safe="/?&=")
    (found,), (expected,) = tempo.get(path).json()["traces"], recorded("search_select.json")["traces"]
    assert (found["rootServiceName"], found["rootTraceName"]) == (
        expected["rootServiceName"],
        expected["rootTraceName"],
    )
    assert found["spanSet"]["matched"] == expected["spanSet"]["matched"] == 1
    assert found["spanSet"]["spans"][0]["attributes"] == expected["spanSet"]["spans"][0]["attributes"]
    assert found["serviceStats"] == expected["serviceStats"] == {"longspan": {"spanCount": 8, "errorCount": 3}}
    assert found["spanSets"] == [found["spanSet"]]
    everything = tempo.get("/api/search?q=%7B%7D&spss=3").json()["traces"][0]["spanSet"]
    assert (len(everything["spans"]), everything["matched"]) == (3, 8)


@pytest.mark.parametrize(("path", "file"), [("/api/traces/", "v1json.json"), ("/api/v2/traces/", "v2json.json")])
def test_a_trace_in_json_has_the_shape_that_tempo_gives_it(tempo: AppClient, path: str, file: str) -> None:
    answer = tempo.get(path + trace_id(tempo), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    told, expected = answer.json(), recorded(file)
    assert_same_shape(shape(told), shape(expected))
    found = spans_by_name((told.get("trace", {}).get("resourceSpans") or told["batches"])[0])
    others = spans_by_name((expected.get("trace", {}).get("resourceSpans") or expected["batches"])[0])
    assert found.keys() == others.keys()
    for name, span in found.items():
        assert (span["kind"], span["status"]) == (others[name]["kind"], others[name]["status"])
        assert base64.b64decode(span["traceId"]).hex() == trace_id(tempo)


@pytest.mark.parametrize(("path", "file"), [("/api/traces/", "v1pb.pb"), ("/api/v2/traces/", "v2pb.pb")])
def test_a_trace_in_protobuf_is_the_message_that_tempo_sends(tempo: AppClient, path: str, file: str) -> None:
    answer = tempo.get(path + trace_id(tempo), headers={"Accept": "application/protobuf"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/protobuf")
    names = []
    for content in (answer.content, (RECORDED / file).read_bytes()):
        trace = content if "v1" in file else field_one(content)
        (resource_spans,) = TracesData.FromString(trace).resource_spans
        assert {pair.key for pair in resource_spans.resource.attributes} >= {"service.name"}
        (scope_spans,) = resource_spans.scope_spans
        assert scope_spans.scope.name == "longspan"
        names.append({span.name for span in scope_spans.spans})
    assert names[0] == names[1]


def test_a_trace_that_nobody_knows_is_answered_as_by_tempo(tempo: AppClient) -> None:
    protobuf = {"Accept": "application/protobuf"}
    answer = tempo.get(f"/api/v2/traces/{UNKNOWN}", headers=protobuf)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/protobuf")
    assert answer.content == (RECORDED / "v2_404.pb").read_bytes()
    assert tempo.get(f"/api/v2/traces/{UNKNOWN}").json() == {"trace": {}, "metrics": {}}
    for headers in (protobuf, {}):
        older = tempo.get(f"/api/traces/{UNKNOWN}", headers=headers)
        assert (older.status_code, older.headers.get("content-type"), older.content) == (404, None, b"")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/api/echo", 200, "echo"),
        (
            "/api/v2/traces/zz",
            400,
            "trace IDs can only contain hex characters: invalid character 'z' at position 1",
        ),
        (
            "/api/search?q=%7Bfoo&limit=20",
            400,
            "invalid TraceQL query: parse error at line 1, col 2: unknown identifier: foo",
        ),
    ],
)
def test_plain_answers_are_tempos_own(tempo: AppClient, path: str, status: int, text: str) -> None:
    answer = tempo.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert answer.text == text


def trace_id(tempo: AppClient) -> str:
    return str(tempo.get("/workflows/wf-42/trace").json()["trace_id"])


def spans_by_name(resource_spans: dict[str, Any]) -> dict[str, Any]:
    return {span["name"]: span for span in resource_spans["scopeSpans"][0]["spans"]}


def field_one(message: bytes) -> bytes:
    """What is in field 1 of a message that begins with it."""
    assert message[0] == 0x0A
    length = shift = 0
    for at, byte in enumerate(message[1:], 2):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return message[at : at + length]
    raise AssertionError(message)
