"""The SCXML form of machine documents: its elements, their lines, and the facts in `<longspan:machine>`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from statemachine.io.model import StateMachineDefinition
from statemachine.io.scxml.reader import parse_scxml

from machines.places import DEPTH_LIMIT, Document, Path, UnreadableError
from machines.problems import Problem
from machines.schema import ANY_CHART, check_shape, suggest
from machines.yaml_form import read_yaml

SCXML_NAMESPACE = "http://www.w3.org/2005/07/scxml"
MACHINE_NAMESPACE = "urn:longspan:machine"

_ACTIONS = "raise assign if foreach send log cancel script"
_STATE = "onentry onexit transition datamodel history invoke"

# By element: the elements that may stand inside it, and its attributes. What the library would pass over in silence
# (a misspelt element, an attribute of another element) is refused instead.
_ELEMENTS: dict[str, tuple[str, str]] = {
    "scxml": ("state parallel final datamodel script machine", "initial name version datamodel binding"),
    "state": (f"{_STATE} initial state parallel final", "id initial"),
    "parallel": (f"{_STATE} state parallel", "id"),
    "final": ("onentry onexit donedata", "id"),
    "history": ("transition", "id type"),
    "initial": ("transition", ""),
    "transition": (_ACTIONS, "event cond target type"),
    "onentry": (_ACTIONS, ""),
    "onexit": (_ACTIONS, ""),
    "datamodel": ("data", ""),
    "data": ("", "id expr src"),
    "donedata": ("param content", ""),
    "param": ("", "name expr location"),
    "content": ("", "expr"),
    "raise": ("", "event"),
    "assign": ("", "location expr"),
    "if": (f"{_ACTIONS} elseif else", "cond"),
    "elseif": ("", "cond"),
    "else": ("", ""),
    "foreach": (_ACTIONS, "array item index"),
    "send": ("param content", "event eventexpr target type id idlocation delay delayexpr namelist"),
    "log": ("", "label expr"),
    "cancel": ("", "sendid sendidexpr"),
    "script": ("", "src"),
    "invoke": ("param content finalize", "type typeexpr src srcexpr id idlocation autoforward namelist"),
    "machine": ("", ""),
}
_REQUIRED = {
    **dict.fromkeys(("state", "parallel", "final", "history", "data"), ("id",)),
    **dict.fromkeys(("param",), ("name",)),
    **dict.fromkeys(("raise",), ("event",)),
    **dict.fromkeys(("assign",), ("location",)),
    **dict.fromkeys(("if", "elseif"), ("cond",)),
    **dict.fromkeys(("foreach",), ("array", "item")),
}
_KINDS = {"state": "states", "parallel": "states", "final": "states", "history": "history"}


def read_scxml(document: Document, text: str) -> tuple[StateMachineDefinition | None, list[Problem]]:
    """The definition of an SCXML text; the document gets its facts and lines. Raises UnreadableError."""
    root = _parse(text)
    problems = [Problem(document.origin, line, reason) for line, reason in _faults(root)]
    if root.name != "scxml":
        return None, problems
    document.facts, document.lines = _read_facts(root)
    if "machine" not in document.facts:
        problems.append(document.problem((), "the machine has no name: give <scxml> the attribute name"))
    problems += check_shape(
        Document(document.origin, {"machine": "any", **document.facts, "chart": ANY_CHART}, document.lines)
    )
    if problems:
        return None, problems
    try:
        return parse_scxml(text), []
    except Exception as error:  # the library raises ValueError, KeyError, InvalidDefinition, ... on what it cannot read
        return None, [document.problem((), f"this chart cannot be read: {error}")]


@dataclass(slots=True)
class _Element:
    name: str
    attributes: dict[str, str]
    line: int
    text: list[tuple[int, str]] = field(default_factory=list)
    inside: "list[_Element]" = field(default_factory=list)


def _parse(text: str) -> _Element:
    parser = expat.ParserCreate(namespace_separator=" ")
    holder = _Element("", {}, 1)
    stack = [holder]

    def begin(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > DEPTH_LIMIT:
            raise UnreadableError(parser.CurrentLineNumber, f"nested deeper than {DEPTH_LIMIT} levels")
        element = _Element(_plain_name(name), attributes, parser.CurrentLineNumber)
        stack[-1].inside.append(element)
        stack.append(element)

    def refuse_doctype(*_args: object) -> None:
        raise UnreadableError(parser.CurrentLineNumber, "a document type (DOCTYPE) is not allowed")

    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _name: stack.pop()
    parser.CharacterDataHandler = lambda data: stack[-1].text.append((parser.CurrentLineNumber, data))
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise UnreadableError(error.lineno, f"this is not XML: {expat.ErrorString(error.code)}") from None
    except ValueError as error:  # an encoding that cannot be
        raise UnreadableError(None, f"this is not XML: {error}") from None
    return holder.inside[0]


def _plain_name(name: str) -> str:
    """The local name of an element of SCXML, `machine` for ours, and the whole name for what is foreign."""
    namespace, _, local = name.rpartition(" ")
    if namespace == MACHINE_NAMESPACE:
        return "machine" if local == "machine" else name
    return local if namespace in ("", SCXML_NAMESPACE) and local != "machine" else name


def _faults(root: _Element) -> Iterator[tuple[int, str]]:
    if root.name != "scxml":
        yield root.line, f"the document's element must be <scxml xmlns={SCXML_NAMESPACE!r}>, not <{root.name}>"
        return
    pending = [root]
    while pending:
        element = pending.pop(0)
        allowed, attributes = (set(names.split()) for names in _ELEMENTS[element.name])
        for key in element.attributes:
            if key not in attributes and " " not in key:
                yield element.line, f"<{element.name}> has no attribute {key!r}{suggest(key, attributes)}"
        for key in _REQUIRED.get(element.name, ()):
            if not element.attributes.get(key):
                yield element.line, f"<{element.name}> has no {key!r}"
        for inner in element.inside:
            if inner.name in allowed:
                pending.append(inner)
            elif inner.name == f"{SCXML_NAMESPACE} machine":
                yield inner.line, f"<machine> must be <longspan:machine xmlns:longspan={MACHINE_NAMESPACE!r}>"
            else:
                near = suggest(inner.name, allowed)
                yield inner.line, f"<{inner.name}> cannot stand in <{element.name}>{near}"
    machines = [element for element in root.inside if element.name == "machine"]
    for element in machines[1:]:
        yield element.line, "<longspan:machine> occurs twice"
    ids: dict[str, int] = {}
    for element in _walk(root):
        name = element.attributes.get("id") if element.name in _KINDS else None
        if name and ids.setdefault(name, element.line) != element.line:
            yield element.line, f"the id {name!r} is already taken in line {ids[name]}"


def _walk(element: _Element) -> Iterator[_Element]:
    pending = [element]
    while pending:
        element = pending.pop(0)
        yield element
        pending += element.inside


def _read_facts(root: _Element) -> tuple[dict[str, object], dict[Path, int]]:
    lines: dict[Path, int] = {(): root.line, ("chart",): root.line}
    facts: dict[str, object] = {}
    if "name" in root.attributes:
        facts["machine"] = root.attributes["name"]
    for element in root.inside:
        if element.name == "machine":
            text = "".join(part for _, part in element.text)
            first_line = element.text[0][0] if element.text else element.line
            value, places = read_yaml(_dedent(text), first_line)
            if value is not None and not isinstance(value, dict):
                raise UnreadableError(element.line, "<longspan:machine> holds the machine's facts as YAML: key: value")
            facts |= value or {}
            lines |= places | {(): root.line}
        elif element.name == "datamodel":
            lines[("chart", "datamodel")] = element.line
    if "chart" in facts:
        raise UnreadableError(
            lines.get(("chart",), root.line), "the chart is the SCXML document: leave `chart` out here"
        )
    lines[("chart",)] = root.line
    _note_states(root, ("chart",), lines)
    return facts, lines


def _dedent(text: str) -> str:
    """YAML that is indented like the XML around it, its lines kept where they are."""
    rows = text.split("\n")
    margin = min((len(row) - len(row.lstrip(" ")) for row in rows[1:] if row.strip()), default=0)
    return "\n".join([rows[0].strip(), *(row[margin:] for row in rows[1:])])


def _note_states(element: _Element, path: Path, lines: dict[Path, int]) -> None:
    """Lines of states and transitions under the paths that the chart would have in YAML."""
    count = 0
    for inner in element.inside:
        if inner.name in _KINDS and "id" in inner.attributes:
            place = (*path, _KINDS[inner.name], inner.attributes["id"])
            lines[place] = inner.line
            _note_states(inner, place, lines)
        elif inner.name == "transition":
            lines[(*path, "transitions", count)] = inner.line
            count += 1
