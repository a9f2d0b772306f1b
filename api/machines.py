"""Machines: what this process has loaded."""

from itertools import groupby
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from api.description import PollingTrouble, describe_trouble
from api.endpoint import Answer, Call, Endpoint, json_response, problem_answer
from api.machine_description import MachineVersion, describe_machine
from api.problems import not_found
from api.service import Service
from machines.catalog import Catalog
from machines.machine import Machine
from streams.troubles import read_list_trouble


class MachineLinks(msgspec.Struct, frozen=True, rename={"own": "self"}):
    """Where more is to be had of a machine."""

    own: str
    diagram: str
    workflows: str


class ListedMachine(msgspec.Struct, frozen=True):
    """A machine, and its versions in rising order."""

    machine: str
    versions: list[int]
    links: MachineLinks


class MachineList(msgspec.Struct, frozen=True):
    """All machines, by name."""

    machines: list[ListedMachine]


class MachineVersions(msgspec.Struct, frozen=True):
    """A machine in every version, the latest last. `trouble` is what is wrong with polling its list; null where nothing
    is, or it has none: what is wrong with its workflows is told with each."""

    machine: str
    versions: list[MachineVersion]
    trouble: PollingTrouble | None
    links: MachineLinks


def versions_of(catalog: Catalog, name: str) -> list[Machine]:
    """Every version of a machine, the latest last. Raises Problem 404 where there is none."""
    found = [machine for machine in catalog if machine.name == name]
    if not found:
        known = ", ".join(sorted({machine.name for machine in catalog})) or "none"
        raise not_found("machine", name, f"loaded here: {known}")
    return found


async def find_list_trouble(service: Service, name: str) -> PollingTrouble | None:
    """What is wrong with polling the list of a machine. Redis is asked only where there is one. Raises Problem."""
    machine = service.catalog.latest(name)
    if machine is None or machine.source is None or machine.source.collection is None:
        return None
    partitions = await service.partitions()
    if not partitions:
        return None
    trouble = await service.reader.run(read_list_trouble, service.keys, partitions, name)
    return None if trouble is None else describe_trouble(trouble)


def _links(name: str) -> MachineLinks:
    path = f"/machines/{quote(name, safe='')}"
    return MachineLinks(path, f"{path}/diagram", f"/workflows?machine={quote(name, safe='')}")


async def _list(call: Call) -> Response:
    grouped = groupby(call.service.catalog, lambda machine: machine.name)
    return json_response(
        MachineList(
            [ListedMachine(name, [machine.version for machine in versions], _links(name)) for name, versions in grouped]
        )
    )


async def _get(call: Call) -> Response:
    name = call.path["name"]
    versions = [describe_machine(machine) for machine in versions_of(call.service.catalog, name)]
    return json_response(MachineVersions(name, versions, await find_list_trouble(call.service, name), _links(name)))


ENDPOINTS = (
    Endpoint(
        "GET", "/machines", "The machines that are loaded.", _list, "read", (Answer(200, "All of them.", MachineList),)
    ),
    Endpoint(
        "GET",
        "/machines/{name}",
        "A machine in every version that is loaded.",
        _get,
        "read",
        (
            Answer(200, "Its versions.", MachineVersions),
            problem_answer(404, "There is no such machine."),
        ),
    ),
)
