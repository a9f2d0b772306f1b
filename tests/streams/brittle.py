"""A chart whose first deadline blows up, and whose second does not."""

from typing import Any, ClassVar

from statemachine import State

from machines.python_form import WorkflowChart


class Brittle(WorkflowChart[Any]):
    """`broke` comes a minute after the start, `gave_up` an hour after it."""

    machine = "brittle"
    starts_on = ("com.example.job.started",)
    deadlines: ClassVar[dict[str, Any]] = {
        "resting": {"after": "1m", "send": "broke"},
        "brittle": {"after": "1h", "send": "gave_up"},
    }
    outcomes: ClassVar[dict[str, Any]] = {"given_up": "timeout"}

    resting = State(initial=True)
    given_up = State(final=True)

    broke = resting.to(given_up, on="break_down")
    gave_up = resting.to(given_up)

    def break_down(self) -> None:
        """Would end the process."""
        raise SystemExit(3)
