"""What can go wrong between a journal and a trace."""


class SpansError(Exception):
    """Base of every error that this package raises."""


class PlanError(SpansError):
    """A journal that no run can have written, so that no true trace can be told from it.

    `workflow_id` and `run` name the journal, `reason` says which step contradicts the ones before it.
    """

    def __init__(self, workflow_id: str, run: int, reason: str) -> None:
        self.workflow_id = workflow_id
        self.run = run
        self.reason = reason
        super().__init__(f"the journal of workflow {workflow_id!r}, run {run}, contradicts itself: {reason}")
