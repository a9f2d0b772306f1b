import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import jsonschema
import pytest

from longspan.api_server import AppThread, listen, url_of
from longspan.errors import UseError
from longspan.serving import ServerConfig
from longspan.simulated_app import SimulatedApi
from longspan.simulated_faults import FAULTS, Faults, read_faults
from longspan.simulated_system import Life, System
from machines.instants import parse_instant
from tests.support.api import AppClient
from tests.support.seeds import SEED

START_NS = parse_instant("2026-11-22T16:00:00Z")


class Simulated:
    """A simulated system, asked in process, at a time of the test's own."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.started: list[Life] = []
        self.faults = Faults({}, SEED)
        self.system = System(SEED, 60)
        self.api = SimulatedApi(self.system, self.faults, lambda: self.now_ns, self.started.append)
        self._client = AppClient(self.api.app)

    def get(self, path: str, etag: str | None = None) -> httpx.Response:
        """GET."""
        return self._client.get(path, headers={"If-None-Match": etag} if etag else {})


@pytest.fixture
def simulated() -> Simulated:
    return Simulated()


@contextmanager
def served(api: SimulatedApi) -> Iterator[str]:
    """The URL of a system on a real server."""
    listening = listen("127.0.0.1", 0)
    with AppThread(api.app, listening, ServerConfig(listening, 100), lambda: None):
        yield url_of(listening)


def test_asking_starts_a_workflow_and_then_tells_how_far_it_has_come(simulated: Simulated) -> None:
    first = simulated.get("/workflows/risk%2Fwf%201").json()
    assert first == {
        **first,
        "id": "risk/wf 1",
        "status": "Initializing",
        "submittedTime": "2026-11-22T16:00:00Z",
        "entities": [],
    }
    assert [life.id for life in simulated.started] == ["risk/wf 1"]
    seen = set()
    for _ in range(600):
        simulated.now_ns += 50_000_000
        told = simulated.get("/workflows/risk%2Fwf%201").json()
        seen |= {(entity["name"], entity["status"]) for entity in told["entities"]}
    assert told["status"] in ("Completed", "Failed")
    assert {("DataLoader", "Initializing"), ("DataLoader", "Processing"), ("DataLoader", "Completed")} <= seen
    assert len(simulated.started) == 1
    assert simulated.api.requests == 601


def test_an_answer_that_has_not_changed_is_not_sent_again(simulated: Simulated) -> None:
    first = simulated.get("/workflows/wf-1")
    again = simulated.get("/workflows/wf-1", first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert simulated.get("/workflows/wf-1", f'"other", W/{first.headers["etag"]}').status_code == 304
    simulated.now_ns += 10**10
    assert simulated.get("/workflows/wf-1", first.headers["etag"]).status_code == 200


def test_the_collection_has_all_workflows_page_by_page(simulated: Simulated) -> None:
    ids = sorted(f"wf&{number}" for number in range(25))
    for each in reversed(ids):
        simulated.get("/workflows/" + each.replace("&", "%26"))
    simulated.now_ns += 3_600 * 10**9
    found, path = [], "/workflows?limit=10"
    while path:
        page = simulated.get(path).json()
        found += page["workflows"]
        path = page["next"]
    assert [workflow["id"] for workflow in found] == ids
    failed = simulated.get("/workflows?status=Failed&limit=1000").json()["workflows"]
    assert [each["id"] for each in failed] == [each["id"] for each in found if each["status"] == "Failed"]
    assert "limit must be a number" in simulated.get("/workflows?limit=0").json()["title"]
    assert "'limt'" in simulated.get("/workflows?limt=1").json()["title"]
    assert simulated.get("/workflows/" + "x" * 257).status_code == 400


def test_answers_are_as_the_openapi_document_says(simulated: Simulated) -> None:
    document = simulated.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert set(document["paths"]) == {"/workflows", "/workflows/{id}"}

    def check(path: str, route: str) -> None:
        content = document["paths"][route]["get"]["responses"]["200"]["content"]["application/json"]
        schema = {**content["schema"], "components": {"schemas": schemas}}
        jsonschema.validate(simulated.get(path).json(), schema)

    for number in range(30):
        simulated.now_ns += 10**9
        check(f"/workflows/wf-{number}", "/workflows/{id}")
    check("/workflows", "/workflows")
    assert simulated.get("/livez").text == "ok\n"


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"slow", "never"}))
def test_each_fault_is_what_it_says_and_the_workflow_goes_on_beneath_it(simulated: Simulated, fault: str) -> None:
    simulated.get("/workflows/wf-1")
    life = simulated.started[0]
    simulated.now_ns = life.seen_ns(life.history.length_seconds)
    right = simulated.get("/workflows/wf-1")
    simulated.faults.shares = {fault: 1.0}
    wrong = simulated.get("/workflows/wf-1")
    assert (wrong.status_code, wrong.content) != (right.status_code, right.content)
    match fault:
        case "404" | "500":
            assert wrong.status_code == int(fault)
        case "429":
            assert (wrong.status_code, wrong.headers["retry-after"]) == (429, "1")
        case "html":
            assert wrong.headers["content-type"].startswith("text/html")
        case "truncated":
            with pytest.raises(json.JSONDecodeError):
                wrong.json()
        case "redirect":
            assert wrong.headers["location"].startswith("http://elsewhere.invalid/")
        case "future":
            assert parse_instant(wrong.json()["startTime"]) > simulated.now_ns
        case "backwards":
            assert len(wrong.content) < len(right.content)
        case "schema":
            assert isinstance(wrong.json()["entities"], str)
    simulated.faults.shares = {}
    assert simulated.get("/workflows/wf-1").content == right.content
    assert simulated.faults.happened == {fault: 1}


def test_an_answer_may_be_late_or_never_come() -> None:
    simulated = Simulated()
    simulated.faults.shares = {"never": 1.0}
    with served(simulated.api) as url, httpx.Client(base_url=url) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get("/workflows/wf-1", timeout=0.2)
        simulated.faults.shares = {"slow": 1.0}
        began = time.monotonic()
        assert client.get("/workflows/wf-1", timeout=30).status_code == 200
        assert time.monotonic() - began >= 2
    assert not [thread for thread in threading.enumerate() if thread.name == "api"]


def test_faults_come_as_often_as_they_should() -> None:
    faults = Faults(read_faults("500=0.2, html"), SEED)
    chosen = [faults.choose() for _ in range(10_000)]
    assert chosen.count("500") == faults.happened["500"] == pytest.approx(2_000, rel=0.1)
    assert chosen.count("html") == pytest.approx(1_000, rel=0.15)
    assert chosen == [again.choose() for again in [Faults(read_faults("500=0.2,html"), SEED)] for _ in range(10_000)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("50=1", "there is no fault '50'"),
        ("500=2", "from 0 to 1"),
        ("500=often", "from 0 to 1"),
        ("500=nan", "from 0 to 1"),
        ("500=0.6,html=0.6", "more than 1"),
    ],
)
def test_faults_that_make_no_sense_are_refused(text: str, reason: str) -> None:
    with pytest.raises(UseError, match=reason):
        read_faults(text)
