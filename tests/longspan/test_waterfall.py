from longspan.received import ReceivedSpan, StatusCode
from longspan.waterfall import draw_waterfall

SECOND = 10**9


def span(name: str, parent: str, start: int, end: int, status: StatusCode = "ok", message: str = "") -> ReceivedSpan:
    return ReceivedSpan(
        trace_id="ab" * 16,
        span_id=name,
        parent_id=parent,
        name=name,
        kind=1,
        start_ns=start * SECOND,
        end_ns=end * SECOND,
        attributes={"workflow.id": "wf-1", "workflow.outcome": "error"},
        events=(),
        links=(),
        status=status,
        message=message,
        tracestate="",
        dropped_attributes=0,
        dropped_events=0,
        dropped_links=0,
        resource={},
        scope=("longspan", "1"),
        encoded=b"",
    )


def test_bars_lie_where_the_spans_lie_in_time() -> None:
    lines = draw_waterfall(
        [span("second", "root", 50, 100), span("first", "root", 0, 50), span("root", "", 0, 100)], "#"
    )
    assert lines[0].text == f"wf-1  error  trace {'ab' * 16}"
    names = [line.text.split()[0] for line in lines[1:]]
    assert names == ["root", "first", "second"]
    bars = [line.text[33:79] for line in lines[1:]]
    assert bars == ["#" * 46, ("#" * 23).ljust(46), ("#" * 23).rjust(46)]


def test_nesting_is_indented_and_failures_are_marked() -> None:
    spans = [
        span("root", "caller", 0, 10, "error", "out of memory"),
        span("stage", "root", 0, 10, "error", "out of memory"),
        span("step", "stage", 10, 10),
    ]
    lines = draw_waterfall(spans, "#")
    assert [len(line.text) - len(line.text.lstrip()) for line in lines[1:]] == [2, 4, 6]
    assert [line.tone for line in lines] == ["heading", "error", "error", "ok"]
    assert lines[2].text.endswith("ERROR out of memory")
    assert "#" in lines[3].text
