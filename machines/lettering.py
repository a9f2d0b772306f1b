"""How much room texts take in a drawing, without a font: estimated, and rather too much than too little."""

import textwrap
import unicodedata

NAME_PX, TEXT_PX = 13, 11  # sizes of letters: names of states, and everything else
LINE_PX = 14  # height of a line of text
_NARROW, _LETTER, _LARGE, _WIDE = 0.36, 0.575, 0.72, 1.05  # widths, in letter sizes
_NAME_LIMIT, _LABEL_WIDTH, _LABEL_LINES, _TEXTS = 32, 36, 3, 5


def text_width(text: str, size_px: float) -> float:
    """The width of a text in px."""
    return size_px * sum(_width(char) for char in text)


def shorten_name(name: str) -> str:
    """A state's name as it fits into a box."""
    return name if len(name) <= _NAME_LIMIT else name[: _NAME_LIMIT - 1] + "…"


def label_lines(texts: list[str]) -> list[str]:
    """The lines of an arrow's label: each text in a few lines, and the number of those that are left out."""
    lines: list[str] = []
    for text in texts[:_TEXTS]:
        events, bracket, guard = text.partition(" [")
        for part, most in ((events, 2), ((bracket + guard).strip(), _LABEL_LINES)):
            lines += textwrap.wrap(part, _LABEL_WIDTH, max_lines=most, placeholder=" …", break_on_hyphens=False)
    return [*lines, f"and {len(texts) - _TEXTS} more"] if len(texts) > _TEXTS else lines


def _width(char: str) -> float:
    if unicodedata.combining(char):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return _WIDE
    if char in " .,:;!|'ijlftI()[]":
        return _NARROW
    return _LARGE if char.isupper() or char in "mwMW@%…" or not char.isascii() else _LETTER
