"""Reading one machine document of any form: from its text to a validated machine, or to all that is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from statemachine.io.model import StateMachineDefinition
from statemachine.io.native import native_dict_to_definition

from machines.charts import Chart, describe_chart
from machines.compilation import compile_chart, reduce_to_tree
from machines.json_form import read_json
from machines.machine import Machine
from machines.places import SIZE_LIMIT, Document, Path, UnreadableError
from machines.problems import MachineDocumentError, Problem
from machines.renaming import with_former
from machines.schema import check_shape, sound_facts
from machines.scopes import Scopes
from machines.scxml import read_scxml
from machines.semantics import (
    check_attributes,
    check_event_types,
    check_facts,
    read_children,
    read_deadlines,
    read_parent_ended,
)
from machines.source_rules import check_source, make_source
from machines.structure import check_structure
from machines.validation import check_machine
from machines.yaml_form import read_yaml

Form = Literal["yaml", "json", "scxml"]
SUFFIXES: Mapping[str, Form] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".scxml": "scxml"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one document: a machine, or problems."""

    document: Document
    machine: Machine | None
    problems: list[Problem]


def read_document(text: str | bytes, form: Form, origin: str) -> Machine:
    """The machine of a document. `origin` names the document in errors.

    Raises MachineDocumentError with everything that is wrong with it.
    """
    reading = examine(text, form, origin)
    if reading.machine is None:
        raise MachineDocumentError(reading.problems)
    return reading.machine


def examine(text: str | bytes, form: Form, origin: str) -> Reading:
    """What a document says, right or wrong. Raises nothing."""
    document = Document(origin)
    try:
        machine, problems = _read(document, decode_text(text), form)
    except UnreadableError as error:
        machine, problems = None, [Problem(origin, error.line, error.reason)]
    problems.sort(key=lambda problem: problem.line or 0)
    return Reading(document, None if problems else machine, problems)


def decode_text(text: str | bytes) -> str:
    """The text of a document, without a byte order mark. Raises UnreadableError where it is too long or not UTF-8."""
    if len(text) > SIZE_LIMIT:
        raise UnreadableError(None, f"larger than {SIZE_LIMIT} bytes, which no machine needs to be")
    if isinstance(text, bytes):
        try:
            return text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UnreadableError(text[: error.start].count(b"\n") + 1, "this is not UTF-8 text") from None
    return text.removeprefix("\ufeff")


def _read(document: Document, text: str, form: Form) -> tuple[Machine | None, list[Problem]]:
    local: Mapping[str, str] = {}
    definition: StateMachineDefinition | None
    if form == "scxml":
        definition, problems = read_scxml(document, text)
        sound = Document(document.origin, sound_facts(document), document.lines)
    else:
        value, document.lines = read_yaml(text) if form == "yaml" else read_json(text)
        if not isinstance(value, dict):
            raise UnreadableError(1, "a machine document is a mapping of keys such as machine, version and chart")
        document.facts = value
        problems = check_shape(document)
        sound = Document(document.origin, sound_facts(document), document.lines)
        definition = None
        if "chart" in sound.facts:
            definition, local = _define(sound, value["chart"], problems)
    if definition is None:
        return None, [*problems, *_check_plain_facts(sound)]
    wrong_chart = check_structure(sound, definition, local)
    if wrong_chart:
        reduce_to_tree(definition)
    chart, refused = _compile(sound, definition, local, told=bool(wrong_chart))
    problems += wrong_chart + refused
    if chart is None:
        return None, [*problems, *_check_plain_facts(sound)]
    problems += check_facts(sound, chart) if wrong_chart else check_machine(sound, chart)
    return (None, problems) if problems else (make_machine(document, chart), [])


def _check_plain_facts(sound: Document) -> list[Problem]:
    """What can be said of the facts where there is no chart."""
    return [*check_event_types(sound), *check_attributes(sound), *check_source(sound)]


def _define(
    document: Document, chart: Mapping[str, Any], problems: list[Problem]
) -> tuple[StateMachineDefinition | None, Mapping[str, str]]:
    def complain(path: Path, reason: str) -> None:
        problems.append(document.problem(path, reason))

    scopes = Scopes(chart, complain)
    if scopes.clashes:
        return None, {}
    rewritten = scopes.rewritten()
    if isinstance(rewritten.get("datamodel"), dict):
        # The library takes expressions only, and 0 or false for none at all.
        rewritten["datamodel"] = {
            name: value if isinstance(value, str) else repr(value) for name, value in rewritten["datamodel"].items()
        }
    try:
        return native_dict_to_definition(rewritten), scopes.local
    except Exception as error:  # the library raises InvalidDefinition, KeyError, ... on what its schema lets through
        complain(("chart",), f"this chart cannot be read: {error}")
        return None, {}


def _compile(
    document: Document, definition: StateMachineDefinition, local: Mapping[str, str], *, told: bool
) -> tuple[Chart | None, list[Problem]]:
    """The chart; or none, and why, unless what is wrong has been `told` already."""
    name = str(document.facts.get("machine", "unnamed"))
    variables = [item.id for item in definition.datamodel.data] if definition.datamodel else []
    try:
        chart_class = compile_chart(name, definition)
        return describe_chart(chart_class, reusable=True, local_ids=local, variables=variables), []
    except Exception as error:  # InvalidDefinition and whatever else the library raises while it builds the class
        reason = f"python-statemachine refuses this chart: {_say(error)}"
        return None, [] if told else [document.problem(("chart",), reason)]


def _say(error: Exception) -> str:
    return str(error.__cause__ or error).splitlines()[0][:300]


def make_machine(document: Document, chart: Chart) -> Machine:
    """The machine of checked facts."""
    facts: Mapping[str, Any] = document.facts
    renamed: Mapping[str, Any] = facts.get("renamed", {})
    renamed_events = dict(renamed.get("events", {}))
    return Machine(
        name=facts["machine"],
        version=int(facts.get("version", 1)),
        chart=chart,
        starts_on=with_former(facts.get("starts_on", ()), renamed_events),
        attributes=tuple(facts.get("attributes", ())),
        export=facts.get("export", "complete"),
        trace=facts.get("trace", "own"),
        events=dict(facts.get("events", {})),
        deadlines=read_deadlines(facts),
        outcomes=dict(facts.get("outcomes", {})),
        children=read_children(facts),
        parent_ended=read_parent_ended(facts, chart),
        renamed_events=renamed_events,
        renamed_states=dict(renamed.get("states", {})),
        source=make_source(document),
        origin=document.origin,
    )
