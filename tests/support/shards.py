"""A parent that waits for shards, for tests: its machines, and how it comes about."""

from machines.changes import Limits
from tests.support.families import Families
from tests.support.folding import make_machine

BATCH = """
    machine: batch
    starts_on: [com.x.batch]
    attributes: [shards]
    outcomes: {finished: ok, broken: error, overrun: timeout}
    children:
      waiting: {expected: shards}
    chart:
      states:
        planning:
          transitions: [{event: planned, target: waiting}]
        waiting:
          transitions:
            - {event: children.done, target: finished, cond: data.children.error == 0}
            - {event: children.done, target: broken}
            - {event: fail, target: broken}
            - {event: overran, target: overrun}
            - {event: again, target: planning}
        finished: {final: true}
        broken: {final: true}
        overrun: {final: true}
"""
SHARD = """
    machine: shard
    starts_on: [com.x.shard]
    outcomes: {done: ok, failed: error, late: timeout}
    chart:
      states:
        running:
          transitions:
            - {event: finish, target: done}
            - {event: fail, target: failed}
            - {event: timeout, target: late}
        done: {final: true}
        failed: {final: true}
        late: {final: true}
"""
MACHINES = make_machine(BATCH), make_machine(SHARD)


def family(*, limits: Limits | None = None, shards: int = 2) -> Families:
    """A parent that waits for so many shards, of which none has come."""
    families = Families(*MACHINES, limits=limits)
    families.send("b", "batch", data={"shards": shards})
    families.send("b", "planned", at=1)
    return families


def start(families: Families, *names: str, parent: str = "b") -> None:
    """Let children start, and join."""
    for name in names:
        families.send(name, "shard", at=2, parent=parent)
    families.settle()
