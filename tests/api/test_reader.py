"""The reader: functions run in threads with clients of their own, and faults of Redis become problems."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import api.reader
from api.problems import Problem
from api.reader import Reader
from streams.client import Client, connect
from tests.streams.site import Site
from tests.support.servers import VALKEY, free_port
from tests.support.servers import running as running_server


def ask(reader: Reader, function: Callable[..., Any], *arguments: Any) -> Any:
    return asyncio.run(reader.run(function, *arguments))


def test_a_function_gets_a_client_and_its_arguments(site: Site) -> None:
    reader = Reader(site.connect, 1)
    try:
        assert ask(reader, lambda client, text: client.call("ECHO", text), "hello") == b"hello"
        assert ask(reader, lambda client: threading.current_thread() is threading.main_thread()) is False
    finally:
        reader.close()


def test_a_server_that_is_away_is_a_problem_to_come_back_from_later() -> None:
    reader = Reader(lambda: connect(f"redis://127.0.0.1:{free_port()}"), 1)
    try:
        with pytest.raises(Problem) as caught:
            ask(reader, lambda client: client.call("PING"))
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")
        assert "127.0.0.1" not in caught.value.detail  # where Redis is, is nobody's business
    finally:
        reader.close()


def test_it_goes_on_when_the_server_is_back(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    with running_server(VALKEY, tmp_path / "server") as server:
        reader = Reader(lambda: connect(server.url), 1)
        try:
            assert ask(reader, _ping) == b"PONG"
            server.kill()
            for _ in range(3):
                with pytest.raises(Problem):
                    ask(reader, _ping)
            server.start()
            with caplog.at_level("INFO", "api.reader"):
                assert ask(reader, _ping) == b"PONG"
            told = [record.message for record in caplog.records if record.name == "api.reader"]
            assert [line[:5] for line in told] == ["Redis", "Redis"]  # once when it went, once when it came back
        finally:
            reader.close()


def test_no_more_wait_than_can_be_served(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.reader, "MOST_WAITING", 2)
    reader = Reader(site.connect, 1)
    release = threading.Event()

    async def crowd() -> list[Any]:
        first = [asyncio.ensure_future(reader.run(lambda client: release.wait())) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await asyncio.gather(reader.run(_ping), return_exceptions=True)
        release.set()
        await asyncio.gather(*first)
        return [*refused, await reader.run(_ping)]

    try:
        refused, served = asyncio.run(crowd())
        assert isinstance(refused, Problem)
        assert refused.status == 503
        assert served == b"PONG"
    finally:
        reader.close()


def test_who_goes_away_while_waiting_is_still_counted_until_a_thread_is_free(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.reader, "MOST_WAITING", 3)
    reader = Reader(site.connect, 1)
    release = threading.Event()

    async def crowd() -> list[bool]:
        blocked = asyncio.ensure_future(reader.run(lambda client: release.wait()))
        refused = []
        for _ in range(5):
            gone = asyncio.ensure_future(reader.run(_ping))
            await asyncio.sleep(0)
            refused.append(gone.done())
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        release.set()
        await blocked
        return refused

    try:
        assert asyncio.run(crowd()) == [False, False, True, True, True]
    finally:
        reader.close()


def _ping(client: Client) -> Any:
    return client.call("PING")
