"""Names that a chart may give its states, events and variables."""

import re

from statemachine import State, StateChart

_FORBIDDEN = re.compile(r"[\s#.\x00-\x1f\x7f]")
_NAME_LIMIT = 128

# What data models and guards find under these names is Longspan's or the library's.
RESERVED_VARIABLES = frozenset(
    ("data", "attributes", "state", "machine", "event", "event_data", "model", "transition", "source", "target")
)


class _Smallest(StateChart[object]):
    """A chart that has what every chart has."""

    only = State(initial=True, final=True)


# python-statemachine keeps states and events as attributes of the chart, where these would replace its own.
_RESERVED = (
    frozenset(name for name in {*dir(_Smallest), *vars(_Smallest())} if name not in ("only",))
    | {"state", "enter_state", "exit_state", "transition", "invoke_state"}  # parts of the names of its callbacks
)


def state_name_fault(name: str) -> str | None:
    """Why a state cannot have this id, or None."""
    if not name:
        return "a state's id must not be empty"
    if len(name) > _NAME_LIMIT:
        return f"a state's id may have {_NAME_LIMIT} characters, this one has {len(name)}"
    if not name.isprintable() or _FORBIDDEN.search(name):
        return f"a state's id must not contain spaces, dots, # or control characters: {name!r}"
    if name in _RESERVED or name.startswith("__"):
        return f"a state cannot be called {name}: python-statemachine uses the name itself"
    return None


def event_name_fault(name: str) -> str | None:
    """Why a transition cannot name this event, or None."""
    if len(name) > _NAME_LIMIT:
        return f"an event's name may have {_NAME_LIMIT} characters, this one has {len(name)}"
    if not name.isprintable() or "#" in name:
        return f"an event's name must not contain # or control characters: {name!r}"
    if name in _RESERVED or name.startswith("__"):
        return f"an event cannot be called {name}: python-statemachine uses the name itself"
    return None


def variable_name_fault(name: str) -> str | None:
    """Why a variable of the datamodel cannot have this id, or None."""
    if name in RESERVED_VARIABLES:
        return f"a variable cannot be called {name}: guards find something else under this name"
    if not name.isidentifier() or name.startswith("_"):
        return f"a variable's id must be a plain name (letters, digits, _; no digit or _ in front): {name!r}"
    return None


def event_type_fault(event_type: str) -> str | None:
    """Why a CloudEvents type cannot be used, or None."""
    if not event_type or not event_type.isprintable() or " " in event_type or len(event_type) > 1_024:
        return f"{event_type[:60]!r} is not an event type: write text such as com.example.order.placed, without spaces"
    if event_type.endswith("."):
        return f"the event type {event_type!r} ends with a dot: the part after the last dot names the chart's event"
    return None
