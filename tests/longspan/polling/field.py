"""A system, workers and pollers around one prefix of a real server: what the tests of polling play on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from longspan.polling.clocks import Clocks
from longspan.polling.composition import Polling, permission_of
from longspan.polling.targets import make_targets
from longspan.settings import Settings, read_settings
from longspan.store import Store
from machines.catalog import Catalog
from machines.instants import format_instant
from streams.client import connect
from streams.layout import settle_partitions
from streams.lookup import look_up
from streams.troubles import Trouble
from tests.streams.site import PARTITIONS, START_MS, Site
from tests.support.system import System, tells
from tests.support.waiting import wait_for

Story = list[tuple[str, float, float | None]]  # stage, its begin and its end in seconds


def stages(story: Story) -> dict[str, Any]:
    """What the system says of a workflow."""
    return {
        "stages": [
            {"name": name, "began": at(began), **({} if ended is None else {"ended": at(ended)})}
            for name, began, ended in story
        ]
    }


def at(seconds: float) -> str:
    """So long after the start of time."""
    return format_instant(round((START_MS + seconds * 1_000) * 1_000_000))


def source(**more: Any) -> dict[str, Any]:
    """The source of the machine `stages`, quick enough for a test."""
    return {
        "url": "${SYSTEM_URL}/workflows/{id}",
        "interval": "100ms",
        "timeout": "2s",
        "backoff": "200ms",
        "events": [
            {"each": "stages[*]", "type": "com.example.stage.{name}_began", "time": "began"},
            {"each": "stages[*]", "when": "ended", "type": "com.example.stage.{name}_ended", "time": "ended"},
        ],
    } | more


def machine(**more: Any) -> dict[str, Any]:
    """A machine of two stages, polled."""
    return {
        "machine": "stages",
        "version": 1,
        "starts_on": ["com.example.stage.submitted"],
        "attributes": ["tenant"],
        "deadlines": {"submitted": {"after": "10m", "send": "expire"}},
        "outcomes": {"done": "ok", "expired": "timeout"},
        "source": source(**more),
        "chart": {
            "states": {
                "submitted": {
                    "transitions": [
                        {"event": "load_began", "target": "loading"},
                        {"event": "expire", "target": "expired"},
                    ]
                },
                "loading": {"transitions": [{"event": "load_ended", "target": "loaded"}]},
                "loaded": {"transitions": [{"event": "sum_began", "target": "summing"}]},
                "summing": {"transitions": [{"event": "sum_ended", "target": "done"}]},
                "done": {"final": True},
                "expired": {"final": True},
            }
        },
    }


class Standing(Clocks):
    """The time of day stands still, an hour after the start of time."""

    def now_ns(self) -> int:
        return (START_MS + 3_600_000) * 1_000_000


class Field:
    """A site whose workflows a system knows, and pollers of it."""

    def __init__(self, site: Site, system: System, folder: Path) -> None:
        self.site, self.system, self.folder = site, system, folder
        settle_partitions(site.client, site.keys, PARTITIONS)
        self.environment = {"SYSTEM_URL": system.url, "OTHER": "secret-of-others"}
        self.settings: Settings = replace(
            read_settings({"LONGSPAN_SOURCE_VARIABLES": "SYSTEM_URL", "LONGSPAN_SOURCE_FILES": str(folder)}),
            redis_url=site.url,
            prefix=site.keys.prefix,
            lease_ms=2_000,
        )
        self.poller_url = site.url
        self.catalog: Catalog = site.load(machine())

    def use(self, **more: Any) -> None:
        """Another source."""
        self.catalog = self.site.load(machine(**more))

    def worker(self) -> Any:
        """A worker of the site that knows the machine."""
        return self.site.worker(catalog=self.catalog)

    def start(self, *subjects: str, **attributes: str) -> None:
        """Workflows that somebody else has submitted."""
        for subject in subjects:
            self.site.emit(self.site.event(subject, "submitted", type="com.example.stage.submitted", **attributes))

    def tell(self, subject: str, *story: tuple[str, float, float | None], **headers: str) -> None:
        """Let the system say this of a workflow from now on."""
        self.system.answers[f"/workflows/{subject}"] = tells(stages(list(story)), **headers)

    def store(self) -> Store:
        """What a poller is given."""
        return Store(connect(self.poller_url), self.site.keys, self.poller_url, "a test's")

    @contextmanager
    def polling(self) -> Iterator[Polling]:
        """A poller, until the block ends."""
        permission = permission_of(self.settings, self.environment)
        store = self.store()
        targets = make_targets(self.catalog, permission)
        polling = Polling(self.settings, store, PARTITIONS, targets, permission, Standing())
        stop = threading.Event()
        thread = threading.Thread(target=polling.run, args=(stop,))
        thread.start()
        try:
            yield polling
        finally:
            stop.set()
            thread.join()
            store.client.close()

    def settled(self, worker: Any, fact: Callable[[], Any]) -> Any:
        """Fold what comes until the fact is one."""

        def look() -> Any:
            self.site.settle(worker)
            return fact()

        return wait_for(look, 20)

    def trouble(self, subject: str) -> Trouble | None:
        """What the status says is wrong with polling."""
        found = look_up(self.site.client, self.site.keys, PARTITIONS, subject, 1)
        return found.trouble if found is not None else None

    def types(self, subject: str) -> list[str]:
        """The journal's events, by the last part of their types."""
        return [record.event.type.rpartition(".")[2] for record in self.site.records(subject)]
