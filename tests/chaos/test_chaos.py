"""A short round of everything that can go wrong, and the parts of the harness that a round relies on."""

import itertools
from pathlib import Path

import pytest

from tests.chaos.collector import Acceptance
from tests.chaos.round import play
from tests.chaos.schedule import KINDS, draw
from tests.chaos.stage import Disturbance
from tests.chaos.verdict import excuse
from tests.oracle.comparison import report
from tests.support.seeds import SEED
from tests.support.servers import REDIS

WORKFLOWS = 1_500
FAULTS = 40


@pytest.mark.skipif(REDIS is None, reason="no redis-server on the PATH")
def test_two_workers_under_random_faults_lose_double_and_change_no_span(tmp_path: Path) -> None:
    assert REDIS is not None
    outcome = play(REDIS, tmp_path, SEED, WORKFLOWS, FAULTS, 2, print)
    print(f"{outcome.seconds:.0f} s, doubles that nobody can prevent: {dict(outcome.doubles)}")
    assert not outcome.wrong, f"scripts/chaos --seed {SEED}: {report(outcome.wrong)}"
    assert outcome.faults.keys() == set(KINDS)
    assert outcome.faults.total() == FAULTS
    assert outcome.runs >= 0.9 * WORKFLOWS
    assert outcome.deadlines >= 40  # 80 to 150, as time and chance have it


def test_a_seed_always_draws_the_same_faults_of_every_kind_and_hits_no_worker_twice_at_once() -> None:
    faults = draw(SEED, 100, 2.0)
    assert faults == draw(SEED, 100, 2.0) != draw(SEED + 1, 100, 2.0)
    assert {fault.kind for fault in faults} == set(KINDS)
    for worker in ("one", "two"):
        own = [fault for fault in faults if fault.worker == worker]
        assert all(one.at_seconds + one.seconds < two.at_seconds for one, two in itertools.pairwise(own))


def test_only_what_could_not_be_acknowledged_is_excused() -> None:
    accepted = [
        Acceptance(10.0, "one", ("a",), told=True),
        Acceptance(20.0, "one", ("b",), told=True),
        Acceptance(20.1, "one", ("c",), told=True),
        Acceptance(20.2, "one", ("d",), told=True),
        Acceptance(20.2, "two", ("e",), told=True),
        Acceptance(22.0, "two", ("f", "c"), told=False),
        Acceptance(24.0, "one", ("a", "d", "e", "f"), told=True),
    ]
    killed = excuse(accepted, [Disturbance("kill", "one", 20.3, 21.0)])
    assert killed.lost == {"c", "f"}
    assert killed.disturbed == {"c"}
    assert killed.again == {"lost": 2, "neither": 3}
    assert excuse(accepted, [Disturbance("suspend", "one", 20.3, 24.0)]).disturbed == {"c"}
    assert excuse(accepted, [Disturbance("suspend", "two", 18.0, 20.1)]).disturbed == {"e"}
    assert excuse(accepted, [Disturbance("restart-redis", "", 20.3, 20.4)]).disturbed == {"c", "e"}
    assert excuse(accepted, [Disturbance("roll", "one", 20.2, 21.0)]).disturbed == set()
