"""What can go wrong between Longspan and Redis, told so that an operator can mend it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from streams.trust import describe_distrust

ServerError = redis.RedisError  # for packages that know nothing of redis-py
MovingError = redis.exceptions.TryAgainError  # a slot is on its way to another node, and the keys are on both

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what reading stored rubbish raises


def is_wrong_type(error: object) -> bool:
    """Whether this is Redis saying that a key holds another type than the command is for."""
    return isinstance(error, redis.ResponseError) and str(error).startswith("WRONGTYPE")


def or_else(reply: Any, empty: Any) -> Any:
    """A reply, or `empty` where the key holds another type. Raises what else the server said."""
    if not isinstance(reply, Exception):
        return reply
    if is_wrong_type(reply):
        return empty
    raise reply


class StreamsError(Exception):
    """Base of every error that this package raises."""


class ServerUnfitError(StreamsError):
    """A server that cannot keep Longspan's promises; the text says which setting is wrong and what to set."""


class LayoutError(StreamsError):
    """What is recorded under the prefix does not fit this worker's settings."""


class FencedError(StreamsError):
    """Somebody else owns the partition now, or its state moved on: nothing was written."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        super().__init__(f"partition {partition} is no longer owned by this worker")


class KeyTypeError(StreamsError):
    """A key that holds another type than Longspan keeps there: nothing was written."""

    def __init__(self, key: bytes, found: str, expected: str) -> None:
        self.key, self.found, self.expected = key, found, expected
        super().__init__(f"key {key.decode(errors='replace')} holds a {found}, not a {expected}: rename or delete it")


class SpoiltPartitionError(KeyTypeError):
    """A key of one partition that holds another type: the others can be worked on."""

    def __init__(self, partition: int, cause: KeyTypeError) -> None:
        self.partition = partition
        super().__init__(cause.key, cause.found, cause.expected)


def check_type(reply: Sequence[bytes]) -> None:
    """Raise KeyTypeError where a script answered that a key holds another type."""
    if reply[0] == b"type":
        raise KeyTypeError(reply[1], reply[2].decode(), reply[3].decode())


class SignInError(StreamsError, redis.AuthenticationError):
    """There is nothing to sign in with: a password file that cannot be read, or no token."""

    def __init__(self, reason: str) -> None:
        super().__init__(" ".join(reason.split()))


class NotPermittedError(StreamsError, redis.exceptions.NoPermissionError):
    """The Redis user may not run a command, or not on that key: nothing of it was done."""

    def __init__(self, command: Sequence[bytes | str | int | float], reason: str) -> None:
        name = str(command[0])  # of EVAL and EVALSHA one rule goes with the other
        self.command = name.replace("EVAL", "EVALSHA") if name in ("EVAL", "EVAL_RO") else name
        self.key = next((part for part in command if isinstance(part, bytes)), b"")
        place = f" on {self.key.decode(errors='replace')}" if self.key else ""
        super().__init__(
            f"the Redis user may not run {self.command}{place} ({reason.rstrip('.')}): give it the rules of its role"
            " in docs/redis.md"
        )


# How servers tell of a command that the user may not run, in a script of which even the caller may run every other one.
_FORBIDDEN_IN_SCRIPT = ("ACL failure in script", "The user executing the script can't")


def name_command(error: redis.ResponseError, command: Sequence[bytes | str | int | float]) -> redis.ResponseError:
    """The error of a command as it is to be told: one that is not permitted names the command and its key."""
    text = str(error)
    if isinstance(error, redis.exceptions.NoPermissionError) or text.startswith(_FORBIDDEN_IN_SCRIPT):
        return NotPermittedError(command, text)
    return error


_AWAY = "Redis cannot be reached"


def describe(error: BaseException) -> str:
    """An error in one line, with the remedy where one is known."""
    text = " ".join(str(error).split())
    if isinstance(error, StreamsError):
        return text
    if not isinstance(error, redis.RedisError):
        return f"{type(error).__name__}: {text}"
    text = text.rstrip(".")
    if isinstance(error, redis.AuthenticationError):
        return (
            f"Redis refused the credentials ({text}): correct LONGSPAN_REDIS_URL,"
            " LONGSPAN_REDIS_PASSWORD_FILE or LONGSPAN_REDIS_AUTH"
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return describe_distrust(text)
    if isinstance(error, redis.BusyLoadingError):
        return "Redis is loading its data: wait until it has"
    if isinstance(error, redis.ReadOnlyError) or "instance state changed" in text:
        return "Redis is a read-only replica: let LONGSPAN_REDIS_URL name the primary, or make this server one"
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return f"the memory of Redis is full ({text}): raise maxmemory"
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return f"{_AWAY}: {text}. Check LONGSPAN_REDIS_URL and that it is running"
    return f"Redis answered: {text}"


def trouble(error: BaseException) -> str:
    """What tells one trouble from another: a server that is away makes every try fail in its own words."""
    text = describe(error)
    return _AWAY if text.startswith(_AWAY) else text


class NewerDataError(StreamsError):
    """Data of a workflow that a newer version of Longspan wrote: its partition is left to a worker of that version."""

    def __init__(self, workflow_id: str, reason: str) -> None:
        self.workflow_id = workflow_id
        super().__init__(f"workflow {workflow_id}: {reason}")


class BacklogFullError(StreamsError):
    """So many events wait to be applied that no more are taken: nothing was appended, or only what was before."""

    def __init__(self, waiting: int, limit: int) -> None:
        self.waiting, self.limit = waiting, limit
        super().__init__(
            f"{waiting:,} events wait to be applied, and no more are taken from {limit:,} on: see that workers run, or"
            " raise LONGSPAN_INGRESS_LIMIT"
        )


class DeadLetterError(StreamsError):
    """A dead letter that does not exist or cannot be redriven."""


class RedriveError(StreamsError):
    """Events of a workflow that cannot be redriven."""


class CursorError(StreamsError):
    """A cursor that no page gave."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"the cursor {cursor[:40]!r} is none that a page gave: begin without one")
        self.cursor = cursor
