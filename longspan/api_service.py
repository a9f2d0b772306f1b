"""The API put together: what its routes are given, from the settings."""

import os
import time
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import SpanLimits

from api.reader import Reader
from api.service import Options, Service
from longspan.settings import Settings
from longspan.store import Store
from longspan.webhook_secrets import make_hooks
from spans.resource import describe_resource

if TYPE_CHECKING:
    from machines.catalog import Catalog


def make_service(settings: Settings, store: Store, catalog: "Catalog") -> Service:
    """The service of a process. Its reader has to be closed.

    Raises SettingsError and WebhookDocumentError for webhooks that cannot be served.
    """
    options = Options(
        namespace=settings.namespace,
        trace_link=settings.trace_link,
        body_limit=settings.api_body_limit,
        ingress_limit=settings.ingress_limit,
        resource=describe_resource(settings.namespace),
        span_limits=SpanLimits(),
        watchers=settings.api_watchers,
        hooks=make_hooks(settings.webhooks, os.environ),
    )
    return Service(Reader(store.connect), store.keys, catalog, options, time.time_ns)
