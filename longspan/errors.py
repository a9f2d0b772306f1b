"""What the command can fail with: one readable message each, and the exit status that goes with it."""

from collections.abc import Sequence

FAILED = 1
WRONG_USE = 2


class LongspanError(Exception):
    """Base of every error that this package raises. `exit_status` is what the process ends with."""

    exit_status = FAILED


class SettingsError(LongspanError):
    """Settings that are wrong or unknown; `problems` lists all of them, one line each."""

    exit_status = WRONG_USE

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join(["the settings are wrong:", *problems]))


class UseError(LongspanError):
    """Arguments that do not make sense together."""

    exit_status = WRONG_USE


class ListenError(LongspanError):
    """An address where nobody can listen: taken, not this machine's, or not allowed."""

    def __init__(self, setting: str, address: tuple[str, int], error: OSError) -> None:
        self.address = address
        reason = error.strerror or str(error)
        super().__init__(f"{setting}: {address[0]} port {address[1]} cannot be listened on: {reason}")


class EmbeddedServerError(LongspanError):
    """The embedded server cannot be had; `remedy` says what to do instead."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(f"the embedded server cannot be used: {reason}. {remedy}")


class NotFoundError(LongspanError):
    """A workflow, machine or dead letter that is not there."""

    def __init__(self, kind: str, name: str, hint: str) -> None:
        super().__init__(f"there is no {kind} {name!r}: {hint}")
