"""Facts in aligned columns of plain text: they can be read, cut and grepped."""

from collections.abc import Sequence


def align(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Titles and rows, each column as wide as its widest cell; without trailing spaces."""
    lines = [titles, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
