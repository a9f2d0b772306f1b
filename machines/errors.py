"""What can be wrong with an event, a machine document or stored data, told so that a person can mend it."""


class MachinesError(Exception):
    """Base of every error that this package raises."""


class EventError(MachinesError):
    """An event that breaks the format of events.

    `field` is the attribute at fault, `reason` says what is wrong with it and what would be right.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class DurationError(MachinesError):
    """A text that is not a duration such as `10s`, `5m`, `4h` or `7d`."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not a duration: write a number and a unit, such as 500ms, 10s, 5m, 4h or 7d")


class SnapshotError(MachinesError):
    """Stored data that this version cannot read, most often because a newer version wrote it."""


class NewerSnapshotError(SnapshotError):
    """Stored data that a newer version of Longspan wrote: it is left to that version, as it is.

    `what` is the kind of data, `found` its format and `known` the newest format that this version reads.
    """

    def __init__(self, what: str, found: int, known: int) -> None:
        self.what, self.found, self.known = what, found, known
        super().__init__(
            f"the {what} has format {found}, this version of Longspan reads up to {known}: upgrade this worker; "
            "nothing is lost"
        )


class DrawingLimitError(MachinesError):
    """A chart with too much in it to be drawn. `states` and `transitions` are what it has, the limits what may be."""

    def __init__(self, machine: str, states: int, transitions: int, limits: tuple[int, int]) -> None:
        self.machine, self.states, self.transitions, self.limits = machine, states, transitions, limits
        super().__init__(
            f"{machine} has {states} states and {transitions} transitions: a drawing shows at most {limits[0]} and "
            f"{limits[1]}; its Mermaid form has no limit"
        )


class LineError(MachinesError):
    """A line of a recorded stream that cannot be used: its `number` from 1, the `field` at fault, and the `reason`."""

    def __init__(self, number: int, field: str, reason: str) -> None:
        self.number, self.field, self.reason = number, field, reason
        super().__init__(f"line {number}: {field}: {reason}")


class TemplateError(MachinesError):
    """A URL that cannot be made for a workflow; the text says what it lacks."""
