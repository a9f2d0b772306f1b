"""The Python form: what is refused, and that a class answers as a document does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from machines.catalog import load_catalog
from machines.interpreter import Interpreter
from machines.problems import MachineDocumentError
from machines.python_form import examine_class, is_class_name

HEAD = """
from typing import Any
from statemachine import Event, State
from machines import WorkflowChart

"""
GOOD = """
class Chart(WorkflowChart[Any]):
    machine = "m"
    a = State(initial=True)
    b = State(final=True)
    go = a.to(b)
"""


@pytest.fixture
def problems_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[str]]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def examine(code: str, name: str) -> list[str]:
        (tmp_path / f"{name}.py").write_text(HEAD + code)
        return [str(problem) for problem in examine_class(f"{name}:Chart").problems]

    return examine


@pytest.mark.parametrize(
    ("number", "code", "problems"),
    [
        (0, GOOD, []),
        (
            1,
            GOOD.replace('    machine = "m"\n', ""),
            ["the class attribute `machine` is missing: it names the machine"],
        ),
        (2, "class Chart(WorkflowChart[Any]):\n    machine = 'm'\n", ["the chart has no states"]),
        (3, "class Other: pass\n", ["{module} has no such class"]),
        (4, "class Chart: pass\n", ["{module} has Chart, but it is no subclass of WorkflowChart"]),
        (5, "1 / 0\n", ["importing {module} failed: ZeroDivisionError: division by zero"]),
        (6, GOOD + "    version = 0\n", ["version must be at least 1"]),
        (7, GOOD + "    deadlines = {'x': {'after': '5m', 'send': 'go'}}\n", ["there is no state 'x'"]),
        (8, GOOD + "    outcomes = {'a': 'ok'}\n", ["a is not a final state, so no workflow ends in it"]),
        (9, GOOD + "    chart_events = {'x.y': 'gone'}\n", ["no state takes the event 'gone'; did you mean 'go'?"]),
        (10, GOOD + "    c = State()\n    d = c.to(b)\n", ["the state c can never be reached"]),
        (11, GOOD + "    async def on_go(self) -> None: ...\n", ["on_go is async: callbacks only compute"]),
        (
            12,
            GOOD + "    catch_errors_as_events = True\n",
            ["catch_errors_as_events must stay False: an event that does nothing would not be told as rejected"],
        ),
        (
            13,
            GOOD.replace("State(initial=True)", "State(initial=True, value=7)"),
            ["the state a has the value 7: leave `value` out"],
        ),
        (
            14,
            GOOD.replace("State(initial=True)", "State(initial=True, invoke=print)"),
            ["invoke starts another process: let its events come in instead"],
        ),
        (15, GOOD.replace("go = a.to(b)", "go = Event(a.to(b), delay=5)"), ["the event go has a delay: use deadlines"]),
        (
            16,
            GOOD.replace("a.to(b)", "a.to(b, cond='ready')"),
            [
                "the chart cannot start: the chart failed: InvalidDefinition: Error on transition go from A to B when "
                "resolving callbacks: Did not found name 'ready' from model or statemachine"
            ],
        ),
        (
            17,
            GOOD.replace("a.to(b)", "a.to(a)"),
            [
                "the state b can never be reached",
                "no workflow could ever end: a top-level final state must be reachable",
            ],
        ),
        (18, GOOD + "    def on_enter_a(self): raise KeyError(1)\n", []),
        (
            19,
            GOOD.replace("    go", "    class c(State.Compound):\n        a = State(initial=True)\n    go"),
            ["two states have the id a: python-statemachine tells states apart by their ids"],
        ),
    ],
)
def test_what_is_wrong_with_a_class_is_told(
    problems_of: Callable[[str, str], list[str]], number: int, code: str, problems: list[str]
) -> None:
    module = f"chart_number_{number}"
    found = problems_of(code, module)
    assert [problem.removeprefix(f"{module}:Chart: ") for problem in found][: len(problems) or None] == [
        problem.format(module=module) for problem in problems
    ]


def test_callbacks_and_guards_of_a_class_see_data_and_keep_variables_on_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = GOOD.replace("go = a.to(b)", "go = a.to(b, cond='enough') | a.to(a)") + (
        "    def enough(self, data): return data.n > 2\n"
        "    def after_go(self):\n        self.model.tries = getattr(self.model, 'tries', 0) + 1\n"
    )
    (tmp_path / "chart_with_code.py").write_text(HEAD + code)
    monkeypatch.syspath_prepend(str(tmp_path))
    (machine,) = load_catalog(["chart_with_code:Chart"])
    assert machine.chart.depends_on_data
    assert not machine.chart.reusable
    interpreter = Interpreter(machine.chart)
    answer = interpreter.start({}, {})
    answer = interpreter.send(answer.situation, "go", {"n": 1}, {})
    answer = interpreter.send(answer.situation, "go", {"n": 3}, {})
    assert answer.situation.variables == {"tries": 2}
    assert answer.finals == ("b",)


def test_a_source_is_a_class_only_when_it_is_written_like_one() -> None:
    assert is_class_name("a.b:C")
    assert not any(map(is_class_name, ("a.b", "a:b:c", "C:\\machines", "/a:b", "a:1", ":b", "a:")))


def test_a_module_that_is_not_there_is_told() -> None:
    with pytest.raises(MachineDocumentError) as caught:
        load_catalog(["no_such_module_here:Chart"])
    assert str(caught.value) == (
        "no_such_module_here:Chart: importing no_such_module_here failed: "
        "ModuleNotFoundError: No module named 'no_such_module_here'"
    )
