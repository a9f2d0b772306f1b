"""What `longspan rebuild` does: runs from their source, told again, to the endpoint, with progress and a report."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longspan.endpoint import read_endpoint
from longspan.errors import NotFoundError, SettingsError
from longspan.exporting import make_sender
from longspan.progress import Progress
from longspan.rebuild_report import report, say
from longspan.rebuild_source import Choice, LiveSource, Source, Telling, tell
from longspan.rebuild_state import RebuildState, open_state
from longspan.settings import Settings, redacted
from longspan.store import open_store

if TYPE_CHECKING:
    from spans.dispatch import Sender
    from spans.redelivery import Again, Redelivery


class Counting:
    """Stands in for the endpoint of a dry run: takes everything."""

    def send(self, spans: Any) -> Any:
        """Accept."""
        from spans.answer import Delivered

        del spans
        return Delivered()


def run_export(
    settings: Settings, choice: Choice, archive: Path | None, dry_run: bool, options: Mapping[str, Any]
) -> bool:
    """Send everything that is chosen; whether all of it was accepted. Raises what opening the source raises."""
    source = open_source(settings, choice, archive)
    telling = make_telling(settings)
    state = _open_state(settings, choice, archive, options["resume"])
    runs = (tell(run, telling) for run in source.runs(None if state is None else state.mark))
    with sending(dry_run, settings, options) as (redelivery, stop), Progress(say(redelivery), 1) as progress:
        account = redelivery.account
        source.fail = account.fail
        for reached in redelivery.send(_go_on(runs, state), stop):
            if state is not None and not dry_run:
                state.note(reached)
            progress.tell()
        account.passed.update(source.passed)
        if state is not None and not dry_run and not account.halted:
            state.done = True
            state.write()
        seconds = progress.seconds
    report(account, seconds, dry_run=dry_run, as_json=options["as_json"], open_runs=source.count_open())
    return account.is_clean


def run_missing(
    settings: Settings, choice: Choice, archive: Path | None, dry_run: bool, options: Mapping[str, Any]
) -> bool:
    """Send what a Tempo does not have of everything that is chosen; whether all is there or was accepted."""
    from longspan.rebuild_missing import find_missing

    source = open_source(settings, choice, archive)
    telling = make_telling(settings)
    with sending(dry_run, settings, options) as (redelivery, stop), Progress(say(redelivery), 1) as progress:
        account = redelivery.account
        source.fail = account.fail
        audit = find_missing(source, telling, settings, options, stop)
        for _ in redelivery.send(audit.runs(), stop):
            progress.tell()
        account.passed.update(source.passed)
        account.halted = account.halted or audit.halted
        seconds = progress.seconds
    report(account, seconds, dry_run=dry_run, as_json=options["as_json"], open_runs=source.count_open(), audit=audit)
    found = audit.findings
    return account.is_clean and not found.unclear and not (dry_run and found.lost_runs)


def open_source(settings: Settings, choice: Choice, archive: Path | None) -> Source:
    """Where journals come from. Raises NotFoundError where there is nothing yet."""
    if archive is not None:
        from longspan.archived_source import ArchivedSource

        return ArchivedSource(archive, settings.prefix, choice, now_ms)
    store = open_store(settings)
    partitions = store.partitions
    if partitions is None:
        raise NotFoundError("prefix", settings.prefix, f"no worker has ever started under it at {store.shown}")
    return LiveSource(store, partitions, choice, now_ms)


def make_telling(settings: Settings) -> Telling:
    """How runs are told: as the exporter does. Raises SettingsError."""
    from opentelemetry.sdk.trace import SpanLimits

    try:
        return Telling(settings.namespace, SpanLimits())
    except ValueError as error:
        raise SettingsError([f"an OTEL_* variable: {error}"]) from None


@contextmanager
def sending(
    dry_run: bool, settings: Settings, options: Mapping[str, Any]
) -> "Iterator[tuple[Redelivery, threading.Event]]":
    """What sends, until SIGINT or SIGTERM ask it to end after the request in hand."""
    import logging

    from spans.redelivery import Redelivery

    told = logging.getLogger("spans.dispatch")
    level = told.level
    told.setLevel(logging.ERROR)  # the progress and the report tell all that it would
    stop = threading.Event()
    former = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    delivery = None if dry_run else make_sender(settings)
    sender: Sender = Counting() if delivery is None else delivery
    try:
        yield (
            Redelivery(
                sender,
                now_ms,
                random.SystemRandom().random,
                rate=0 if dry_run else options["rate"] or 0,
                patience_ms=options["patience_ms"],
            ),
            stop,
        )
    finally:
        if delivery is not None:
            delivery.close()
        for number, handler in former.items():
            signal.signal(number, handler)
        told.setLevel(level)


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def _open_state(settings: Settings, choice: Choice, archive: Path | None, path: Path | None) -> RebuildState | None:
    if path is None:
        return None
    where = str(archive.resolve()) if archive else redacted(settings.redis_url or f"embedded://{settings.data}")
    ways = (where, settings.prefix, settings.namespace, read_endpoint(os.environ).shown)
    return open_state(path, " ".join(ways), choice)


def _go_on(runs: "Iterator[Again]", state: RebuildState | None) -> "Iterator[Again]":
    """The first run may have been sent in part by the rebuild before."""
    if state is not None and state.done:
        return
    for again in runs:
        if state is not None and state.within == (again.workflow_id, again.run):
            again.skipped = state.spans
        yield again
