"""Fixtures that every test may ask for. Each test gets a key prefix of its own, so one server serves them all."""

import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, Page
from redis import Redis

from longspan.receiver import Receiver
from tests.support.browser import Pages, running_browser, watched_pages
from tests.support.cluster import ClusterServer, running_cluster
from tests.support.seeds import EXPLORING
from tests.support.servers import REDIS, VALKEY, Server, running

settings.register_profile("same", derandomize=True)
if not EXPLORING:
    settings.load_profile("same")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows what its processes logged. No report is passed on with a lone surrogate in it."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        report.sections += _logs(item.funcargs.get("tmp_path"))
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def _logs(room: object) -> list[tuple[str, str]]:
    """The ends of the logs below a test's directory, by their names; none where it has no directory."""
    if not isinstance(room, Path):
        return []
    return [
        (f"end of {log.relative_to(room)}", log.read_text(errors="replace")[-3_000:])
        for log in sorted(room.rglob("*.log"))
    ]


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded Valkey."""
    with running(VALKEY, tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Redis, where the machine has one."""
    if REDIS is None:
        pytest.skip("no redis-server on the PATH")
    with running(REDIS, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def cluster_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterServer]:
    """A cluster of three nodes."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session", params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the two in turn: what holds on one must hold on the other."""
    chosen: Server = request.getfixturevalue(f"{request.param}_server")
    return chosen


@pytest.fixture
def client(server: Server) -> Iterator[Redis]:
    """A client of the server."""
    with server.client() as client:
        yield client


@pytest.fixture
def prefix() -> str:
    """A key prefix that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An OTLP/HTTP receiver that accepts everything."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, where the machine has it."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
def pages(browser: Browser) -> Iterator[Pages]:
    """Opens pages; the test fails where one of them was in trouble."""
    with watched_pages(browser) as pages:
        yield pages


@pytest.fixture
def page(pages: Pages) -> Page:
    """A page of a browser that has seen nothing yet. A test names it behind the server: pages are closed first."""
    return pages.open()
