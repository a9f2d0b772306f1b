"""TraceQL: what Grafana's search form writes is understood, and everything else is refused with its place."""

import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.tempo.conditions import All, Comparison, Condition, OneOf
from api.tempo.errors import TempoError, TraceQLError
from api.tempo.fields import INTRINSICS, Field, Keyword, Value, Whole
from api.tempo.traceql import parse_duration, parse_field, parse_query
from machines.attributes import AttributeValue
from spans.ids import SpanId, TraceId
from spans.planned import PlannedEvent, PlannedLink, PlannedSpan, SpanStatus

WHOLE = Whole("0" * 31 + "7", "order", 0, 9_000_000_000, {"service.name": "longspan", "service.namespace": "shop"})


def span(
    name: str = "paying", status: SpanStatus = "ok", end_ns: int = 2_000_000_000, **attributes: AttributeValue
) -> PlannedSpan:
    named = {key.replace("__", " ").replace("_", "."): value for key, value in attributes.items()}
    events = [PlannedEvent("com.example.paid", 1_000_000_000, {"workflow.event.id": "e-1"})]
    links = [PlannedLink("a" * 32, "b" * 16)]
    return PlannedSpan(TraceId(7), SpanId(255), None, name, "a", 1, 0, end_ns, named, events, links, status, "no money")


def fits(query: str, found: PlannedSpan) -> bool:
    return parse_query(query).condition.fits(found, WHOLE)


@pytest.mark.parametrize(
    "query",
    [
        "{}",
        "{ }",
        "{ true }",
        '{resource.service.name="longspan" && span.workflow.machine="order" && status=ok && duration>1s}',
        '{ name =~ "pay.*|other" }',
        '{ span.workflow.id != "wf-2" }',
        '{ span.workflow.id !~ "wf-[2-9]" }',
        '{(name="x"||name="paying") && (span.workflow.id="wf-1" || span.workflow.id="wf-9")}',
        "{ .amount = 7 && .amount >= 7.0 && span.amount < 8 && .amount != 6 }",
        "{ span.workflow.open = true && span.workflow.open != false }",
        '{ span."a b" = "c" }',
        '{ span."a b" = `c` }',
        '{ .tags = "y" }',
        "{ .missing = nil && span.amount != nil }",
        '{ trace:rootName = "order" && rootName = "order" && trace:rootService = "longspan" }',
        '{ resource.service.namespace = "shop" && .service.namespace =~ "sh.p" }',
        "{ traceDuration > 8s && trace:duration < 10s && span:duration = 2s && duration <= 2000ms }",
        '{ kind = internal && span:kind != server && span:statusMessage = "no money" }',
        '{ event:name = "com.example.paid" && event.workflow.event.id = "e-1" && event:timeSinceStart = 1s }',
        f'{{ link:traceID = "{"a" * 32}" && link:spanID = "{"b" * 16}" && span:id = "00000000000000ff" }}',
        f'{{ trace:id = "{"0" * 31}7" && instrumentation:name = "longspan" && instrumentation:version = "1" }}',
        '{\n  name = "paying"\n}\n| select(span.workflow.id, status)',
    ],
)
def test_what_the_search_form_writes_is_understood(query: str) -> None:
    found = span(workflow_id="wf-1", workflow_machine="order", workflow_open=True, amount=7, tags=["x", "y"], a__b="c")
    assert fits(query, found)


@pytest.mark.parametrize(
    "query",
    [
        "{ false }",
        '{ name = "pay" }',
        '{ name =~ "pay" }',
        "{ status = error }",
        "{ status != ok }",
        '{ .amount = "7" }',
        "{ .amount = true }",
        '{ .missing != "x" }',
        '{ .missing !~ "x" }',
        "{ .amount = nil }",
        "{ resource.amount = 7 }",
        '{ span.service.name = "longspan" }',
        "{ duration > 2s }",
        '{ name = "paying" && .amount = 8 || false }',
        "{ span:parentID != nil }",
    ],
)
def test_what_does_not_hold_is_not_found(query: str) -> None:
    assert not fits(query, span(amount=7))


@pytest.mark.parametrize(
    ("query", "line", "column", "reason"),
    [
        ("{foo", 1, 2, "unknown identifier: foo"),
        ('{foo = "x"}', 1, 2, "unknown identifier: foo"),
        ("{ nestedSetParent<0 }", 1, 3, "unknown identifier: nestedSetParent"),
        ("{ status = broken }", 1, 12, "unknown identifier: broken"),
        ("{ name = error }", 1, 10, "unknown identifier: error"),
        ("{", 1, 2, "syntax error: unexpected $end"),
        ("{\n", 2, 1, "syntax error: unexpected $end"),
        ('{ name = "x" ', 1, 14, "syntax error: unexpected $end"),
        ('{ name = "x', 1, 10, 'syntax error: unexpected "'),
        ('{ name = "x" } >> { name = "y" }', 1, 16, "syntax error: unexpected >"),
        ('{ name = "x" } && { name = "y" }', 1, 16, "syntax error: unexpected &&"),
        ("{} | rate()", 1, 6, "syntax error: unexpected rate"),
        ("{} | count() > 2", 1, 6, "syntax error: unexpected count"),
        ("{} | select(foo)", 1, 13, "unknown identifier: foo"),
        ("{} with (most_recent=true)", 1, 4, "syntax error: unexpected with"),
        ("{ span.a > span.b }", 1, 12, "unknown identifier: span"),
        ("{ .a > true }", 1, 6, "illegal operation: > with true"),
        ("{ .a < nil }", 1, 6, "illegal operation: < with nil"),
        ("{ .a =~ 5 }", 1, 9, "=~ needs a regular expression in quotes"),
        ('{ .a =~ "(b" }', 1, 9, "error parsing regexp"),
        ("{ .a = 1" + "0" * 5_000 + " }", 1, 8, "the number is out of range"),
        ("{ .a = " + "9" * 400 + "h }", 1, 8, "the number is out of range"),
    ],
)
def test_anything_else_is_refused_with_its_place(query: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(TraceQLError, match=re.escape(reason)) as caught:
        parse_query(query)
    assert (caught.value.line, caught.value.column, caught.value.status) == (line, column, 400)


def test_queries_without_bounds_are_refused() -> None:
    for query in ("{" + " " * 9_000 + "}", "{" + "(" * 100 + "true" + ")" * 100 + "}"):
        with pytest.raises(TempoError, match="invalid TraceQL query"):
            parse_query(query)


@settings(deadline=None)
@given(st.text() | st.text(alphabet='{}()|&=~!<>". \\`aspn.resource:1s', max_size=40))
def test_whatever_is_asked_is_parsed_or_refused(query: str) -> None:
    with suppress(TempoError):
        assert fits(query, span()) in (True, False)


def conditions() -> st.SearchStrategy[tuple[str, bool]]:
    """Conditions as text, and whether they hold for a span with `a` = 1 and `b` = "x"."""
    leaves = st.sampled_from(
        [(".a = 1", True), (".a = 2", False), ('.b =~ "x|y"', True), ('.b != "x"', False), ("true", True)]
    )
    return st.recursive(
        leaves,
        lambda inner: st.tuples(st.sampled_from(["&&", "||"]), inner, inner).map(
            lambda parts: (
                f"({parts[1][0]} {parts[0]} {parts[2][0]})",
                (parts[1][1] and parts[2][1]) if parts[0] == "&&" else (parts[1][1] or parts[2][1]),
            )
        ),
        max_leaves=8,
    )


@settings(deadline=None)
@given(conditions())
def test_conditions_are_combined_as_they_are_nested(condition: tuple[str, bool]) -> None:
    text, expected = condition
    assert fits(f"{{ {text} }}", span(a=1, b="x")) == expected


def test_and_binds_closer_than_or() -> None:
    assert fits("{ true || true && false }", span())
    assert parse_query("{ .a = 1 || .b = 2 && .c = 3 }").condition == OneOf(
        (_equals("a", 1), All((_equals("b", 2), _equals("c", 3))))
    )


def test_texts_are_unquoted_as_in_go() -> None:
    query = parse_query(r'{ .a = "x\"y\\z\n\u00e4" }')
    assert isinstance(query.condition, Comparison)
    assert query.condition.value == 'x"y\\z\nä'


def test_a_field_stands_by_itself_in_a_path() -> None:
    assert parse_field("span.workflow.id") == Field("span", "workflow.id")
    assert parse_field('resource."a b"') == Field("resource", "a b")
    assert parse_field(".x") == Field("", "x")
    assert [parse_field(name) for name in INTRINSICS] == [Field("intrinsic", name) for name in INTRINSICS]
    for wrong in ("foo", "", "span.a) | select(.b", "span.a, .b"):
        with pytest.raises(TempoError, match="valid tag name"):
            parse_field(wrong)


def test_durations_add_up() -> None:
    assert [parse_duration(text) for text in ("1s", "1.5ms", "2h30m", "7ns", "3us", "3µs")] == [
        1_000_000_000,
        1_500_000,
        9_000_000_000_000,
        7,
        3_000,
        3_000,
    ]
    for wrong in ("", "1", "s", "1x", "1s1", "-1s"):
        with pytest.raises(ValueError, match=f"^{re.escape(wrong)}$"):
            parse_duration(wrong)


def test_a_status_is_a_keyword_and_no_text() -> None:
    query = parse_query("{ status = error }")
    assert query.condition == Comparison(Field("intrinsic", "status"), "=", Keyword("error"))
    assert not fits('{ status = "ok" }', span())


def _equals(name: str, value: Value) -> Condition:
    return Comparison(Field("", name), "=", value)
