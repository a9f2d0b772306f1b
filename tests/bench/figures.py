"""Figures: what was measured, by name, in the order of the rounds."""

import statistics
from collections.abc import Mapping, Sequence


class Figures(dict[str, list[float]]):
    """Lists of figures by name. All of one name are in one unit, which the name or the table says."""

    def add(self, name: str, figure: float) -> None:
        """One more figure of a name."""
        self.setdefault(name, []).append(figure)

    def take(self, others: Mapping[str, Sequence[float]]) -> None:
        """All figures of others, behind those that are there."""
        for name, figures in others.items():
            self.setdefault(name, []).extend(figures)

    def median(self, name: str) -> float | None:
        """The median of a name; None where nothing was measured."""
        return statistics.median(self[name]) if self.get(name) else None


def percentile(figures: Sequence[float], percent: int) -> float:
    """The figure that `percent` (1 to 99) of them do not exceed; between two, in proportion."""
    if len(figures) < 2:
        return figures[0]
    return statistics.quantiles(figures, n=100, method="inclusive")[percent - 1]
