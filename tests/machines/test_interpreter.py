"""What one event does to a chart: steps, refusals, regions, history, ends."""

import pytest

from machines.interpreter import REMEMBERED_LIMIT, Answer, RefusalError
from machines.snapshot import Situation
from tests.support.folding import DOOR
from tests.support.interpretation import make_interpreter, refusal, walk

JOBS = """
    machine: jobs
    chart:
      states:
        work:
          parallel: true
          transitions: [{event: stop, target: stopped}]
          states:
            one:
              states:
                x: {transitions: [{event: next, target: y}, {event: first, target: end_one}]}
                y: {transitions: [{event: next, target: end_one}]}
                end_one: {final: true}
            two:
              states:
                u: {transitions: [{event: next, target: end_two}]}
                end_two: {final: true}
        stopped: {final: true}
"""

CHAIN = """
    machine: chain
    chart:
      states:
        a: {transitions: [{event: go, target: b}]}
        b: {transitions: [{target: c}]}
        c:
          transitions: [{event: done.state.c, target: ended}]
          states:
            d: {transitions: [{target: e}]}
            e: {final: true}
        ended: {final: true}
"""

ENDLESS = """
    machine: endless
    chart:
      states:
        calm: {transitions: [{event: go, target: here}, {event: stop, target: over}]}
        here: {transitions: [{target: there, cond: "In('here')"}]}
        there: {transitions: [{target: here, cond: "In('there')"}]}
        over: {final: true}
"""


@pytest.mark.parametrize("remember", [True, False])
def test_an_event_leaves_and_enters_states(remember: bool) -> None:
    door = make_interpreter(DOOR, remember=remember)
    start = door.start({}, {})
    assert start == Answer(Situation(("closed",)), ("+closed",))
    opened = door.send(start.situation, "open", {}, {})
    assert opened == Answer(Situation(("opened",)), ("-closed", "+opened"))
    assert door.send(opened.situation, "burn", {}, {}) == Answer(
        Situation(("burnt",)), ("-opened", "*burnt"), True, ("burnt",)
    )


@pytest.mark.parametrize("remember", [True, False])
@pytest.mark.parametrize("event", ["burn", "nonsense", "", "closed", "states", "send", "__class__", "a.b"])
def test_an_event_without_a_transition_is_refused_with_event_and_state(event: str, remember: bool) -> None:
    door = make_interpreter(DOOR, remember=remember)
    for _ in range(2):
        assert refusal(door, Situation(("closed",)), event) == f"no transition for {event!r} in closed"


def test_regions_are_entered_together_and_move_together() -> None:
    jobs = make_interpreter(JOBS)
    start = jobs.start({}, {})
    assert start.steps == ("+work", "+work.one", "+work.one.x", "+work.two", "+work.two.u")
    moved = jobs.send(start.situation, "next", {}, {})
    assert moved.steps == ("-work.two.u", "-work.one.x", "+work.one.y", "*work.two.end_two")
    assert not moved.ended
    assert refusal(jobs, moved.situation, "first") == "no transition for 'first' in work.one.y, work.two.end_two"


def test_a_parallel_root_ends_when_all_its_regions_have_and_closes_what_is_open() -> None:
    ended = walk(make_interpreter(JOBS), "first", "next")
    assert ended.ended
    assert ended.finals == ("work.one.end_one", "work.two.end_two")
    assert ended.steps == ("-work.two.u", "*work.two.end_two", "-work.two", "-work.one", "-work")


def test_a_top_level_final_state_ends_a_chart_whose_regions_are_open() -> None:
    ended = walk(make_interpreter(JOBS), "next", "stop")
    assert (ended.ended, ended.finals) == (True, ("stopped",))
    assert ended.steps == ("-work.one.y", "-work.two", "-work.one", "-work", "*stopped")


def test_transitions_without_events_follow_at_once() -> None:
    ended = walk(make_interpreter(CHAIN), "go")
    assert ended.steps == ("-a", "+b", "-b", "+c", "+c.d", "-c.d", "*c.e", "-c", "*ended")
    assert ended.ended


def test_history_is_kept_with_the_situation() -> None:
    text = """
        machine: paused
        chart:
          states:
            work:
              history: {before: {type: deep}}
              transitions: [{event: pause, target: waiting}, {event: stop, target: ended}]
              states:
                a: {transitions: [{event: next, target: b}]}
                b:
                  states:
                    x: {transitions: [{event: next, target: y}]}
                    y: {transitions: [{event: next, target: a}]}
            waiting: {transitions: [{event: resume, target: before}]}
            ended: {final: true}
    """
    paused = make_interpreter(text)
    moved = walk(paused, "next", "next", "pause")
    assert moved.situation.history == {"before": ["b", "y"]}
    walk(paused, "pause")  # another workflow, on the same object
    assert paused.send(moved.situation, "resume", {}, {}).steps == ("-waiting", "+work", "+work.b", "+work.b.y")


@pytest.mark.parametrize("remember", [True, False])
def test_a_chart_that_never_comes_to_rest_is_stopped(remember: bool) -> None:
    loop = make_interpreter(ENDLESS, remember=remember)
    start = loop.start({}, {}).situation
    assert refusal(loop, start, "go") == "the chart did not come to rest after 1000 transitions"
    assert loop.send(start, "stop", {}, {}).ended


def test_a_wildcard_takes_an_event_that_is_called_like_a_state() -> None:
    text = DOOR.replace("{event: tear_down, ", "{event: '*', ")
    assert walk(make_interpreter(text), "opened").steps == ("-closed", "*torn_down")


def test_event_names_from_outside_do_not_fill_the_memory() -> None:
    door = make_interpreter(DOOR)
    for number in range(REMEMBERED_LIMIT + 10):
        with pytest.raises(RefusalError):
            door.send(Situation(("closed",)), f"e{number}", {}, {})
    assert len(door._remembered or ()) <= REMEMBERED_LIMIT
