"""Only plain data of a sensible size gets in, and what is wrong has the line that it stands on."""

import textwrap
from datetime import date

import pytest

from machines.documents import Form, examine, read_document
from machines.places import DEPTH_LIMIT, SIZE_LIMIT
from machines.problems import MachineDocumentError

SMALL = "machine: m\nchart:\n  states:\n    a: {transitions: [{event: go, target: b}]}\n    b: {final: true}\n"


def _reasons(text: str | bytes, form: Form = "yaml") -> list[str]:
    return [str(problem) for problem in examine(text, form, "m").problems]


def _of_month_99() -> str:
    """What Python says, in other words since 3.14."""
    with pytest.raises(ValueError, match="month must be") as said:
        date(2026, 99, 99)
    return str(said.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "m:1: a machine document is a mapping of keys such as machine, version and chart"),
        ("hello", "m:1: a machine document is a mapping of keys such as machine, version and chart"),
        ("a: [\n", "m:2: this is not YAML: while parsing a flow node, did not find expected node content"),
        ("\x00", "m: this is not YAML: unacceptable character #x0000: control characters are not allowed"),
        (SMALL + "machine: n\n", "m:6: the key 'machine' occurs twice here"),
        (SMALL + "1: x\n", "m:6: the key 1 is not text: put it in quotes"),
        (SMALL + "? [a]\n: x\n", "m:6: a key must be text, not a mapping or list"),
        (SMALL + "attributes: &a [x]\n", "m:6: anchors are not allowed: write the part out"),
        (SMALL + "attributes: *a\n", "m:6: aliases are not allowed: write the part out"),
        (SMALL + "---\na: 1\n", "m:6: a file holds one machine: put the next document into a file of its own"),
        (SMALL + "version: 2026-99-99\n", f"m:6: '2026-99-99' cannot be read: {_of_month_99()}"),
        (
            SMALL + "version: !!python/name:os.system x\n",
            "m:6: the tag tag:yaml.org,2002:python/name:os.system is not allowed: documents hold plain data only",
        ),
        (
            SMALL + "attributes: !!set {x}\n",
            "m:6: the tag tag:yaml.org,2002:set is not allowed: documents hold plain data only",
        ),
        (SMALL + "<<: {a: 1}\n", "m:6: the tag tag:yaml.org,2002:merge is not allowed: documents hold plain data only"),
        ("[" * 1000, f"m:1: nested deeper than {DEPTH_LIMIT} levels"),
    ],
)
def test_yaml_that_is_no_plain_data_is_refused_with_its_line(text: str, reason: str) -> None:
    assert _reasons(text) == [reason]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"machine": "m",\n "machine": "n"}', "m:2: the key 'machine' occurs twice here"),
        ('{"a": {"b": 1,\n "b": 2}}', "m:2: the key 'b' occurs twice here"),
        ('{"machine": "m",\n "chart": }', "m:2: this is not JSON: Expecting value"),
        ('{"machine": NaN}', "m: this is not JSON: NaN is not a JSON number"),
        ("[" * 100_000, f"m:1: nested deeper than {DEPTH_LIMIT} levels"),
        ("[]", "m:1: a machine document is a mapping of keys such as machine, version and chart"),
        ('"', "m:1: this is not JSON: Unterminated string starting at"),
    ],
)
def test_json_that_cannot_be_read_is_refused_with_its_line(text: str, reason: str) -> None:
    assert _reasons(text, "json") == [reason]


def test_json_problems_have_the_line_of_their_key_or_item() -> None:
    text = """
    {"machine": "m",
     "chart": {"states": {
       "a": {"transitions": [
          {"event": "go", "target": "b"},
          {"event": "[,{:", "target":
             "nowhere"}]},
       "b": {"final": true}}},
     "foo": [{"x": 1},
       2]}
    """
    assert _reasons(text, "json") == [
        "m:6: there is no state 'nowhere' to go to",
        "m:9: unknown key 'foo'",
    ]


def test_a_document_beyond_the_size_limit_is_refused_unread() -> None:
    assert _reasons(b"#" * (SIZE_LIMIT + 1)) == [f"m: larger than {SIZE_LIMIT} bytes, which no machine needs to be"]


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    assert _reasons(b"machine: m\nversion: \xff\n") == ["m:2: this is not UTF-8 text"]


def test_an_error_lists_each_problem_on_a_line_of_its_own() -> None:
    with pytest.raises(MachineDocumentError) as caught:
        read_document(SMALL + "foo: 1\nbar: 2\n", "yaml", "m.yaml")
    assert str(caught.value) == "m.yaml:6: unknown key 'foo'\nm.yaml:7: unknown key 'bar'"
    assert [(problem.origin, problem.line) for problem in caught.value.problems] == [("m.yaml", 6), ("m.yaml", 7)]


def test_a_large_chart_is_refused_before_it_costs_time() -> None:
    states = "".join(f"    s{n}: {{transitions: [{{event: e{n}, target: s{n + 1}}}]}}\n" for n in range(5_000))
    text = f"machine: m\nchart:\n  states:\n{states}    s5000: {{final: true}}\n"
    assert _reasons(text) == ["m:2: a chart may have 1000 states and 10000 transitions, not more"]


def test_lines_are_right_in_indented_yaml() -> None:
    text = textwrap.dedent(
        """
        # a comment

        machine: m
        starts_on:
          - com.example.a
          - "with space"
        chart:
          states:
            a:
              transitions:
                - event: go
                  target: b
                - event: gone
                  target: c
            b: {final: true}
        """
    )
    assert _reasons(text) == [
        "m:7: 'with space' is not an event type: write text such as com.example.order.placed, without spaces",
        "m:14: there is no state 'c' to go to",
    ]
