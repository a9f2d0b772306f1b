"""From an exception to one readable message. Libraries are asked only when they are loaded, to keep the start fast."""

import sys
from dataclasses import dataclass

from longspan.errors import FAILED, WRONG_USE, LongspanError


@dataclass(frozen=True, slots=True)
class Failure:
    """What to tell, and the exit status that goes with it."""

    message: str
    exit_status: int


def explain(error: BaseException) -> Failure | None:
    """How to tell an error; None for a defect, which deserves its traceback."""
    if isinstance(error, LongspanError):
        return Failure(str(error), error.exit_status)
    if _is_a(error, "machines.problems", "MachineDocumentError"):
        what = "webhooks" if _is_a(error, "machines.problems", "WebhookDocumentError") else "machines"
        return Failure(f"the {what} cannot be used:\n  " + str(error).replace("\n", "\n  "), WRONG_USE)
    if _is_a(error, "machines.errors", "SnapshotError"):
        return Failure(str(error), FAILED)
    if _is_a(error, "machines.errors", "MachinesError"):
        return Failure(str(error), WRONG_USE)
    if _is_a(error, "streams.errors", "LayoutError"):
        return Failure(str(error), WRONG_USE)
    if _is_a(error, "streams.errors", "StreamsError") or _is_a(error, "spans.errors", "SpansError"):
        return Failure(str(error), FAILED)
    return _explain_redis(error)


def _explain_redis(error: BaseException) -> Failure | None:
    if not _is_a(error, "redis.exceptions", "RedisError"):
        return None
    from streams.errors import describe

    return Failure(describe(error), FAILED)


def _is_a(error: BaseException, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(error, kind)
