"""The service: what every route is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits

from api.allowance import STRANGERS_BYTES, Allowance
from api.live import Live
from api.overview import Overview
from api.reader import Reader
from api.signatures import Hook
from api.trace_ids import TraceIds
from api.trace_memory import TraceMemory
from api.traffic import Traffic
from machines.catalog import Catalog
from spans.resource import DEFAULT_SERVICE_NAME
from streams.backlog import Backlog
from streams.keys import Keys
from streams.layout import read_partitions


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say. `trace_link` is the URL of a trace with `{trace_id}` in it, None where there is none;
    `body_limit` is in bytes; `ingress_limit` is how many events may wait to be applied; `resource` and `span_limits`
    are those of the spans that the exporter sends. `watchers` may watch at a time; who is told nothing for
    `heartbeat_seconds` gets a sign of life. `hooks` are the webhooks that are served, by name."""

    namespace: str = "default"
    trace_link: str | None = None
    body_limit: int = 8 * 1024 * 1024
    ingress_limit: int = 1_000_000
    resource: Resource = field(default_factory=lambda: Resource({SERVICE_NAME: DEFAULT_SERVICE_NAME}))
    span_limits: SpanLimits = field(default_factory=SpanLimits)
    watchers: int = 4_000
    heartbeat_seconds: float = 15.0
    hooks: Mapping[str, Hook] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """What every route is given.

    `now_ns` gives the time, in ns since the epoch; `allowance` is for bodies of requests, `strangers` for those of whom
    nobody knows yet who sends them; `backlog` takes events, `traffic` is what was answered so far, `overview` what
    probes and metrics look at, `live` tells who watches of what changes, `memory` is of the traces of long runs,
    `trace_ids` knows those of runs.
    """

    reader: Reader
    keys: Keys
    catalog: Catalog
    options: Options
    now_ns: Callable[[], int]
    allowance: Allowance = field(init=False, default_factory=Allowance)
    strangers: Allowance = field(init=False, default_factory=partial(Allowance, STRANGERS_BYTES))
    backlog: Backlog = field(init=False)
    traffic: Traffic = field(init=False, default_factory=Traffic)
    overview: Overview = field(init=False, default_factory=Overview)
    live: Live = field(init=False, default_factory=Live)
    memory: TraceMemory = field(init=False, default_factory=TraceMemory)
    trace_ids: TraceIds = field(init=False)
    _known: list[int] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trace_ids", TraceIds(self.options.namespace))
        object.__setattr__(self, "backlog", Backlog(self.keys, self.options.ingress_limit))

    def end(self) -> None:
        """End the answers that would go on, so that the server can: in its loop, when it is told to stop."""
        self.live.stop()

    async def partitions(self) -> int:
        """How many there are; 0 where no worker has ever started under the prefix. Raises Problem."""
        if not self._known:
            found = await self.reader.run(read_partitions, self.keys)
            if not found:
                return 0
            self._known.append(found)
        return self._known[0]
