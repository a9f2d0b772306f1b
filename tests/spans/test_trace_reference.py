"""docs/traces.md says what the code does."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

from opentelemetry.sdk import environment_variables

from spans.answer import Refused, judge_status
from spans.backoff import FIRST_SECONDS, LONGEST_ASKED_SECONDS, LONGEST_SECONDS
from spans.ids import span_id, trace_id
from spans.otlp import SCOPE_NAME, SCOPE_VERSION
from spans.planned import PlannedSpan
from tests.spans.family_journals import APART, place_in, placed
from tests.spans.journals import TRACEPARENT, header, record
from tests.spans.outline import events, seconds, spans_of
from tests.spans.test_plan import PAID

PAGE = (Path(__file__).parents[2] / "docs" / "traces.md").read_text()


def fenced(language: str) -> list[str]:
    """The blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_recipe_of_ids_runs_and_agrees_with_the_code() -> None:
    (recipe,) = fenced("python")
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(recipe, names)  # noqa: S102  the page's own example
    assert printed.getvalue() == fenced("text")[1]
    for namespace, machine, workflow, run in [("default", "order", "o-1", 1), ("tenant/b", "ümläut", "a b", 12)]:
        trace = trace_id(namespace, machine, workflow, run)
        assert names["trace_id"](namespace, machine, workflow, run) == f"{trace:032x}"
        for path, visit in [("", 0), ("#started", 0), ("a.b", 7)]:
            assert names["span_id"](f"{trace:032x}", path, visit) == f"{span_id(trace, path, visit):016x}"


def test_the_example_is_what_is_planned() -> None:
    lines = []
    for span in sorted(spans_of(PAID), key=lambda span: (span.visit, span.path)):
        name = f"{span.path}, visit {span.visit}" if span.path else span.name
        depth = len(span.path.split(".")) if span.path else 0
        told = ", ".join(f"{name} ({time:g} s)" for name, time in events(span))
        lines.append(f"{'  ' * depth + name:<30}{seconds(span.start_ns):g} s to {seconds(span.end_ns):g} s   {told}")
    assert fenced("text")[0].splitlines() == lines


def all_spans() -> list[PlannedSpan]:
    """Spans with everything that spans can have."""
    records = [
        record("placed", "+a", at=0, parent="o-0", data={"amount": 1}),
        record("odd", at=1, result="rejected", reason="no"),
        record("moved", "-a", "+b", at=-1, traceparent=TRACEPARENT),
        record("ended", "-b", "*failed", at=3, outcome="error"),
    ]
    place = place_in("o-0", header(), [record("placed", "+a", at=0)], apart=APART)
    return spans_of(placed(records, place), export="progressive", attributes=("amount",))


def test_every_attribute_is_in_the_tables_and_no_other() -> None:
    described = set(re.findall(r"`(workflow\.[a-z_.]+)`", PAGE))
    of_spans = {name for span in all_spans() for name in span.attributes if name != "amount"}
    of_events = {name for span in all_spans() for event in span.events for name in event.attributes or ()}
    assert described == of_spans | of_events
    table = dict(re.findall(r"^\| `(workflow\.[a-z_]+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    assert set(table) == of_spans
    for span in all_spans():
        kind = "workflow span" if span.path == "" else "state spans" if span.visit else "started"
        for name in span.attributes.keys() & table.keys():
            assert table[name] in (kind, "every span", "spans that were clamped")


def test_the_scope_is_the_one_described() -> None:
    assert f"the scope `{SCOPE_NAME}`, whose version `{SCOPE_VERSION}` is" in PAGE


def test_the_table_of_answers_is_how_answers_are_judged() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| 401, ")]
    described = {int(status) for status in re.findall(r"\b\d{3}\b", row.split("|")[1])}
    for status in range(300, 600):
        tried_again = status in described or not 400 <= status < 500
        assert isinstance(judge_status(status, "", None), Refused) != tried_again, status


def test_the_waits_are_those_described() -> None:
    assert (FIRST_SECONDS, LONGEST_SECONDS, LONGEST_ASKED_SECONDS) == (0.1, 30.0, 3600.0)
    assert "0.1 s, doubling up to 30 s, or as long as `Retry-After` asks, up to an hour" in PAGE


def test_every_variable_of_opentelemetry_that_is_named_exists() -> None:
    for name in re.findall(r"`(OTEL_[A-Z_]+[A-Z])`", PAGE):
        assert getattr(environment_variables, name) == name
