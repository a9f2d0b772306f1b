"""The workflow that Tempo's recorded answers are of: a nightly calculation of eight spans that fails at its output."""

from functools import partial
from typing import Any

from spans.own_trace import own_trace
from streams.worker import Worker
from tests.streams.site import START_MS, Site

NIGHTLY: dict[str, Any] = {
    "machine": "nightly",
    "version": 1,
    "starts_on": ["com.example.nightly.submitted"],
    "attributes": ["portfolio", "size"],
    "outcomes": {"done": "ok", "failed": "error"},
    "chart": {
        "states": {
            "submitted": {"transitions": [{"event": "begun", "target": "running"}]},
            "running": {
                "states": {
                    "loader": {
                        "states": {
                            "waiting": {"transitions": [{"event": "read", "target": "reading"}]},
                            "reading": {"transitions": [{"event": "loaded", "target": "processor"}]},
                        },
                    },
                    "processor": {"transitions": [{"event": "processed", "target": "output"}]},
                    "output": {},
                },
                "transitions": [{"event": "finished", "target": "done"}, {"event": "broke", "target": "failed"}],
            },
            "done": {"final": True},
            "failed": {"final": True},
        }
    },
}
STEPS = ("submitted", "begun", "read", "loaded", "processed")


def start_nightly(
    site: Site, *subjects: str, steps: int = len(STEPS), portfolio: str = "FX", worker: Worker | None = None
) -> Worker:
    """Workflows that stand after so many steps, each a second after the last one; it is a minute after the start."""
    worker = worker or site.worker(catalog=site.load(NIGHTLY), name_trace=partial(own_trace, "default"))
    for subject in subjects:
        data = f'{{"portfolio":"{portfolio}","size":7}}'
        first, *others = STEPS[:steps]
        site.emit(
            nightly_event(site, subject, first, data=data), *(nightly_event(site, subject, one) for one in others)
        )
    site.settle(worker)
    site.now_ms = START_MS + 60_000
    return worker


def fail_nightly(site: Site, worker: Worker, *subjects: str) -> None:
    """Workflows end: they run out of disk."""
    site.emit(*(nightly_event(site, subject, "broke", data='{"error":"disk full"}') for subject in subjects))
    site.settle(worker)


def nightly_event(site: Site, subject: str, name: str, **attributes: str) -> dict[bytes, bytes]:
    """An entry of the ingress stream."""
    return site.event(subject, name, type=f"com.example.nightly.{name}", **attributes)
