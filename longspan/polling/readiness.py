"""Whether a poller lives and is ready, from what it noted itself: a probe asks no server, so it cannot hang."""

from collections.abc import Iterator
from dataclasses import dataclass

from api.findings import Finding
from longspan.polling.statistics import PollStatistics
from longspan.readiness import LIVE_SECONDS, STALE_SECONDS
from streams.loop import Loop


@dataclass(frozen=True, slots=True)
class PollWatched:
    """The parts of a poller that are asked; `partitions` is the number of all there are."""

    statistics: PollStatistics
    partitions: int

    def is_live(self) -> bool:
        """Whether its loop still turns, be it in vain: what Redis or the systems do makes nobody less alive."""
        return self.statistics.clock() - self.statistics.turned < LIVE_SECONDS

    def examine(self) -> Iterator[Finding]:
        """One finding a check; the poller is ready where none of them is `fail`."""
        for name, loop in (("redis", self.statistics.watch), ("events", self.statistics.sink)):
            yield self._examine_loop(name, loop)
        held, members = self.statistics.held, self.statistics.members
        detail = f"{held} of {self.partitions} are held, shared by {members} pollers"
        remedy = "" if held else "Others hold them all, or have just ended: they come within LONGSPAN_LEASE."
        yield Finding("partitions", "ok" if held else "warn", detail, remedy)
        hosts = self.statistics.hosts
        if hosts:
            told = "; ".join(f"{name}: {why}" for name, why in sorted(hosts.items())[:3])
            yield Finding("hosts", "warn", f"{len(hosts)} are left alone for a while: {told}", "The log says why.")
        else:
            yield Finding("hosts", "ok", "all that were asked answer")
        troubled = sum(self.statistics.troubled.values())
        if troubled:
            remedy = "longspan status ID says what is wrong with each."
            yield Finding("workflows", "warn", f"{troubled} cannot be polled as they should", remedy)
        else:
            yield Finding("workflows", "ok", f"{sum(self.statistics.polled.values())} are polled without trouble")
        lists = dict(self.statistics.troubled_lists)
        if lists:
            told = ", ".join(f"{machine} ({kind})" for machine, kind in sorted(lists)[:10])
            remedy = "The machine's page says what is wrong, and longspan doctor."
            yield Finding("lists", "warn", f"these cannot be polled as they should: {told}", remedy)
        else:
            yield Finding("lists", "ok", "none has trouble")

    def _examine_loop(self, name: str, loop: Loop) -> Finding:
        if loop.trouble:
            return Finding(name, "fail", f"the poller waits: {loop.trouble}", "longspan doctor")
        idle_seconds = self.statistics.clock() - loop.succeeded_at
        if idle_seconds > STALE_SECONDS:
            return Finding(name, "fail", f"no turn went through for {idle_seconds:.0f} s", "longspan doctor")
        return Finding(name, "ok", f"the last turn went well {idle_seconds:.1f} s ago")
