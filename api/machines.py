"""Machines: what this process has loaded."""

from itertools import groupby
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from api.endpoint import Answer, Call, Endpoint, json_response, problem_answer
from api.machine_description import MachineVersion, describe_machine
from api.problems import not_found
from machines.catalog import Catalog
from machines.machine import Machine


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
    """A machine in every version, the latest last."""

    machine: str
    versions: list[MachineVersion]
    links: MachineLinks


def versions_of(catalog: Catalog, name: str) -> list[Machine]:
    """Every version of a machine, the latest last. Raises Problem 404 where there is none."""
    found = [machine for machine in catalog if machine.name == name]
    if not found:
        known = ", ".join(sorted({machine.name for machine in catalog})) or "none"
        raise not_found("machine", name, f"loaded here: {known}")
    return found


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
    versions = versions_of(call.service.catalog, name)
    return json_response(MachineVersions(name, [describe_machine(machine) for machine in versions], _links(name)))


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
