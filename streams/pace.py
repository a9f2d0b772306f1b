"""How many entries to read at once, so that large events never fill the memory and small ones go in large batches."""

FEWEST = 16
MOST = 1_000
BYTES_AIM = 4_000_000


class Pace:
    """A count for the next read, learned from the size of the last; unknown sizes begin small, with `first`."""

    def __init__(self, most: int = MOST, first: int = FEWEST) -> None:
        self.count = first
        self._most = most

    def note(self, read_bytes: int, entries: int) -> None:
        """Take in how large the last batch was."""
        fitting = BYTES_AIM * entries // max(read_bytes, 1)
        self.count = max(1, min(self._most, 2 * self.count, fitting))
