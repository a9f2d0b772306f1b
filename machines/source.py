"""Sources: how a system that cannot push is asked for what its workflows did. Polling reads them; they do nothing."""

from collections.abc import Mapping as Facts
from dataclasses import dataclass
from typing import Any, Literal

from machines.durations import parse_duration
from machines.mapping import Mapping
from machines.paging import Paging, read_paging
from machines.url_template import UrlTemplate, read_template

Method = Literal["GET", "POST"]

DELAY, INTERVAL, LIST_INTERVAL, TIMEOUT, BACKOFF = "0s", "10s", "1m", "10s", "5m"
JITTER = 0.1
CONCURRENCY = 8


@dataclass(frozen=True, slots=True)
class HeaderValue:
    """A header's value: a text, or what a file or an environment variable holds, with `prefix` before it."""

    kind: Literal["text", "file", "variable"]
    value: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a system."""

    url: UrlTemplate
    method: Method
    headers: Facts[str, HeaderValue]
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Collection:
    """A request that lists workflows, the rules by which its answer starts them, and where its next page is."""

    request: Request
    interval_ms: int
    events: Mapping
    paging: Paging | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """How the workflows of a machine are polled. Durations are milliseconds.

    A workflow is asked for `delay_ms` after its start, then every `interval_ms`, more or less by the fraction `jitter`;
    while that fails, after waits that grow to `backoff_ms`. At most `concurrency` requests are under way to the host.
    """

    request: Request
    delay_ms: int
    interval_ms: int
    jitter: float
    backoff_ms: int
    concurrency: int
    events: Mapping
    collection: Collection | None = None


def read_source(facts: Facts[str, Any], events: Mapping, collected: Mapping | None) -> Source:
    """The source of checked facts, with its rules, and those of its collection where it has one."""
    request = _read_request(facts, facts)
    collection = None
    listed = facts.get("list")
    if listed is not None and collected is not None:
        interval_ms = _ms(listed, "interval", LIST_INTERVAL)
        collection = Collection(_read_request(listed, facts), interval_ms, collected, read_paging(listed))
    interval_ms = _ms(facts, "interval", INTERVAL)
    return Source(
        request=request,
        delay_ms=_ms(facts, "delay", DELAY),
        interval_ms=interval_ms,
        jitter=float(facts.get("jitter", JITTER)),
        backoff_ms=max(interval_ms, _ms(facts, "backoff", BACKOFF)),
        concurrency=int(facts.get("concurrency", CONCURRENCY)),
        events=events,
        collection=collection,
    )


def _read_request(facts: Facts[str, Any], default: Facts[str, Any]) -> Request:
    """A request; the headers and time-out of a collection are the source's where it says nothing else."""
    headers = facts.get("headers", default.get("headers", {}))
    return Request(
        url=read_template(facts["url"]),
        method=facts.get("method", "GET"),
        headers={name: _read_header(value) for name, value in headers.items()},
        timeout_ms=_ms(facts if "timeout" in facts else default, "timeout", TIMEOUT),
    )


def _read_header(value: str | Facts[str, str]) -> HeaderValue:
    if isinstance(value, str):
        return HeaderValue("text", value)
    prefix = value.get("prefix", "")
    if "file" in value:
        return HeaderValue("file", value["file"], prefix)
    return HeaderValue("variable", value["variable"], prefix)


def _ms(facts: Facts[str, Any], key: str, default: str) -> int:
    return parse_duration(facts.get(key, default)) // 1_000_000
