import pytest
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from spans.trace_context import Caller, read_caller

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-00",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-bring",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        "",
        f"\u0660\u0660-{TRACE}-{SPAN}-01",
    ],
)
def test_a_traceparent_is_valid_where_opentelemetry_takes_it(traceparent: str) -> None:
    context = get_current_span(
        TraceContextTextMapPropagator().extract({"traceparent": [traceparent]})
    ).get_span_context()
    ours = read_caller(traceparent, None)
    assert (ours is not None) == context.is_valid
    assert ours is None or ours == Caller(f"{context.trace_id:032x}", f"{context.span_id:016x}")


@pytest.mark.parametrize("tracestate", ["a=1", "a=1,b=2", "vendor@x=opaque value", "a=1, ,b=2\t"])
def test_a_valid_tracestate_is_kept_as_it_came(tracestate: str) -> None:
    caller = read_caller(f"00-{TRACE}-{SPAN}-01", tracestate)
    assert caller is not None
    assert caller.tracestate == tracestate


@pytest.mark.parametrize(
    "tracestate", ["", "no state", "A=1", "a=1;b=2", "a=", ",".join(f"k{n}=1" for n in range(33)), " " * 100_000 + "!"]
)
def test_a_broken_tracestate_is_left_out_and_the_caller_kept(tracestate: str) -> None:
    caller = read_caller(f"00-{TRACE}-{SPAN}-01", tracestate)
    assert caller == Caller(TRACE, SPAN, None)


def test_without_a_traceparent_there_is_no_caller() -> None:
    assert read_caller(None, "a=1") is None
