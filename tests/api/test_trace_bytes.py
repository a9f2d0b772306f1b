"""What the API shows of a span that has ended is what an OTLP endpoint gets, byte for byte: before, and ever after."""

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.trace import SpanLimits

from longspan.received import decode_request
from longspan.receiver import Receiver
from spans.delivery import Delivery
from spans.export import Exporter
from spans.resource import describe_resource
from streams.outbox import Outbox
from tests.spans.export_runs import Held
from tests.spans.pauses import Pauses
from tests.streams.site import PARTITIONS, Site
from tests.support.api import AppClient, app_client, make_service
from tests.support.nightly import fail_nightly, start_nightly

OTLP = {"Accept": "application/protobuf"}


def shown(api: AppClient, path: str) -> dict[str, bytes]:
    """Spans of an answer, encoded, by id."""
    return {span.span_id: span.encoded for span in decode_request(api.get(path, headers=OTLP).content)}


def export(site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send all that the outbox holds, as the exporter's process does."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    delivery = Delivery(describe_resource("default"), lambda: 0.0)
    exporter = Exporter(
        Outbox(site.client, site.keys, PARTITIONS),
        Held(dict.fromkeys(range(PARTITIONS), b"")),
        delivery,
        "default",
        SpanLimits(),
        now_ms=lambda: site.now_ms,
        spread=lambda: 1.0,
    )
    while exporter.drain_once(Pauses(), 1):
        pass
    delivery.close()


def test_ended_spans_are_those_that_the_endpoint_gets(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = start_nightly(site, "wf-42")
    service = make_service(
        site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000, resource=describe_resource("default")
    )
    with app_client(service) as api:
        running = api.get("/workflows/wf-42/trace").json()
        before = shown(api, "/workflows/wf-42/trace")
        by_id = f"/api/traces/{running['trace_id']}"
        assert shown(api, by_id) == before
        fail_nightly(site, worker, "wf-42")
        ended = shown(api, by_id)
        export(site, receiver, monkeypatch)
        received = {span.span_id: span.encoded for span in receiver.spans}
        assert len(receiver.spans) == 8
        assert shown(api, "/workflows/wf-42/trace") == ended == received
        assert before.keys() == received.keys()
        open_ids = {span["span_id"] for span in running["spans"] if span["open"]}
        assert len(open_ids) == 3  # output, running and the workflow span
        assert {name: span for name, span in before.items() if name not in open_ids} == {
            name: span for name, span in received.items() if name not in open_ids
        }
        assert all(before[name] != received[name] for name in open_ids)
        (told,) = TracesData.FromString(api.get(by_id, headers=OTLP).content).resource_spans
        (sent,) = TracesData.FromString(receiver.requests[0].body).resource_spans
        assert told.resource == sent.resource
        assert told.scope_spans[0].scope == sent.scope_spans[0].scope


def test_retention_ends_what_is_shown(site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = start_nightly(site, "wf-42")
    fail_nightly(site, worker, "wf-42")
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with app_client(service) as api:
        by_id = f"/api/traces/{api.get('/workflows/wf-42/trace').json()['trace_id']}"
        export(site, receiver, monkeypatch)
        assert api.get(by_id).status_code == 200
        site.pass_ms(worker, 8 * 86_400_000)
        assert api.get(by_id).status_code == 404
        assert api.get("/workflows/wf-42/trace").status_code == 404
