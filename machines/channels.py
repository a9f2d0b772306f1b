"""The room between layers, where lines change their place: each on a track of its own, so that none covers another."""

from collections.abc import Sequence

from machines.layers import Item, Line, Link

Point = tuple[float, float]  # along the flow, across it

_MARGIN = 12.0  # between a layer and the first track: room for an arrowhead
_TRACK = 9.0
_STRAIGHT = 0.75  # less than this is no bend


def route(layers: Sequence[list[Item]], links: Sequence[Link]) -> tuple[dict[Line, list[Point]], float]:
    """Set where each item begins along the flow; the points of every line in its arrow's direction, and the extent."""
    between: list[list[Link]] = [[] for _ in layers]
    for link in links:
        between[link.left.layer].append(link)
    turning: dict[Link, float] = {}
    reached = 0.0
    for index, layer in enumerate(layers):
        width = max((item.main for item in layer), default=0.0)
        for item in layer:
            item.at = reached + (width - item.main) / 2
        reached += width
        if index + 1 < len(layers):
            tracks = _tracks(between[index])
            turning |= {link: reached + _MARGIN + _TRACK * track for link, track in tracks.items()}
            reached += 2 * _MARGIN + _TRACK * max(tracks.values(), default=0)
    paths: dict[Line, list[Point]] = {}
    for link in links:
        path = paths.setdefault(link.line, [])
        part = _points(link, turning[link])
        path += part[::-1] if link.line.turns and path else part
    return {line: path[::-1] if line.back else path for line, path in paths.items()}, reached


def _points(link: Link, turning: float) -> list[Point]:
    begin, end = _ends(link)
    if abs(begin - end) < _STRAIGHT:
        end = begin
    left, right = link.left.at + link.left.main, link.right.at
    return [(left, begin), (turning, begin), (turning, end), (right, end)]


def _ends(link: Link) -> tuple[float, float]:
    return link.left.start + link.left_offset, link.right.start + link.right_offset


def _tracks(links: Sequence[Link]) -> dict[Link, int]:
    """A track for each link: those whose ways across overlap have different ones, in the order that crosses least."""
    bent = [link for link in links if abs(_ends(link)[0] - _ends(link)[1]) >= _STRAIGHT]
    ordered: list[Link] = []
    for link in sorted(bent, key=lambda link: (abs(_ends(link)[0] - _ends(link)[1]), _ends(link))):
        cost = sum(_cost(link, other) for other in ordered)
        best, place = cost, 0
        for index, other in enumerate(ordered):
            cost += _cost(other, link) - _cost(link, other)
            if cost < best:
                best, place = cost, index + 1
        ordered.insert(place, link)
    tracks = dict.fromkeys(links, 0)
    for index, link in enumerate(ordered):
        low, high = sorted(_ends(link))
        for other in ordered[:index]:
            other_low, other_high = sorted(_ends(other))
            if low <= other_high + _TRACK and other_low <= high + _TRACK:
                tracks[link] = max(tracks[link], tracks[other] + 1)
    return tracks


def _cost(first: Link, second: Link) -> int:
    """How often two links cross, or lie upon each other, where the first turns nearer."""
    begin, end = _ends(first)
    other_begin, other_end = _ends(second)
    crossed = min(other_begin, other_end) <= end <= max(other_begin, other_end)
    crosses = min(begin, end) <= other_begin <= max(begin, end)
    covered = abs(end - other_begin) < _TRACK / 2
    return crossed + crosses + 4 * covered
