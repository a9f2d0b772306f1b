"""Machines with deadlines, and what became of theirs."""

from tests.support.folding import Folding

KILN = """
    machine: kiln
    starts_on: [com.x.lit]
    deadlines:
      firing: {after: 60s, send: overheat}
      firing.hot: {after: 10s, send: vent}
    outcomes: {cracked: timeout, done: ok}
    chart:
      states:
        firing:
          transitions: [{event: overheat, target: cracked}, {event: burnt, target: done}]
          states:
            warm: {transitions: [{event: raised, target: hot}]}
            hot: {transitions: [{event: lowered, target: warm}, {event: vent, target: warm}]}
        cracked: {final: true}
        done: {final: true}
"""
LOAN = """
    machine: loan
    starts_on: [com.x.lent]
    deadlines: {lent: {after: 10s, send: remind}, reminded: {after: 30s, send: remind}}
    chart:
      states:
        lent: {transitions: [{event: remind, target: reminded}, {event: returned, target: back}]}
        reminded:
          transitions:
            - {event: remind, target: reminded}
            - {event: returned, target: back}
        back: {final: true}
"""
FIRED = "longspan.deadline"


def types_told(folding: Folding) -> list[str]:
    """The last parts of the types of what the latest run was told; deadlines are FIRED."""
    return [event_type.removeprefix("com.x.") for event_type, _, _ in folding.told()]
