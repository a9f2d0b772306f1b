"""A project of somebody who tests a machine, for tests of the pytest plugin."""

import pytest

DOOR = """
machine: door
starts_on: [com.x.built]
attributes: [colour]
deadlines: {opened: {after: 1h, send: burn}}
outcomes: {torn_down: ok, burnt: timeout}
chart:
  states:
    closed:
      transitions: [{event: open, target: opened}, {event: tear_down, target: torn_down}]
    opened:
      transitions: [{event: close, target: closed}, {event: burn, target: burnt}]
    torn_down: {final: true}
    burnt: {final: true}
"""


def run(project: pytest.Pytester, text: str, *arguments: str) -> pytest.RunResult:
    """Write a test file, and run pytest."""
    project.makepyfile(test_door=text)
    return project.runpytest_inprocess(*arguments)


def make_project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a machine, whose pytest is told where it is."""
    pytester.makeini("[pytest]\nlongspan_machines = machines\nfilterwarnings = error\n")
    pytester.mkdir("machines").joinpath("door.yaml").write_text(DOOR)
    return pytester
