"""The source of a machine: what it may say, what is wrong with it and where, and the URLs that it gives."""

from pathlib import Path
from typing import Any

import pytest
from statemachine import State

from machines.catalog import Catalog, load_catalog
from machines.documents import examine
from machines.errors import TemplateError
from machines.problems import MachineDocumentError
from machines.python_form import WorkflowChart, read_class
from machines.source import HeaderValue, Source
from machines.url_template import read_template

HEAD = "machine: run\nattributes: [desk]\n"
CHART = "chart: {states: {on: {transitions: [{event: off, target: done}]}, done: {final: true}}}\n"
RULES = "  events:\n    - {type: com.example.off, when: ended, time: ended}\n"
URL = "  url: https://runs.example/{id}\n"


def _source(text: str, rules: str = RULES) -> Source:
    machine = examine(f"{HEAD}source:\n{text}{rules}{CHART}", "yaml", "run.yaml").machine
    assert machine is not None
    assert machine.source is not None
    return machine.source


def _problems(text: str, rules: str = RULES) -> list[str]:
    reading = examine(f"{HEAD}source:\n{text}{rules}{CHART}", "yaml", "run.yaml")
    assert reading.machine is None
    return [f"{problem.line}: {problem.reason}" for problem in reading.problems]


def test_a_source_has_defaults_for_all_but_its_url_and_its_rules() -> None:
    source = _source(URL)
    assert (source.request.method, source.request.timeout_ms, source.request.headers) == ("GET", 10_000, {})
    assert (source.delay_ms, source.interval_ms, source.jitter, source.backoff_ms) == (0, 10_000, 0.1, 300_000)
    assert (source.concurrency, source.collection) == (8, None)


def test_a_collection_takes_headers_and_time_out_of_its_source_where_it_has_none() -> None:
    listed = "  list:\n    url: https://runs.example/\n    events: [{each: '@', type: a, subject: '{id}', time: at}]\n"
    source = _source(f"{URL}  timeout: 3s\n  headers: {{X-Tenant: {{variable: T, prefix: 't '}}}}\n{listed}")
    assert source.collection is not None
    assert source.collection.request.headers == {"X-Tenant": HeaderValue("variable", "T", "t ")}
    assert (source.collection.request.timeout_ms, source.collection.interval_ms) == (3_000, 60_000)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("  url: https://runs.example/all\n", "4: the url is the same for every workflow: put {id} where"),
        ("  url: ftp://runs.example/{id}\n", "4: the url must begin with http://, https:// or a variable"),
        ("  url: /runs/{id}\n", "4: the url must begin with http://, https:// or a variable"),
        ("  url: https://u:p@runs.example/{id}\n", "4: the url must not hold a user or password"),
        ("  url: https://{id}.example/x\n", "4: the url must name a host, in which nothing is filled in"),
        ("  url: https://runs.example:x/{id}\n", "4: the url has no host and port that can be read"),
        ("  url: https://runs.example/{id\n", "4: the url has a brace without its partner"),
        ("  url: https://runs.example/{name}\n", "4: the url has {name}: only {id} and {attributes.NAME}"),
        ("  url: https://runs.example/{attributes.x}\n", "4: the url has {attributes.x}, but `attributes` does not"),
        ('  url: "${HOST}.example/{id}"\n', "4: the url can take a variable only as its beginning"),
        ('  url: "https://runs.example/{id}?key=${KEY}"\n', "4: the url can take a variable only as its beginning"),
        ('  url: "https://runs.example/{id} x"\n', "4: the url holds characters that a URL cannot have"),
        (f"{URL}  interval: 10\n", "5: source.interval must be text, not 10"),
        (f"{URL}  interval: 1ms\n", "5: interval must lie between 100ms and 7d, not 1ms"),
        (f"{URL}  delay: soon\n", "5: 'soon' is not a duration"),
        (f"{URL}  jitter: 0.9\n", "5: source.jitter must be at most 0.5"),
        (f"{URL}  concurrency: 0\n", "5: source.concurrency must be at least 1"),
        (f"{URL}  intervall: 1s\n", "5: unknown key 'intervall' in source; did you mean 'interval'?"),
        (
            f"{URL}  headers: {{Authorization: abc}}\n",
            "5: the header Authorization is a secret: give it as {file: PATH}",
        ),
        (f"{URL}  headers: {{Host: abc}}\n", "5: the header Host is set by Longspan itself"),
        (f"{URL}  headers: {{X: {{prefix: a}}}}\n", "5: the header X comes either from a file or from a variable"),
        (f"{URL}  headers: {{'X Y': abc}}\n", "5: 'X Y' is no name of a header"),
        (
            f"{URL}  list: {{url: 'https://a.example/{{id}}', events: [{{type: a, subject: b, time: c}}]}}\n",
            "5: the url has",
        ),
        (f"{URL}  list: {{url: https://a.example/, events: [{{type: a}}]}}\n", "5: a rule of `list` needs `subject`"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_with_its_line(text: str, problem: str) -> None:
    assert any(told.startswith(problem) for told in _problems(text)), _problems(text)


def test_wrong_rules_are_told_beside_what_else_is_wrong() -> None:
    told = _problems("  url: nowhere\n", "  events:\n    - {type: a, when: '==='}\n")
    assert [line.partition(":")[0] for line in told] == ["4", "6"]


def test_a_source_is_checked_where_the_chart_is_wrong_too() -> None:
    reading = examine(
        f"{HEAD}source:\n  url: nowhere\n{RULES}chart: {{states: {{on: {{final: 3}}}}}}\n", "yaml", "run.yaml"
    )
    assert any("the url must begin" in problem.reason for problem in reading.problems)


def test_values_are_filled_in_so_that_they_stay_where_they_were_put() -> None:
    template = read_template("https://runs.example:8443/a/{id}/b?desk={attributes.desk}&n={attributes.n}")
    assert (template.base, template.variable) == ("https://runs.example:8443", None)
    filled = template.fill(template.base, "x/../y?z#ä", {"desk": "a&b", "n": 3})
    assert filled == "https://runs.example:8443/a/x%2F..%2Fy%3Fz%23%C3%A4/b?desk=a%26b&n=3"
    begun = read_template("${RUNS}/{id}")
    assert (begun.variable, begun.fill("http://h/base/", "1", {})) == ("RUNS", "http://h/base/1")


@pytest.mark.parametrize(
    ("workflow_id", "attributes"), [("..", {"desk": "a"}), (".", {"desk": "a"}), ("x", {}), ("x", {"desk": ["a"]})]
)
def test_what_would_lead_elsewhere_or_is_missing_gives_no_url(workflow_id: str, attributes: dict[str, object]) -> None:
    with pytest.raises(TemplateError):
        read_template("http://h/{id}/x/{attributes.desk}").fill("http://h", workflow_id, attributes)
    with pytest.raises(TemplateError):
        read_template("http://h/{id}").fill("http://h", "x" * 9_000, {})


class Run(WorkflowChart[Any]):
    """A machine in Python, with a source."""

    machine = "run"
    source = {  # noqa: RUF012  as users write it
        "url": "https://runs.example/{id}",
        "events": [{"type": "com.example.off", "when": "ended", "time": "ended"}],
    }
    on = State(initial=True)
    done = State(final=True)
    off = on.to(done)


def test_all_forms_of_machines_can_have_a_source(tmp_path: Path) -> None:
    facts = "machine: run\nsource:\n  url: https://runs.example/{id}\n" + RULES
    scxml = (
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" name="run" xmlns:longspan="urn:longspan:machine">'
        "<longspan:machine><![CDATA[\n"
        + facts.replace("machine: run\n", "")
        + ']]></longspan:machine><state id="on"><transition event="off" target="done"/></state>'
        + '<final id="done"/></scxml>'
    )
    (tmp_path / "run.scxml").write_text(scxml)
    catalog: Catalog = load_catalog([str(tmp_path / "run.scxml")])
    found = catalog.latest("run")
    python = read_class(Run).machine
    assert found is not None
    assert python is not None
    assert found.source is not None
    assert python.source is not None
    assert found.source.request == python.source.request == _source(URL).request


def test_a_wrong_source_in_a_file_is_told_like_everything_else(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(f"{HEAD}source:\n  url: nowhere\n{RULES}{CHART}")
    with pytest.raises(MachineDocumentError, match=r"run.yaml:4: the url must begin with http"):
        load_catalog([str(tmp_path)])
