"""Where simulated systems send their events: the ingress stream of the server, or `POST /events` of an API."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import requests

from longspan.errors import LongspanError, UseError
from longspan.settings import Settings
from longspan.store import open_store

_MOST_AT_ONCE = 1_000  # events of one batch that the API takes
_TIMEOUT_SECONDS = 10.0
_TEXT_SHOWN = 300


class SendError(LongspanError):
    """Events that did not get through; `lasting` where the same would be refused again."""

    def __init__(self, where: str, reason: str, *, lasting: bool = False) -> None:
        self.lasting = lasting
        super().__init__(f"{where}: the events were not taken: {reason}")


class Door(Protocol):
    """Takes events."""

    shown: str

    def send(self, entries: Sequence[Mapping[bytes, bytes]]) -> None:
        """Send events in this order. Raises SendError; then the same may be sent again."""

    def close(self) -> None:
        """Let go of connections."""


class StreamDoor:
    """The ingress stream of the server that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._store = open_store(settings)
        self.shown = self._store.shown

    def send(self, entries: Sequence[Mapping[bytes, bytes]]) -> None:
        """Append events."""
        from redis.exceptions import RedisError

        from streams import ingress
        from streams.errors import describe

        try:
            ingress.emit(self._store.client, self._store.keys, entries)
        except RedisError as error:
            raise SendError(self.shown, describe(error)) from None

    def close(self) -> None:
        """Close the connection."""
        self._store.client.close()


class ApiDoor:
    """The API at a URL, with the token in a file where one is needed. Raises UseError for anything else."""

    def __init__(self, url: str, token_file: Path | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UseError(f"{url!r} is no URL of an API, such as http://127.0.0.1:8080")
        self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._url = url.rstrip("/") + "/events"
        self._session = requests.Session()
        self._session.headers["Content-Type"] = "application/cloudevents-batch+json"
        if token_file is not None:
            self._session.headers["Authorization"] = f"Bearer {_read(token_file)}"

    def send(self, entries: Sequence[Mapping[bytes, bytes]]) -> None:
        """Post events, in batches."""
        for start in range(0, len(entries), _MOST_AT_ONCE):
            batch = [_structured(fields) for fields in entries[start : start + _MOST_AT_ONCE]]
            try:
                answer = self._session.post(
                    self._url, data=json.dumps(batch), timeout=_TIMEOUT_SECONDS, allow_redirects=False
                )
            except requests.RequestException as error:
                raise SendError(self.shown, _reason(error)) from None
            if answer.status_code != 202:
                lasting = answer.status_code < 500 and answer.status_code not in (408, 429)
                text = " ".join(answer.text.split())[:_TEXT_SHOWN]
                raise SendError(self.shown, f"{answer.status_code} {text}".strip(), lasting=lasting)

    def close(self) -> None:
        """Close connections."""
        self._session.close()


def open_door(settings: Settings, to: str, token_file: Path | None) -> Door:
    """The door that an option names: `redis`, or the URL of an API. Raises UseError, and what the server raises."""
    if to == "redis":
        if token_file is not None:
            raise UseError("--token-file goes with the URL of an API; LONGSPAN_REDIS_URL says who asks Redis")
        return StreamDoor(settings)
    return ApiDoor(to, token_file)


def _structured(fields: Mapping[bytes, bytes]) -> dict[str, object]:
    told: dict[str, object] = {name.decode(): value.decode() for name, value in fields.items()}
    for name in ("data", "sequence"):
        if name in told:
            told[name] = json.loads(str(told[name]))
    return {"specversion": "1.0", **told}


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UseError(f"--token-file {file} cannot be read: {error}") from None


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer within {_TIMEOUT_SECONDS:g} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error)
