"""Pure rules: events, machine documents, the fold, journals and snapshots. No I/O, no clock, no random."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from machines.python_form import WorkflowChart

__all__ = ["WorkflowChart"]


def __getattr__(name: str) -> Any:
    """`WorkflowChart` when it is asked for: the exporter reads journals and never needs python-statemachine."""
    if name == "WorkflowChart":
        from machines.python_form import WorkflowChart

        return WorkflowChart
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
