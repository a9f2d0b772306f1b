"""How each machine's system is asked, from the machines that are loaded and what they may reach."""

from collections.abc import Mapping

from longspan.polling.host import Host
from longspan.polling.permission import Permission, SourceError, find_problems
from longspan.polling.polled import Target
from longspan.polling.reading import MOST_EVENTS
from machines.catalog import Catalog
from machines.machine import Machine
from machines.mapping_rule import ITEMS_LIMIT
from machines.source import Source


class Targets:
    """The targets of all machines with a source. Raises SourceError with all that may not be asked, if `checked`."""

    def __init__(self, catalog: Catalog, permission: Permission, *, checked: bool = True) -> None:
        problems: list[str] = []
        self.hosts: dict[str, Host] = {}
        self._workflows: dict[tuple[str, int], Target] = {}
        self.latest: dict[str, Target] = {}
        self.collections: list[Target] = []
        for machine in catalog:
            if machine.source is not None:
                problems += find_problems(machine, machine.source, permission) if checked else ()
                self._add(catalog, machine, machine.source, permission)
        if problems:
            raise SourceError(problems)

    @property
    def machines(self) -> list[str]:
        """The names of the machines whose workflows are polled."""
        return sorted(self.latest)

    def of(self, machine: str, version: int) -> Target | None:
        """How a workflow of this machine is asked for: as its own version says, or else the latest that says how."""
        return self._workflows.get((machine, version)) or self.latest.get(machine)

    def _add(self, catalog: Catalog, machine: Machine, source: Source, permission: Permission) -> None:
        base = permission.base_of(source.request.url)
        host = self._host(base, source)
        target = Target(
            machine.name, source, source.request, source.events, source.interval_ms, base, host, MOST_EVENTS
        )
        self._workflows[machine.name, machine.version] = target
        self.latest[machine.name] = target  # a catalog goes from the lowest version to the highest
        collection = source.collection
        if collection is not None and catalog.latest(machine.name) is machine:
            base = permission.base_of(collection.request.url)
            self.collections.append(
                Target(
                    machine.name,
                    source,
                    collection.request,
                    collection.events,
                    collection.interval_ms,
                    base,
                    self._host(base, source),
                    ITEMS_LIMIT,
                    collects=True,
                    paging=collection.paging,
                )
            )

    def _host(self, base: str, source: Source) -> Host:
        name = "/".join(base.split("/")[:3]).lower()
        host = self.hosts.get(name)
        if host is None:
            host = self.hosts[name] = Host(name, source.concurrency, source.backoff_ms)
        host.join(source.concurrency, source.backoff_ms)
        return host


def make_targets(catalog: Catalog, permission: Permission, *, checked: bool = True) -> Targets:
    """The targets of all machines. Raises SourceError, also where no machine has a source."""
    targets = Targets(catalog, permission, checked=checked)
    if not targets.machines:
        names: Mapping[str, None] = dict.fromkeys(machine.name for machine in catalog)
        raise SourceError([f"none of the machines ({', '.join(names)}) has a `source`: see docs/sources.md"])
    return targets
