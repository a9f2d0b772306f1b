"""docs/api.md followed to the letter: each request is sent, and each answer compared."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from api.app import ENDPOINTS
from machines.catalog import EXAMPLES, load_catalog
from tests.streams.site import Site
from tests.support.api import make_service, served
from tests.support.deliveries import hooks
from tests.support.servers import Server

REFERENCE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
_EXAMPLE = re.compile(r"^```console\n\$ curl (.*?)\n```\n+(?:```(json|text)\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
_LETTER = re.compile(r"/deadletters/\d+\.\d+-\d+")
ANYTHING = "..."  # what is another each time
TIMES = "2026-11-22T16:00:{:02}Z"


class Example(NamedTuple):
    """A line to type, and what comes back."""

    line: str
    form: str
    answer: str


EXAMPLES_TOLD = [Example(line.replace("\\\n", " "), *rest) for line, *rest in _EXAMPLE.findall(REFERENCE)]


@pytest.fixture(scope="module")
def url(valkey_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API over what the reference is about."""
    site = Site(valkey_server.url, "test-api-reference", tmp_path_factory.mktemp("machines"))
    catalog = load_catalog([str(EXAMPLES)])
    for workflow, portfolio, steps in (
        ("wf-41", "EQ", ("submitted", "loading", "failed")),
        ("wf-42", "FX", ("submitted", "loading", "written")),
        ("desk/7", "FX", ("submitted",)),
    ):
        for number, step in enumerate(steps):
            data = (
                {"portfolio": portfolio} if step == "submitted" else {"error": "no prices"} if step == "failed" else {}
            )
            site.emit(
                {
                    b"id": f"{workflow}-{number}".encode(),
                    b"source": b"/risk",
                    b"type": f"com.example.risk.{step}".encode(),
                    b"subject": workflow.encode(),
                    b"time": TIMES.format(int(workflow[-1]) * 2 + number).encode(),
                    b"data": json.dumps(data).encode(),
                }
            )
    wrong = {b"type": b"com.example.risk.submitted", b"subject": b"wf-43", b"time": b"noon"}
    site.emit(*({b"id": b"x-%d" % number} | wrong for number in range(9)))  # examples take some away
    site.settle(site.worker(catalog=catalog))
    site.now_ms += 60_000
    service = make_service(
        site.connect, site.keys, catalog, lambda: site.now_ms * 10**6,
        trace_link="https://grafana.example/trace/{trace_id}", hooks=hooks("@cdevents"),
    )  # fmt: skip
    with served(service) as url:
        yield url
    site.close()


@pytest.mark.parametrize("example", EXAMPLES_TOLD, ids=[example.line[:60] for example in EXAMPLES_TOLD])
def test_an_example_gives_what_it_says(url: str, example: Example) -> None:
    with ask(url, _with_letter(url, example.line)) as answer:
        if example.form == "json":
            compare(json.loads(answer.read()), json.loads(example.answer))
        elif example.form == "text":
            wanted = example.answer.splitlines()
            for line, told in zip(islice(answer.iter_lines(), len(wanted)), wanted, strict=True):
                assert re.fullmatch(re.escape(told).replace(re.escape(ANYTHING), ".*"), line), line
        else:
            assert answer.status_code < 300


def test_every_endpoint_is_documented_and_has_an_example() -> None:
    told = [(endpoint.method, endpoint.path) for endpoint in ENDPOINTS if endpoint.documented]
    told += [("GET", "/openapi.json")]
    for method, path in told:
        assert f"### {method} {path}\n" in REFERENCE, f"docs/api.md: no section {method} {path}"
        section = REFERENCE.partition(f"### {method} {path}\n")[2].partition("\n#")[0]
        assert _EXAMPLE.search(section), f"docs/api.md: {method} {path} has no example"
    assert set(re.findall(r"^### (\w+) (\S+)$", REFERENCE, re.MULTILINE)) == set(told)


def _with_letter(url: str, line: str) -> str:
    """A line about a dead letter, about one that is there."""
    if not _LETTER.search(line):
        return line
    letter = httpx.get(f"{url}/deadletters").json()["deadletters"][0]["id"]
    return _LETTER.sub(f"/deadletters/{letter}", line)


def ask(url: str, line: str) -> Any:
    """What curl would send."""
    words = shlex.split(line)
    method, headers, body = "GET", {}, None
    target = ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0).encode()
            method = "POST" if method == "GET" else method
        elif word != "-N":
            target = word
    assert target.startswith("http://127.0.0.1:8080/")
    return httpx.stream(method, url + target.removeprefix("http://127.0.0.1:8080"), headers=headers, content=body)


def compare(found: Any, told: Any, place: str = "$") -> None:
    """AssertionError where they differ in more than what is told as `...`."""
    if told == ANYTHING:
        return
    if isinstance(told, dict) and isinstance(found, dict):
        if ANYTHING not in told:
            assert list(found) == list(told), place
        for name in told.keys() - {ANYTHING}:
            compare(found[name], told[name], f"{place}.{name}")
    elif isinstance(told, list) and isinstance(found, list):
        if told and told[-1] == ANYTHING:
            told, found = told[:-1], found[: len(told) - 1]
        assert len(found) == len(told), place
        for index, (one, other) in enumerate(zip(found, told, strict=True)):
            compare(one, other, f"{place}[{index}]")
    else:
        assert found == told, place
