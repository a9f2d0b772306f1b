"""Remembered answers, reused chart objects and stored snapshots never change what a fold says; on generated charts."""

from collections import Counter
from collections.abc import Iterable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from statemachine import StateChart

from machines.charts import chart_states, chart_transitions
from machines.interpreter import Answer, Interpreter, RefusalError
from machines.machine import Machine
from machines.snapshot import Situation
from tests.support.folding import Folding, make_event
from tests.support.generated_charts import START, machines, stories

Story = list[tuple[str, dict[str, object]]]


def _ask(interpreter: Interpreter, situation: Situation | None, event: str, data: Mapping[str, object]) -> Answer | str:
    """The answer, or the refusal's text. No situation: the start."""
    try:
        if situation is None:
            return interpreter.start(data, data)
        return interpreter.send(situation, event, data, data)
    except RefusalError as refusal:
        return str(refusal)


def _walk(interpreters: Iterable[Interpreter], story: Story) -> list[Answer | str]:
    """What a workflow is told from its start to its end, each time by the next interpreter."""
    told: list[Answer | str] = []
    situation: Situation | None = None
    for interpreter, (event, data) in zip(interpreters, [("", {}), *story], strict=False):
        answer = _ask(interpreter, situation, event, data)
        told.append(answer)
        if isinstance(answer, Answer):
            situation = answer.situation
            if answer.ended:
                break
        elif situation is None:
            break
    return told


def _fold(folding: Folding, story: Story) -> Folding:
    folding.receive(make_event(START, data={"label": "x"}))
    for number, (event, data) in enumerate(story, 1):
        folding.receive(make_event(f"com.x.{event}", at=number, data=data))
    return folding


@settings(deadline=None, max_examples=150)
@given(machines(), st.lists(stories(), min_size=2, max_size=3))
def test_remembered_answers_are_those_that_the_library_gives(machine: Machine, told: list[Story]) -> None:
    assert not machine.chart.depends_on_data
    remembering = Interpreter(machine.chart)
    asking = Interpreter(machine.chart, remember=False)
    for story in [*told, *told]:
        assert _walk([remembering] * 99, story) == _walk([asking] * 99, story)


@settings(deadline=None, max_examples=100)
@given(machines(), stories())
def test_remembered_and_unremembered_folds_are_equal(machine: Machine, story: Story) -> None:
    remembering = _fold(Folding(machine), story)
    assert remembering.everything() == _fold(Folding(machine, remember=False), story).everything()


@settings(deadline=None, max_examples=250)
@given(machines(judged=True), st.lists(stories(), min_size=2, max_size=3))
def test_remembered_answers_to_what_guards_say_are_those_that_the_library_gives(
    machine: Machine, told: list[Story]
) -> None:
    remembering = Interpreter(machine.chart)
    assert remembering.remembers
    asking = Interpreter(machine.chart, remember=False)
    for story in [*told, *told]:
        assert _walk([remembering] * 99, story) == _walk([asking] * 99, story)


@settings(deadline=None, max_examples=200)
@given(machines(judged=True), stories(shortest=4))
def test_folds_that_remember_what_guards_say_and_that_ask_are_equal(machine: Machine, story: Story) -> None:
    remembering = _fold(Folding(machine), story)
    assert remembering.everything() == _fold(Folding(machine, remember=False), story).everything()


@settings(deadline=None, max_examples=150)
@given(machines(guarded=True), st.lists(stories(), min_size=2, max_size=4))
def test_one_chart_object_for_all_workflows_says_what_fresh_ones_say(machine: Machine, told: list[Story]) -> None:
    assert machine.chart.depends_on_data
    reusing = Interpreter(machine.chart)
    mixed: list[list[Answer | str]] = [[_ask(reusing, None, "", {})] for _ in told]
    open_stories = [iter(story) for story in told]
    situations = [first.situation if isinstance(first, Answer) else None for (first,) in mixed]
    running = {index for index, (first,) in enumerate(mixed) if isinstance(first, Answer) and not first.ended}
    while running:  # in turn, so that each finds the object as another workflow left it
        for index in sorted(running):
            step = next(open_stories[index], None)
            if step is None:
                running.discard(index)
                continue
            answer = _ask(reusing, situations[index], *step)
            mixed[index].append(answer)
            if isinstance(answer, Answer):
                situations[index] = answer.situation
                if answer.ended:
                    running.discard(index)
    for story, answers in zip(told, mixed, strict=True):
        assert answers == _walk((Interpreter(machine.chart) for _ in range(99)), story)


@settings(deadline=None, max_examples=100)
@given(machines(guarded=True), stories())
def test_storing_and_loading_after_every_event_changes_nothing(machine: Machine, story: Story) -> None:
    assert _fold(Folding(machine), story).everything() == _fold(Folding(machine, stored=True), story).everything()


def test_the_generated_charts_and_stories_are_interesting() -> None:
    met: Counter[str] = Counter()

    @settings(deadline=None, max_examples=120, derandomize=True, database=None)
    @given(st.booleans(), st.booleans(), st.data())
    def explore(guarded: bool, judged: bool, data: st.DataObject) -> None:
        machine = data.draw(machines(guarded=guarded and not judged, judged=judged))
        met["guards alone"] += machine.chart.guards is not None
        met.update(_features(machine.chart.chart_class))
        folding = _fold(Folding(machine), data.draw(stories(shortest=6)))
        if not folding.snapshot.run:
            met[folding.dead[0].reason] += 1
            return
        for record in folding.journal()[1]:
            met[record.result] += 1
            met["several regions"] += sum(step[0] == "+" for step in record.steps) > 3
            met["ended"] += record.outcome is not None
            met["internal chain"] += len({step for step in record.steps if step[0] == "-"}) > 2
            met["guard failed"] += "TypeError" in (record.reason or "")
            met["own event not taken"] += "itself" in (record.reason or "")
        met["history kept"] += bool(folding.snapshot.situation.history)
        met["variable changed"] += folding.snapshot.situation.variables.get("count", 0) != 0

    explore()
    wanted = [
        "parallel",
        "nested",
        "eventless",
        "asks for a state",
        "history",
        "done.state",
        "inner final",
        "targetless",
    ]
    wanted += ["applied", "rejected", "late", "ended", "several regions", "internal chain", "guard failed"]
    wanted += ["guards alone", "history kept", "variable changed", "own event not taken"]
    assert [name for name in wanted if not met[name]] == []


def _features(chart_class: type[StateChart[object]]) -> set[str]:
    found = set()
    for state in chart_states(chart_class):
        found |= {"parallel"} if state.parallel else set()
        found |= {"nested"} if len(list(state.ancestors())) > 1 else set()
        found |= {"history"} if state.history else set()
        found |= {"inner final"} if state.final and state.parent else set()
    for transition in chart_transitions(chart_class):
        found |= {"eventless"} if transition.is_eventless and not transition.initial else set()
        found |= {"asks for a state"} if any("In(" in str(spec) for spec in transition.cond) else set()
        found |= {"done.state"} if any(event.startswith("done.state") for event in transition.events) else set()
        found |= {"targetless"} if transition.target is None else set()
    return found
