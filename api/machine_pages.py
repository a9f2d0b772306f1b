"""The pages of machines: all that are loaded, and one with its chart, its facts and how many workflows are where."""

from itertools import groupby

import msgspec
from starlette.responses import Response

from api.diagram import draw_chart, find_machine
from api.endpoint import Answer, Call, Endpoint
from api.frame import render
from api.machine_description import describe_machine
from api.machines import find_list_trouble, versions_of
from api.problems import Problem
from machines.durations import format_duration
from machines.machine import Machine
from streams.counts import Counts, count_states

WIDEST_PX = 1_200.0


class MachinePageQuery(msgspec.Struct, frozen=True):
    """Which version, by default the highest."""

    version: int | None = None


async def _show_list(call: Call) -> Response:
    grouped = groupby(call.service.catalog, lambda machine: machine.name)
    machines = [(name, list(versions)) for name, versions in grouped]
    counts = await _count(call)
    totals = {
        name: {status: count for (machine, status), count in counts.statuses.items() if machine == name}
        for name, _ in machines
    }
    troubles = {name: await find_list_trouble(call.service, name) for name, _ in machines}
    return render(call, "machines.html", section="machines", machines=machines, totals=totals, troubles=troubles)


async def _show(call: Call) -> Response:
    try:
        machine = find_machine(call.service.catalog, call.path["name"], call.query.version)
    except Problem as problem:
        return render(call, "missing.html", status=404, section="machines", problem=problem)
    counts = await _count(call)
    chart = await call.service.reader.run(lambda _: draw_chart(machine, {}, WIDEST_PX))
    here = {path: count for (name, path), count in counts.states.items() if name == machine.name}
    return render(
        call,
        "machine.html",
        section="machines",
        machine=machine,
        versions=[version.version for version in versions_of(call.service.catalog, machine.name)],
        chart=chart,
        deadlines=[(path, format_duration(one.after_ns), one.send) for path, one in machine.deadlines.items()],
        counts=[(path, here[path].open) for path in machine.chart.paths.values() if path in here],
        statuses={status: count for (name, status), count in counts.statuses.items() if name == machine.name},
        starts=_starts(machine),
        told=describe_machine(machine),
        trouble=await find_list_trouble(call.service, machine.name),
    )


async def _count(call: Call) -> Counts:
    service = call.service
    partitions = await service.partitions()
    if not partitions:
        return Counts({}, {})
    return await service.reader.run(count_states, service.keys, partitions, service.now_ns() // 1_000_000)


def _starts(machine: Machine) -> str:
    return ", ".join(machine.starts_on) or "any event that names it"


_PAGE = Answer(200, "The page.", media="text/html")


ENDPOINTS = (
    Endpoint("GET", "/ui/machines", "Machines.", _show_list, "read", (_PAGE,), documented=False),
    Endpoint(
        "GET", "/ui/machines/{name}", "A machine.", _show, "read", (_PAGE,), query=MachinePageQuery, documented=False
    ),
)
