"""A setting: one row of the tables of LONGSPAN_* variables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: its full name, the field of Settings that it fills, its default as text, and what it means."""

    name: str
    field: str
    default: str
    meaning: str
    read: Callable[[str], Any]
