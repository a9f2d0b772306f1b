"""Faults on demand: which requests to the simulated system go wrong, and how."""

import random
from collections import Counter
from collections.abc import Mapping

from longspan.errors import UseError

FAULTS = {
    "404": "the workflow is not known",
    "429": "too many requests, Retry-After: 1",
    "500": "an error, told as text",
    "html": "a page instead of JSON",
    "truncated": "half of the JSON",
    "schema": "JSON of another shape",
    "future": "times that lie a day ahead",
    "backwards": "the workflow as it was earlier",
    "redirect": "302 to another host",
    "slow": "the right answer, two seconds late",
    "never": "no answer",
}
_DEFAULT_SHARE = 0.1


class Faults:
    """Chooses for each request whether it goes wrong; `happened` counts what was chosen.

    `shares` says which share of all requests each fault takes, together at most 1. It may be changed at any time.
    """

    def __init__(self, shares: Mapping[str, float], seed: int) -> None:
        self.shares = dict(shares)
        self.happened: Counter[str] = Counter()
        self._chance = random.Random(f"{seed}/faults")  # noqa: S311  a simulation that can be repeated

    def choose(self) -> str | None:
        """The fault of the next request, None for none."""
        drawn = self._chance.random()
        for name, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                self.happened[name] += 1
                return name
        return None


def read_faults(text: str) -> dict[str, float]:
    """Shares from text such as `500=0.2,html`: one in ten where no share is given. Raises UseError."""
    shares: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, share = part.partition("=")
        if name not in FAULTS:
            raise UseError(f"--faults {part}: there is no fault {name!r}; there are {', '.join(FAULTS)}")
        try:
            shares[name] = float(share) if share else _DEFAULT_SHARE
        except ValueError:
            raise UseError(f"--faults {part}: the share must be a number from 0 to 1") from None
        if not 0 <= shares[name] <= 1:
            raise UseError(f"--faults {part}: the share must be a number from 0 to 1")
    if sum(shares.values()) > 1 + 1e-9:
        raise UseError(f"--faults {text}: the shares add up to more than 1")
    return shares
