"""The main path of a machine: the states on the way to success."""

import pytest

from machines.catalog import EXAMPLES, load_catalog
from machines.main_path import main_path
from tests.support.folding import make_machine


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ci-pipeline", ["building", "jobs", "deploying"]),
        ("order", ["payment.authorizing", "fulfilment.picking", "fulfilment.shipping"]),
        (
            "risk-calculation",
            [
                f"{stage}.{step}"
                for stage in ("data_loader", "processor", "output_generator")
                for step in ("initializing", "processing")
            ],
        ),
    ],
)
def test_the_main_path_of_an_example_leads_through_its_stages(name: str, expected: list[str]) -> None:
    machine = load_catalog([str(EXAMPLES)]).latest(name)
    assert machine is not None
    assert list(main_path(machine)) == expected


def test_ways_that_end_otherwise_or_in_a_circle_are_left_again() -> None:
    machine = make_machine(
        """
        machine: m
        version: 1
        outcomes: {lost: error}
        chart:
          states:
            first:
              transitions: [{event: lose, target: lost}, {event: loop, target: second}]
            second:
              transitions: [{event: back, target: first}, {event: on, target: third}]
            third:
              transitions: [{event: end, target: won}]
            lost: {final: true}
            won: {final: true}
        """
    )
    assert main_path(machine) == ("first", "second", "third")


def test_a_machine_that_cannot_succeed_has_none() -> None:
    machine = make_machine(
        """
        machine: m
        version: 1
        outcomes: {lost: error}
        chart:
          states:
            first: {transitions: [{event: lose, target: lost}]}
            lost: {final: true}
        """
    )
    assert main_path(machine) == ()
