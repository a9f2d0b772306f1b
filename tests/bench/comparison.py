"""Ratios of a run beside stored ones: which fell by more than they may. Ratios, not seconds: machines differ."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench.figures import Figures

STORED = Path(__file__).with_name("ratios.json")
TOLERANCE = 0.2  # of a stored ratio: what rounds on a machine with other work differ by
NAMES = {
    "to_handwritten": "Longspan to the hand-written worker, plain chart",
    "to_handwritten_guarded": "Longspan to the hand-written worker, chart with guards",
    "share": "Longspan to the ceiling, plain chart",
    "beside_pending": "events a second beside pending deadlines, to without",
    "scale_out": "two workers to one, by processor time",
}


def ratios(figures: Figures) -> dict[str, float]:
    """The median of each ratio that was measured; the higher the better."""
    medians = {name: figures.median(name) for name in NAMES}
    return {name: round(median, 3) for name, median in medians.items() if median is not None}


def fallen(stored: Mapping[str, float], measured: Mapping[str, float], tolerance: float) -> list[str]:
    """A line for each ratio that is smaller than the stored one by more than `tolerance` (a share of it)."""
    return [
        f"{NAMES.get(name, name)}: {measured[name]:.3g}, stored {before:.3g}, "
        f"{1 - measured[name] / before:.0%} less (tolerated: {tolerance:.0%})"
        for name, before in stored.items()
        if name in measured and measured[name] < before * (1 - tolerance)
    ]


class Stored(NamedTuple):
    """Ratios by name, and by how much of itself each may fall."""

    ratios: dict[str, float]
    tolerance: float


def read(path: Path = STORED) -> Stored:
    """What `store` has written. Raises ValueError where the file cannot be read."""
    try:
        kept = json.loads(path.read_text())
        return Stored({str(name): float(ratio) for name, ratio in kept["ratios"].items()}, float(kept["tolerance"]))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} holds no ratios ({error}): write them with scripts/bench --quick --write") from error


def compare(figures: Figures, stored: Stored) -> list[str]:
    """Lines for people: what fell, or that nothing did."""
    measured = ratios(figures)
    lines = [f"WARNING {line}" for line in fallen(stored.ratios, measured, stored.tolerance)]
    both = len(stored.ratios.keys() & measured.keys())
    return lines or [f"None of {both} ratios fell by more than {stored.tolerance:.0%} of what is stored."]


def store(figures: Figures, path: Path = STORED) -> None:
    """Keep the ratios of a run for later ones to be compared with."""
    path.write_text(json.dumps({"tolerance": TOLERANCE, "ratios": ratios(figures)}, indent=2) + "\n")
