"""The Lua scripts, called by hash with a fallback for servers that have forgotten them."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from streams.client import Client

Call = tuple[Sequence[bytes], Sequence[bytes | str | int]]  # KEYS and ARGV


class Script:
    """One script of this package. Its file says what KEYS and ARGV mean."""

    def __init__(self, name: str) -> None:
        self._text = files("streams").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
        self._hash = sha1(self._text.encode(), usedforsecurity=False).hexdigest()
        # A user who may only read keys may run what is said to write none, but by these commands alone.
        reads = self._text.startswith("#!lua flags=no-writes")
        self._by_hash = "EVALSHA_RO" if reads else "EVALSHA"
        self._by_text = "EVAL_RO" if reads else "EVAL"

    def call(self, client: Client, keys: Sequence[bytes], args: Sequence[bytes | str | int]) -> Any:
        """Run it once. Raises redis.RedisError."""
        reply = self.call_each(client, [(keys, args)])[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def call_each(self, client: Client, calls: Sequence[Call]) -> list[Any]:
        """Run it for each (keys, args) in one round trip; an element is the reply or the error of that call."""
        return self.begin_each(client, calls).finish()

    def begin_each(self, client: Client, calls: Sequence[Call]) -> "Running":
        """As `call_each`, without waiting for the replies. Raises redis.RedisError."""
        return Running(self, client, calls)

    def by_hash(self, calls: Iterable[Call]) -> Iterator[list[bytes | str | int]]:
        """The commands that run it where the server knows it."""
        return ([self._by_hash, self._hash, len(keys), *keys, *args] for keys, args in calls)

    def by_text(self, calls: Iterable[Call]) -> Iterator[list[bytes | str | int]]:
        """The commands that run it anywhere."""
        return ([self._by_text, self._text, len(keys), *keys, *args] for keys, args in calls)


class Running:
    """Calls of a script on their way; to be ended by `finish` or `abandon`."""

    def __init__(self, script: Script, client: Client, calls: Sequence[Call]) -> None:
        self._script, self._client, self._calls = script, client, calls
        self._underway = client.begin(script.by_hash(calls))

    def finish(self) -> list[Any]:
        """The reply of each call, or its error. Raises redis.RedisError."""
        replies = self._underway.finish()
        missing = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            again = self._script.by_text(self._calls[index] for index in missing)
            for index, reply in zip(missing, self._client.call_all(again, raise_on_error=False), strict=True):
                replies[index] = reply
        return replies

    def abandon(self) -> None:
        """Read no replies."""
        self._underway.abandon()


APPEND = Script("append")
ATTEND = Script("attend")
CLAIM = Script("claim")
HOLD = Script("hold")
RENEW = Script("renew")
COMMIT = Script("commit")
ROUTE = Script("route")
PASS_OVER = Script("pass_over")
ARRIVALS = Script("arrivals")
ACKNOWLEDGE = Script("acknowledge")
REFUSE = Script("refuse")
SURVEY = Script("survey")
INGRESS = Script("ingress")
COUNT = Script("count")
PAGE = Script("page")
