"""Trace and span ids: a pure function of names, so that anyone can compute them and any worker can continue them."""

from collections.abc import Callable
from hashlib import blake2b
from typing import NewType

TraceId = NewType("TraceId", int)
SpanId = NewType("SpanId", int)

WORKFLOW_PATH = ""
STARTED_PATH = "#started"


def trace_id(namespace: str, machine: str, workflow_id: str, run: int) -> TraceId:
    """The 128-bit trace id of one run (1, 2, ...) of a workflow. Never zero."""
    return TraceId(_hash(f"{namespace}\n{machine}\n{workflow_id}\n{run}", 16))


def span_id(own_trace_id: TraceId, path: str, visit: int) -> SpanId:
    """The 64-bit id of the span of one visit (1, 2, ...) of the state at `path`. Never zero.

    `own_trace_id` is the run's own trace id, also where its spans are sent under a caller's. The workflow span has the
    empty path and visit 0, the started span the path `#started` and visit 0.
    """
    return span_namer(own_trace_id)(path, visit)


def span_namer(own_trace_id: TraceId) -> Callable[[str, int], SpanId]:
    """`span_id` for the spans of one run."""
    begun = blake2b(f"{own_trace_id:032x}\n".encode(), digest_size=8)

    def name(path: str, visit: int) -> SpanId:
        named = begun.copy()
        named.update(f"{path}\n{visit}".encode())
        digest = named.digest()
        return SpanId(int.from_bytes(digest) or _other(digest))

    return name


def _hash(text: str, size: int) -> int:
    digest = blake2b(text.encode(), digest_size=size).digest()
    return int.from_bytes(digest) or _other(digest)


def _other(digest: bytes) -> int:
    """What stands for a digest of zeros: OpenTelemetry reserves the all-zero id for "invalid"."""
    return int.from_bytes(blake2b(digest, digest_size=len(digest)).digest())
