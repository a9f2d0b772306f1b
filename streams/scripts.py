"""The Lua scripts, called by hash with a fallback for servers that have forgotten them."""

from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from streams.client import Client


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

    def call_each(
        self, client: Client, calls: Sequence[tuple[Sequence[bytes], Sequence[bytes | str | int]]]
    ) -> list[Any]:
        """Run it for each (keys, args) in one round trip; an element is the reply or the error of that call."""
        replies = self._send(client, self._by_hash, self._hash, calls)
        missing = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            again = self._send(client, self._by_text, self._text, [calls[index] for index in missing])
            for index, reply in zip(missing, again, strict=True):
                replies[index] = reply
        return replies

    @staticmethod
    def _send(
        client: Client,
        command: str,
        script: str,
        calls: Sequence[tuple[Sequence[bytes], Sequence[bytes | str | int]]],
    ) -> list[Any]:
        return client.call_all(
            ([command, script, len(keys), *keys, *args] for keys, args in calls), raise_on_error=False
        )


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
