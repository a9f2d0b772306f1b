"""Mappings: rules that turn the JSON documents of another system into events. Used for polling and for webhooks.

A mapping is a list of rules in a YAML or JSON document (`source.events` of a machine, `events` of a webhook):

    - each: runs[*]                        # optional expression: the rule is applied to every item of the list
      when: status == 'completed'          # optional expression: only where it is true (JMESPath's truth)
      type: com.example.run.{conclusion}   # text; expressions stand in braces
      subject: run-{id}                    # text; default: the `id` of the context
      time: completed_at                   # expression; default: when the event arrives
      time_format: rfc3339                 # or utc (offset missing: UTC), epoch_seconds, epoch_milliseconds
      id: "{id}-{conclusion}"              # text; default: a digest of all else
      data: {branch: head_branch, try: 1}  # expressions by name, numbers as they are; or one expression for an object
      error: failure.message               # optional expression: becomes `error` in the data where it finds anything
      machine: example-run                 # text; also source, parent, traceparent, tracestate; default: the context's
                                           # `machine` and `source`, and none; an empty one is left out

Expressions are JMESPath. They look into the item, or the document where there is no `each`; `document()` is the whole
document, `context()` what the caller knows beside it, `entries(object)` a list of `{key, value}`.

    mapping, problems = parse(section, document, path)      # at load: every problem with file and line
    drafts, faults = mapping.events(payload, context)       # at run time: never raises

Events come in the order of their times, those without a time last. Equal times: in the order of rules, where rules
that follow each other with the same `each` take the items one by one. The same document and context give the same
events with the same ids. A rule that finds a value missing or of the wrong kind where it needs one gives a Fault and
no event; the other rules and items go on.
"""

from machines.interpretation import STEP_LIMIT, ExhaustedError, Scope
from machines.mapping_form import read_rules
from machines.mapping_rule import Draft, Fault, FaultError, Rule, apply, find_items
from machines.places import Document, Path
from machines.problems import Problem

BYTES_LIMIT = 16 * 1024 * 1024  # of all events of one document together
FAULTS_LIMIT = 100  # that are told of one document

_STEPS = 10  # that applying a rule to one item counts as


def parse(section: object, document: Document, path: Path) -> tuple["Mapping", list[Problem]]:
    """The mapping that stands at a path of a document, and all that is wrong with it, with file and line.

    The mapping has no rules where there are problems. Raises nothing.
    """
    rules, problems = read_rules(section, document, path)
    return Mapping(rules), problems


class Mapping:
    """Rules that turn documents into events."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = tuple(rules)

    def events(self, document: object, context: dict[str, object] | None = None) -> tuple[list[Draft], list[Fault]]:
        """The events that a document tells of, in order, and what could not be read of it. Raises nothing.

        `document` is any decoded JSON. Of `context`, `id`, `machine` and `source` are the defaults of subject,
        machine and source; expressions see all of it.
        """
        telling = _Telling(Scope(document, context or {}))
        for number, rule in enumerate(self.rules):
            try:
                telling.take(number, rule)
            except FaultError as error:
                telling.note(rule, error)
            except ExhaustedError:
                telling.note(rule, FaultError("each", f"all rules together took more than {STEP_LIMIT} steps"))
                break
        return telling.drafts(), list(telling.faults)


class _Telling:
    """What one document tells."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._found: list[tuple[tuple[bool, int, int, int, int], Draft]] = []
        self._size = 0
        self.faults: dict[Fault, None] = {}  # each once, in order

    def take(self, number: int, rule: Rule) -> None:
        """Apply a rule to all its items. Raises FaultError and ExhaustedError where it has to end before."""
        for position, item in enumerate(find_items(rule, self._scope.document, self._scope)):
            self._scope.spend(_STEPS)
            try:
                draft = apply(rule, item, self._scope)
            except FaultError as error:
                self.note(rule, error)
                continue
            if draft is None:
                continue
            self._size += sum(map(len, draft.attributes.values()))
            if self._size > BYTES_LIMIT:
                raise FaultError("data", f"the events of one document may have {BYTES_LIMIT} bytes, these have more")
            order = (draft.time_ns is None, draft.time_ns or 0, rule.block, position, number)
            self._found.append((order, draft))

    def note(self, rule: Rule, error: FaultError) -> None:
        """Keep what a rule could not do."""
        if len(self.faults) < FAULTS_LIMIT:
            self.faults[Fault(rule.name, error.key, error.reason)] = None

    def drafts(self) -> list[Draft]:
        """The events in order."""
        self._found.sort(key=lambda one: one[0])
        return [draft for _, draft in self._found]
