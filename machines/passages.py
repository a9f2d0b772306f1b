"""The ways of arrows through the boxes around their ends: where each is joined, and by which sides it leaves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from machines.figure import Arrow, Shape

Side = Literal["near", "far"]  # of a box: near is where a chart's flow comes in, far where it goes out
End = Literal["exit", "entry"]
Port = tuple[Arrow, End]


@dataclass(eq=False, slots=True)
class Passage:
    """One arrow, joined in `level` between two of its children; None stands for the border of `level` itself.

    `exits` are the boxes that it leaves on its way there, innermost first, `entries` those that it enters then,
    outermost first. It does so by their `exit_side` and `entry_side`.
    """

    arrow: Arrow
    level: Shape
    tail: Shape | None
    head: Shape | None
    exits: list[Shape]
    entries: list[Shape]
    exit_side: Side = "far"
    entry_side: Side = "near"

    @property
    def turns(self) -> bool:
        """Whether it ends on the side of its level where it began."""
        return self.exit_side == self.entry_side


@dataclass(slots=True)
class Passages:
    """What each box has to make room for: what is `joined` in it, a loop, and the `ports` on its border."""

    all: list[Passage] = field(default_factory=list)
    joined: dict[Shape, list[Passage]] = field(default_factory=dict)
    loops: dict[Shape, Arrow] = field(default_factory=dict)
    ports: dict[Shape, list[tuple[Port, Side]]] = field(default_factory=dict)


def find_passages(arrows: Iterable[Arrow]) -> Passages:
    """The ways of all arrows."""
    found = Passages()
    for arrow in arrows:
        if arrow.source is arrow.target:
            found.loops[arrow.source] = arrow
            continue
        passage = _pass(arrow)
        found.all.append(passage)
        found.joined.setdefault(passage.level, []).append(passage)
    for level, joined in found.joined.items():
        _choose_sides(level, joined)
    for passage in found.all:
        for end, box, side in _crossings(passage):
            found.ports.setdefault(box, []).append(((passage.arrow, end), side))
    return found


def _pass(arrow: Arrow) -> Passage:
    out, into = [arrow.source, *arrow.source.around()], [arrow.target, *arrow.target.around()]
    common = next(shape for shape in out if shape in into)
    exits, entries = out[: out.index(common)], into[: into.index(common)]
    return Passage(
        arrow=arrow,
        level=common,
        tail=exits[-1] if exits else None,
        head=entries[-1] if entries else None,
        exits=exits,
        entries=entries[::-1],
    )


def _crossings(passage: Passage) -> Iterable[tuple[End, Shape, Side]]:
    """The borders at which an arrow begins, ends or crosses."""
    for box in passage.exits:
        yield "exit", box, passage.exit_side
    for box in passage.entries:
        yield "entry", box, passage.entry_side


def _choose_sides(level: Shape, joined: Sequence[Passage]) -> None:
    """What leads back in a level goes from near sides to far sides; from region to region both ends are far."""
    if level.kind == "parallel":
        for passage in joined:
            if passage.tail is not None and passage.head is not None:
                passage.entry_side = "far"
        return
    after: dict[Shape, list[Passage]] = {}
    for passage in joined:
        if passage.tail is not None and passage.head is not None:
            after.setdefault(passage.tail, []).append(passage)
    entered: set[Shape] = set()
    left: set[Shape] = set()
    for child in level.children:
        if child in entered:
            continue
        entered.add(child)
        waiting = [(child, iter(after.get(child, ())))]
        while waiting:
            shape, following = waiting[-1]
            outgoing = next(following, None)
            if outgoing is None:
                left.add(shape)
                waiting.pop()
            elif outgoing.head is not None and outgoing.head not in entered:
                entered.add(outgoing.head)
                waiting.append((outgoing.head, iter(after.get(outgoing.head, ()))))
            elif outgoing.head not in left:
                outgoing.exit_side, outgoing.entry_side = "near", "far"
