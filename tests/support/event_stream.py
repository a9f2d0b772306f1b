"""A client of server-sent events that reads one event at a time."""

import json
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

PATIENCE_SECONDS = 20.0


class Event(NamedTuple):
    """One event; `last_id` is the last id that came with it or before it."""

    kind: str
    data: Any
    last_id: str


class EventStreamClient:
    """A connection. An event that does not come within PATIENCE_SECONDS raises TimeoutError."""

    def __init__(self, url: str, path: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.connection = HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_SECONDS)
        self.connection.request("GET", path, headers=dict(headers or {}))
        self.response = self.connection.getresponse()
        self.last_id = ""
        assert self.response.status == 200, self.response.read()
        assert self.block()["retry"].isdigit()

    def next(self) -> Event:
        """The next event. Raises EOFError at the end of the stream."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            block = self.block()
            if time.monotonic() > deadline:
                raise TimeoutError("only signs of life came")
            if "data" in block:
                return Event(block.get("event", "message"), json.loads(block["data"]), self.last_id)

    def block(self) -> dict[str, str]:
        """The next block of lines, whatever is in it, by their names; a comment has the empty one. Raises EOFError."""
        block: dict[str, str] = {}
        while line := self.response.readline():
            name, _, value = line.decode().rstrip("\n").partition(":")
            if line == b"\n":
                break
            block[name] = value.removeprefix(" ")
        else:
            raise EOFError("the stream has ended")
        self.last_id = block.get("id", self.last_id)
        return block

    def close(self) -> None:
        """Go away."""
        self.response.close()
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
