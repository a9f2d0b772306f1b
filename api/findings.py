"""Findings: what a look at one thing comes to, told by probes and by `longspan doctor` alike."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one check; `remedy` says what to do about it and is empty where all is well."""

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""
