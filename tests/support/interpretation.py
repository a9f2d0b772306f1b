"""An interpreter walked from the start of its chart, and what it refuses."""

import pytest

from machines.interpreter import Answer, Interpreter, RefusalError
from machines.snapshot import Situation
from tests.support.folding import make_machine


def make_interpreter(text: str, *, remember: bool = True) -> Interpreter:
    """The interpreter of a YAML text's chart."""
    return Interpreter(make_machine(text).chart, remember=remember)


def walk(interpreter: Interpreter, *told: tuple[str, dict[str, object]] | str) -> Answer:
    """The last answer after these chart events, each alone or with its data, which are its attributes too."""
    answer = interpreter.start({}, {})
    for item in told:
        event, data = (item, {}) if isinstance(item, str) else item
        answer = interpreter.send(answer.situation, event, data, data)
    return answer


def refusal(interpreter: Interpreter, situation: Situation, event: str, data: dict[str, object] | None = None) -> str:
    """Why the chart does not take the event."""
    with pytest.raises(RefusalError) as caught:
        interpreter.send(situation, event, data or {}, data or {})
    return str(caught.value)
