"""Regular expressions from outside, matched in time that grows only with the length of the text.

The usual subset: literals, `.`, classes, `|`, groups, `* + ? {m,n}`, anchors at the ends, `(?i)` at the start. Python's
own matcher tries one way after another, so that `(a*)*b` on a few dozen characters keeps it busy for years: here all
ways are followed at once, and sets of ways are remembered by character.
"""

from collections.abc import Callable

from api.tempo.pattern_syntax import PatternError, Piece, read_pattern

LONGEST = 1_000  # characters of a pattern
_MOST_PIECES = 2_000  # after counted repetitions were written out
_MOST_REMEMBERED = 20_000

__all__ = ["LONGEST", "Budget", "Pattern", "PatternError"]


class Budget:
    """How many steps all patterns of one query may take together."""

    def __init__(self, steps: int = 5_000_000) -> None:
        self._left = steps

    def take(self, steps: int) -> None:
        """Raises PatternError where nothing is left."""
        self._left -= steps
        if self._left < 0:
            raise PatternError("the regular expression takes too long: make it simpler, or narrow the search")


class Pattern:
    """One expression, matched against whole texts. Raises PatternError for what is not understood or too large."""

    def __init__(self, text: str, budget: Budget | None = None) -> None:
        if len(text) > LONGEST:
            raise PatternError(f"the regular expression is longer than {LONGEST} characters")
        self._budget = budget or Budget()
        self._tests: list[Callable[[str], bool] | None] = []  # of each place: what it takes; None where it forks
        self._exits: list[tuple[int, ...]] = []
        self._built = 0
        piece = read_pattern(text)
        self._ends = self._place(None, ())
        self._start = self._reach({self._build(piece, self._ends)})
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._results: dict[str, bool] = {}

    def matches(self, text: str) -> bool:
        """Whether the whole text fits. Raises PatternError where the budget is used up."""
        found = self._results.get(text)
        if found is None:
            if len(self._results) > _MOST_REMEMBERED:
                self._results.clear()
            found = self._results[text] = self._run(text)
        return found

    def _run(self, text: str) -> bool:
        places = self._start
        self._budget.take(len(text) + 1)
        for character in text:
            following = self._known.get((places, character))
            if following is None:
                following = self._step(places, character)
            places = following
            if not places:
                return False
        return self._ends in places

    def _step(self, places: frozenset[int], character: str) -> frozenset[int]:
        taken = {self._exits[place][0] for place in places if (test := self._tests[place]) and test(character)}
        reached = self._reach(taken)
        self._budget.take(len(places) + len(reached))
        if len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
        self._known[places, character] = reached
        return reached

    def _reach(self, places: set[int]) -> frozenset[int]:
        """The places where a character is taken or the pattern ends, that these lead to."""
        seen: set[int] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place not in seen:
                seen.add(place)
                if self._tests[place] is None:
                    waiting += self._exits[place]
        return frozenset(place for place in seen if self._tests[place] is not None or place == self._ends)

    def _place(self, test: Callable[[str], bool] | None, exits: tuple[int, ...]) -> int:
        self._tests.append(test)
        self._exits.append(exits)
        return len(self._tests) - 1

    def _build(self, piece: Piece, after: int) -> int:
        """The place where this piece begins, if what comes behind it begins at `after`."""
        self._built += 1
        if self._built > _MOST_PIECES:
            raise PatternError("the regular expression is too large")
        if piece.test is not None:
            return self._place(piece.test, (after,))
        if piece.kind == "choice":
            return self._place(None, tuple(self._build(part, after) for part in piece.parts))
        if piece.kind == "sequence":
            for part in reversed(piece.parts):
                after = self._build(part, after)
            return after
        (part,) = piece.parts
        if piece.most is None:
            loop = self._place(None, ())
            self._exits[loop] = (self._build(part, loop), after)
            after = loop
        else:
            beyond = after
            for _ in range(piece.most - piece.least):
                after = self._place(None, (self._build(part, after), beyond))
        for _ in range(piece.least):
            after = self._build(part, after)
        return after
