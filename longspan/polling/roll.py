"""The roll: who is polled here, kept to what the lookout sees, partition by partition."""

from collections.abc import Collection, Mapping

from longspan.polling.clocks import Clocks
from longspan.polling.polled import Polled
from longspan.polling.schedule import Schedule
from longspan.polling.statistics import PollStatistics
from longspan.polling.targets import Targets
from longspan.polling.telling import Telling
from longspan.polling.waits import first_wait_ms
from streams.keys import partition_of
from streams.polled import Sighting
from streams.status import WorkflowView
from streams.troubles import Trouble, name_list

_NANOSECONDS = 1_000_000


class Roll:
    """All that is polled by this process. `doubt` counts when the server may have lost what it was told."""

    def __init__(
        self,
        targets: Targets,
        partitions: int,
        schedule: Schedule,
        telling: Telling,
        statistics: PollStatistics,
        clocks: Clocks,
    ) -> None:
        self._targets = targets
        self._schedule = schedule
        self._telling = telling
        self._statistics = statistics
        self._clocks = clocks
        self._workflows: dict[int, dict[str, Polled]] = {}
        self._collections = {target.machine: target for target in targets.collections}
        self._places = {machine: partition_of(machine, partitions) for machine in self._collections}
        self._lists: dict[str, Polled] = {}
        self.doubt = 0

    def hold(self, partitions: Collection[int]) -> None:
        """Poll in these partitions only, in each of them once it has been seen whole."""
        for partition in [one for one in self._workflows if one not in partitions]:
            for polled in self._workflows.pop(partition).values():
                self._leave(polled)
        for partition in partitions:
            self._workflows.setdefault(partition, {})
        for machine in [one for one, polled in self._lists.items() if polled.partition not in partitions]:
            self._leave(self._lists.pop(machine))

    def take(self, sighting: Sighting, told: Mapping[int, Mapping[str, Trouble | None]]) -> None:
        """What the lookout saw; `told` are the troubles that are kept of the partitions that it saw whole.

        A collection belongs to the partition of its machine's name.
        """
        for partition, views in sighting.whole.items():
            known = self._workflows.get(partition)
            if known is None:
                continue
            there = {view.id for view in views}
            for workflow_id in [one for one in known if one not in there]:
                self._leave(known.pop(workflow_id))
            kept = told.get(partition, {})
            for view in views:
                self._see(view, kept.get(view.id))
            lists = {name_list(machine): machine for machine, place in self._places.items() if place == partition}
            for name, machine in lists.items():
                self._see_list(machine, partition, kept.get(name))
            for name in kept.keys() - known.keys() - lists.keys():
                self._telling.unwritten.setdefault((partition, name), None)
        for view in sighting.changed:
            self._see(view, None)
        for partition, workflow_id in sighting.gone:
            polled = self._workflows.get(partition, {}).pop(workflow_id, None)
            if polled is not None:
                self._leave(polled)
        if sighting.doubted:
            self.count_doubt()

    def count_doubt(self) -> None:
        """The server may have lost what it was told: what the journals do not have is to be sent again."""
        self.doubt += 1

    def _see(self, view: WorkflowView, trouble: Trouble | None) -> None:
        snapshot, known = view.snapshot, self._workflows.get(view.partition)
        target = self._targets.of(snapshot.machine, snapshot.version)
        if known is None or target is None:
            return
        polled = known.get(view.id)
        if polled is not None and polled.run == snapshot.run and polled.target is target:
            polled.attributes = snapshot.attributes
            return
        if polled is not None:
            self._leave(polled)
        polled = known[view.id] = Polled(view.id, view.partition, target, snapshot.run, snapshot.attributes)
        polled.doubt = self.doubt
        self._statistics.polled[target.machine] += 1
        if trouble is not None:
            self._telling.begin(polled, trouble)
        since_ms = self._clocks.now_ms() - snapshot.started_ns // _NANOSECONDS
        wait_ms = first_wait_ms(target.source.delay_ms, target.interval_ms, since_ms, polled.spread())
        self._schedule.put(polled, self._clocks.steady_ms() + wait_ms)

    def _see_list(self, machine: str, partition: int, trouble: Trouble | None) -> None:
        if machine in self._lists:
            return
        polled = self._lists[machine] = Polled(machine, partition, self._collections[machine])
        polled.doubt = self.doubt
        if trouble is not None:
            self._telling.begin(polled, trouble)
        self._schedule.put(polled, self._clocks.steady_ms())

    def _leave(self, polled: Polled) -> None:
        polled.gone = True
        if not polled.target.collects:
            self._statistics.polled[polled.target.machine] -= 1
        self._telling.end(polled)
