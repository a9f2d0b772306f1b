"""The chart of a machine as a drawing or as Mermaid text, and which of its states are lit on the live page."""

import html
import re
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.endpoint import Answer, Call, Endpoint, problem_answer
from api.machines import versions_of
from api.problems import Problem, not_found
from machines.catalog import Catalog
from machines.diagram import draw_mermaid
from machines.drawing import draw_svg
from machines.errors import DrawingLimitError
from machines.machine import Machine

SVG, MERMAID = "image/svg+xml", "text/vnd.mermaid"
_KEPT = 64
_STATE = re.compile(r'data-state="([^"]*)"')


class DiagramQuery(msgspec.Struct, frozen=True):
    """Which version, by default the highest, and in which form; without `format`, `Accept` decides."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    format: Literal["svg", "mermaid"] | None = None


class _Drawings:
    """The last drawings, since a layout takes its time. Machines are told apart as objects: names can be the same."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[int, float], tuple[Machine, str]] = OrderedDict()

    def draw(self, machine: Machine, widest_px: float) -> str:
        """The machine's chart. Raises DrawingLimitError."""
        key = id(machine), widest_px
        with self._lock:
            found = self._kept.get(key)
            if found is not None and found[0] is machine:
                self._kept.move_to_end(key)
                return found[1]
        drawn = draw_svg(machine, widest_px)
        with self._lock:
            self._kept[key] = machine, drawn
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return drawn


_drawings = _Drawings()


def draw_chart(machine: Machine | None, lit: Mapping[str, str], widest_px: float) -> str | None:
    """The chart as an SVG element whose states say in `data-lit` what `lit` has for their paths; None without one."""
    if machine is None:
        return None
    try:
        drawn = _drawings.draw(machine, widest_px)
    except DrawingLimitError:
        return None
    return _STATE.sub(lambda found: found[0] + _say(lit.get(html.unescape(found[1]))), drawn)


def find_machine(catalog: Catalog, name: str, version: int | None) -> Machine:
    """One version of a machine, by default the highest. Raises Problem 404."""
    versions = versions_of(catalog, name)
    found = versions[-1] if version is None else catalog.get(name, version)
    if found is None:
        known = ", ".join(str(machine.version) for machine in versions)
        raise not_found("version", str(version), f"loaded versions of {name}: {known}")
    return found


def _say(lit: str | None) -> str:
    return "" if lit is None else f' data-lit="{lit}"'


def _accepted(accept: str) -> Literal["svg", "mermaid"]:
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    wanted = next((kind for kind in kinds if kind in (SVG, MERMAID, "text/plain", "text/*")), SVG)
    return "svg" if wanted == SVG else "mermaid"


async def _get(call: Call) -> Response:
    machine = find_machine(call.service.catalog, call.path["name"], call.query.version)
    form = call.query.format or _accepted(call.request.headers.get("accept", ""))
    headers = {"Cache-Control": "private, no-cache", "Vary": "Accept"}
    if form == "mermaid":
        text = await call.service.reader.run(lambda _: draw_mermaid(machine))
        return Response(text, headers=headers, media_type=MERMAID)
    try:
        drawn = await call.service.reader.run(lambda _: _drawings.draw(machine, 1_100.0))
    except DrawingLimitError as error:
        raise Problem(422, "Too large to draw", f"{error}: ask with format=mermaid", field="format") from None
    return Response(drawn, headers=headers, media_type=SVG)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/machines/{name}/diagram",
        "The chart of a machine: a drawing (SVG) or the text of a Mermaid state diagram.",
        _get,
        "read",
        (
            Answer(200, "The drawing.", media=SVG),
            Answer(200, "The text.", media=MERMAID),
            problem_answer(404, "There is no such machine or version."),
            problem_answer(422, "It has too many states to be drawn."),
        ),
        query=DiagramQuery,
    ),
)
