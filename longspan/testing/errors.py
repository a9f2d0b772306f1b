"""What a test can do wrong, told so that it can be mended."""


class TestUseError(Exception):
    """Base of the errors that this package raises."""

    __test__ = False  # pytest is not to take it for a test


class NoMachinesError(TestUseError):
    """No machines were named."""

    def __init__(self) -> None:
        super().__init__(
            "no machines: name them in pytest's configuration (longspan_machines = machines), in a fixture"
            " longspan_machines of your own, or in the call: replay(..., machines='machines')"
        )


class UnknownMachineError(TestUseError):
    """An event names a machine that is not loaded. `loaded` are the names of those that are."""

    def __init__(self, place: str, machine: str, loaded: list[str]) -> None:
        self.place, self.machine, self.loaded = place, machine, loaded
        known = ", ".join(loaded) or "there are none"
        super().__init__(f"{place}: machine {machine!r} is not among the machines: {known}")


class BadEventError(TestUseError):
    """Something that is no event: where it stands, and the reason."""

    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(f"{place}: {reason}")


class MomentError(TestUseError):
    """An `until` that is neither a time, nor how long after the first event, nor an event that comes."""

    def __init__(self, until: str) -> None:
        self.until = until
        super().__init__(
            f"until={until!r} is no time such as 2026-01-01T12:00:00Z, no duration such as 4h, and no id or type of an"
            " event that comes"
        )


class NotOneWorkflowError(TestUseError):
    """The one workflow was asked for where there is none, or more than one."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        found = f"there are {len(ids)}: {', '.join(ids[:10])}" if ids else "there is none"
        super().__init__(f"this is told of the only workflow, and {found}; use .workflows['id']")


class NeverHappenedError(AssertionError):
    """What was waited for did not come; the text shows how everything stands instead."""

    def __init__(self, wanted: str, seconds: float | None, stands: str) -> None:
        self.wanted, self.stands = wanted, stands
        when = "cannot come any more" if seconds is None else f"did not come within {seconds:g} s"
        super().__init__(f"{wanted} {when}. How it stands:\n{stands}")
