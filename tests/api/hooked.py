"""Webhooks behind an API: GitHub's, and one that is not signed; with one token that may write and one that may not."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from tests.streams.site import Site
from tests.support.admission import bearer, make_access, some_token, stored
from tests.support.api import AppClient, app_client, make_service
from tests.support.deliveries import github, hooks, recorded

RUN = json.dumps(recorded("github")[1]["payload"]).encode()
PLAIN = """\
webhook: plain
events:
  - {type: "com.example.{kind}", subject: "{id}", when: kind, time: at}
  - {each: "more || `[]`", type: com.example.more, subject: "{document().id}"}
  - {when: broken, type: com.example.broken, subject: "{missing}"}
"""
NONE: Mapping[str, str] = MappingProxyType({})
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
