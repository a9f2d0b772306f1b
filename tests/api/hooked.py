"""Webhooks behind an API: one that is not signed, GitHub's, and all that are shipped; with tokens."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import httpx

from machines.catalog import load_catalog
from tests.streams.site import Site
from tests.support.admission import bearer, make_access, some_token, stored
from tests.support.api import AppClient, app_client, make_service, served
from tests.support.deliveries import github, hooks, story

RUN = json.dumps(story("github")[0]["payload"]).encode()
PLAIN = """\
webhook: plain
events:
  - {type: "com.example.{kind}", subject: "{id}", when: kind, time: at}
  - {each: "more || `[]`", type: com.example.more, subject: "{document().id}"}
  - {when: broken, type: com.example.broken, subject: "{missing}"}
"""
NONE: Mapping[str, str] = MappingProxyType({})
SHIPPED = load_catalog(["@github", "@cdevents"])
WRITER, READER = bearer(some_token(1)), bearer(some_token(2))


@contextmanager
def hooked_app(site: Site, folder: Path) -> Iterator[AppClient]:
    """A client of the app."""
    (folder / "plain.webhook.yaml").write_text(PLAIN)
    access = make_access((stored(1, "write"), stored(2, "read")))
    served = hooks("@github", str(folder / "plain.webhook.yaml"))
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000, hooks=served)
    with app_client(service, access) as client:
        yield client


def deliver(client: AppClient, body: bytes = RUN, headers: Mapping[str, str] = NONE) -> httpx.Response:
    """Deliver as GitHub does, with other headers."""
    return client.post("/webhooks/github", content=body, headers={**github("workflow_run", body), **headers})


def deliver_plain(client: AppClient, body: Any, headers: dict[str, str] = WRITER) -> httpx.Response:
    """Deliver to the webhook that is not signed."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/webhooks/plain", content=content, headers={"content-type": "application/json"} | headers)


def count(site: Site) -> int:
    """How many events are in the ingress stream."""
    return int(site.client.xlen(site.keys.events))


@contextmanager
def shipped_hooks(site: Site) -> Iterator[httpx.Client]:
    """A client of a real server with the shipped webhooks; its token may read and write."""
    service = make_service(
        site.connect, site.keys, SHIPPED, lambda: site.now_ms * 1_000_000, hooks=hooks("@github", "@cdevents")
    )
    access = make_access((stored(1, "read", "write"),))
    with served(service, access) as url, httpx.Client(base_url=url, headers=WRITER) as client:
        yield client


def view(client: httpx.Client, subject: str) -> dict[str, Any]:
    """A workflow as the API tells it."""
    told: dict[str, Any] = client.get(f"/workflows/{quote(subject, '')}").raise_for_status().json()
    return told


def own_spans(client: httpx.Client, subject: str) -> list[tuple[str, str, str, str]]:
    """The spans of a workflow's own: path, start, end and status."""
    told = client.get(f"/workflows/{quote(subject, '')}/trace").raise_for_status().json()
    return [
        (span["path"], span["start"], span["end"], span["status"])
        for span in told["spans"]
        if span["attributes"]["workflow.id"] == subject
    ]
