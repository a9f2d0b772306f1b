"""A chart whose code raises what no chart should."""

from typing import Any

from statemachine import State

from machines.python_form import WorkflowChart


class UnspeakableError(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Explosive(WorkflowChart[Any]):
    """Ends with `finished`; `left` and `broke` blow up."""

    machine = "explosive"
    starts_on = ("com.example.explosive.started",)

    resting = State(initial=True)
    over = State(final=True)

    finished = resting.to(over)
    left = resting.to(resting, on="leave")
    broke = resting.to(resting, on="break_down")

    def leave(self) -> None:
        """Would end the process."""
        raise SystemExit(3)

    def break_down(self) -> None:
        """Would end the report of it."""
        raise UnspeakableError
