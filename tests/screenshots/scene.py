"""A scene worth looking at: workflows of the shipped machines, drawn from a seed, as they stand at this moment."""

import json
import random
import time

from longspan.plays import PLAYS, Play
from machines.catalog import EXAMPLES, load_catalog
from machines.instants import format_instant
from streams.client import Client, connect
from streams.ingress import Router, emit
from streams.keys import Keys
from streams.layout import settle_partitions
from streams.worker import Worker, WorkerOptions

PARTITIONS = 4
SCENES = [play for play in PLAYS if not play.part_machine]
SEED = 7
OLDEST_SECONDS = 5_400
CHUNK = 2_000
SPOILT = (
    {"id": "spoilt-1", "type": "com.example.risk.loaded", "subject": "risk-00007", "time": "yesterday"},
    {"id": "spoilt-2", "type": "com.example.risk.submitted", "subject": "risk-00009", "data": "[1, 2]"},
    {"id": "spoilt-3", "type": "com.example.shop.order.placed", "data": "{}"},
)


class Scene:
    """Workflows under a prefix of a server, folded here; `now_ns` is the time that they are seen at."""

    def __init__(self, url: str, prefix: str) -> None:
        self.keys = Keys(prefix)
        self.catalog = load_catalog([str(EXAMPLES)])
        self.now_ns = time.time_ns()
        self.running = ""
        self._url = url
        self._clients: list[Client] = []
        self._client = self.connect()
        settle_partitions(self._client, self.keys, PARTITIONS)
        self._router = Router(self._client, self.keys, PARTITIONS)
        self._worker = Worker(
            self.connect, self.keys, PARTITIONS, self.catalog, WorkerOptions(), lambda: self.now_ns // 1_000_000
        )

    def connect(self) -> Client:
        """A client that is closed with the scene."""
        client = connect(self._url)
        self._clients.append(client)
        return client

    def play(self, count: int) -> None:
        """Let workflows begin at any time of the last one and a half hours, and go on to where they are now.

        `running` is one of them that is well under way.
        """
        chance = random.Random(SEED)
        events = []
        for number in range(count):
            play = SCENES[number % len(SCENES)]
            workflow_id = f"{play.name}-{number:05d}"
            begun_ns = self.now_ns - int(chance.triangular(5, OLDEST_SECONDS, 60) * 1e9)
            happenings = play.perform(chance)
            times_ns = [begun_ns + int(happening.at_seconds * 1e9) for happening in happenings]
            for happening, at_ns in zip(happenings, times_ns, strict=True):
                if at_ns <= self.now_ns:
                    events.append((at_ns, _event(play, workflow_id, happening.type, at_ns, happening.data)))
            if play.machine == "ci-pipeline" and len(times_ns) > 8 and times_ns[5] < self.now_ns < times_ns[-2]:
                self.running = workflow_id
        events.sort(key=lambda event: event[0])
        for start in range(0, len(events), CHUNK):
            self._tell([fields for _, fields in events[start : start + CHUNK]])
        self._tell(list(SPOILT))

    def _tell(self, entries: list[dict[str, str]]) -> None:
        emit(self._client, self.keys, [{k.encode(): v.encode() for k, v in fields.items()} for fields in entries])
        while self._router.step(0):
            pass
        while self._worker.step(0):
            pass

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.close()


def _event(play: Play, workflow_id: str, name: str, at_ns: int, data: dict[str, object]) -> dict[str, str]:
    return {
        "id": f"{workflow_id}-{at_ns}",
        "type": name,
        "subject": workflow_id,
        "machine": play.machine,
        "time": format_instant(at_ns),
        "data": json.dumps(data),
    }
