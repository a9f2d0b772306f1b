"""The seed of everything that tests draw: the same each time, so that a failure says something about the change."""

import os
import random

VARIABLE = "LONGSPAN_SEED"
_ASKED = os.environ.get(VARIABLE, "")

EXPLORING = _ASKED == "random"
SEED = random.randrange(10**6) if EXPLORING else int(_ASKED or 20_261_122)


def seeds(count: int) -> list[int]:
    """Several seeds that follow from the one."""
    choose = random.Random(SEED)
    return [choose.randrange(10**6) for _ in range(count)]
