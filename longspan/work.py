"""What `longspan doctor` finds out about the work: who does it, what waits for it, and what is overdue."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from api.findings import Finding
from longspan.store import Store
from machines.durations import format_duration

MOST_BACKLOG = 10_000
OLDEST_INGRESS_MS = 10_000
OVERDUE_MS = 2_000  # what is late by less may just be on its way


def examine_work(store: Store, partitions: int, server_ms: int) -> Iterator[Finding]:
    """Workers, ingress, backlog, deadlines and waits, by reading alone. Raises redis.RedisError."""
    from streams.members import read_members

    workers = [_short(name) for name in read_members(store.client, store.keys.workers, server_ms)]
    yield _examine_workers(store, partitions, workers, server_ms)
    yield _examine_ingress(store, server_ms)
    yield _examine_backlog(store, partitions)
    yield _examine_deadlines(store, partitions, workers, server_ms)
    yield _examine_waits(store, partitions, server_ms)


def _examine_workers(store: Store, partitions: int, workers: Sequence[str], server_ms: int) -> Finding:
    replies = _each(store, partitions, lambda number: ("HMGET", store.keys.of(number).meta, "owner", "until"))
    free = [number for number, reply in enumerate(replies) if not _is_held(reply, server_ms)]
    if not workers and len(free) == partitions:
        return Finding("worker", "fail", "none is running", "Start one: longspan worker")
    who = f"{len(workers)} running: {_name(workers)}"
    if free:
        remedy = (
            "They move to a worker within LONGSPAN_LEASE; where they do not, its log says why."
            if workers
            else "Start one: longspan worker"
        )
        return Finding("worker", "warn", f"{who}; no worker holds partition {_name(map(str, free))}", remedy)
    return Finding("worker", "ok", f"{who}; all {partitions} partitions are held")


def _examine_ingress(store: Store, server_ms: int) -> Finding:
    from streams.errors import KeyTypeError

    key = store.keys.events
    commands = (("XLEN", key), ("XRANGE", key, "-", "+", "COUNT", 1))
    length, first = store.client.call_all(commands, raise_on_error=False)
    if isinstance(length, Exception) or isinstance(first, Exception):
        kind = store.client.call("TYPE", key).decode()
        error = length if kind == "stream" else KeyTypeError(key, kind, "stream")
        return Finding("ingress", "fail", str(error), "Until then no event can come in.")
    if not first:
        return Finding("ingress", "ok", "every event has been routed to its partition")
    age_ms = max(0, server_ms - int(first[0][0].partition(b"-")[0]))
    detail = f"{length} events are not routed yet, the oldest for {format_duration(age_ms * 1_000_000)}"
    if age_ms <= OLDEST_INGRESS_MS:
        return Finding("ingress", "ok", detail)
    return Finding("ingress", "warn", detail, "One of the workers routes: its log says why it does not get on.")


def _examine_backlog(store: Store, partitions: int) -> Finding:
    groups = _each(store, partitions, lambda number: ("XINFO", "GROUPS", store.keys.of(number).events))
    waiting = sum(_lag(group) for group in groups if isinstance(group, list))
    detail = f"{waiting} events are routed and not folded yet"
    if waiting > MOST_BACKLOG:
        return Finding("backlog", "warn", detail, "See whether the workers keep up: longspan status, their logs.")
    return Finding("backlog", "ok", detail)


def _examine_deadlines(store: Store, partitions: int, workers: Collection[str], server_ms: int) -> Finding:
    from streams.schedule import count_overdue, list_overdue
    from streams.status import find_workflow

    owned = [store.keys.of(number) for number in range(partitions)]
    count = count_overdue(store.client, owned, server_ms - OVERDUE_MS)
    oldest = list_overdue(store.client, owned, server_ms - OVERDUE_MS, 1)
    pending = _sum(_each(store, partitions, lambda number: ("ZCOUNT", owned[number].deadlines, "-inf", "+inf")))
    if not oldest:
        return Finding("deadlines", "ok", f"{pending} workflows have one, none is overdue")
    late = format_duration((server_ms - oldest[0].due_ms) * 1_000_000)
    detail = f"{count} of {pending} are overdue, the first for {late}: workflow {oldest[0].workflow_id}"
    if not workers:
        remedy = "No worker is there to fire them: longspan worker"
    elif not oldest[0].fired:
        remedy = "What arrived before it was due goes first: see ingress and worker, and the workers' logs."
    else:
        view = find_workflow(store.client, store.keys, partitions, oldest[0].workflow_id)
        if view is not None and (view.snapshot.machine, view.snapshot.version) in _awaited(store, partitions):
            remedy = f"Load its machine in every worker: {view.snapshot.machine} {view.snapshot.version}"
        else:
            remedy = "It has fired and waits for the events before it to be folded: see backlog, and the workers' logs."
    return Finding("deadlines", "warn", detail, remedy)


def _examine_waits(store: Store, partitions: int, server_ms: int) -> Finding:
    def count(until: object) -> int:
        return _sum(_each(store, partitions, lambda number: ("ZCOUNT", store.keys.of(number).held, "-inf", until)))

    late, waiting = count(server_ms - OVERDUE_MS), count("+inf")
    if not late:
        return Finding("waits", "ok", f"{waiting} workflows have events that wait for others, none for too long")
    detail = f"{late} of {waiting} workflows have events that have waited for others for too long"
    return Finding("waits", "warn", detail, "A worker gives the wait up when it gets to it: see worker, and its log.")


def _awaited(store: Store, partitions: int) -> Collection[tuple[str, int | None]]:
    """Machines that are waited for."""
    from streams.parked import count_awaited

    return count_awaited(store.client, store.keys, partitions)


def _each(store: Store, partitions: int, command: Callable[[int], tuple[Any, ...]]) -> list[Any]:
    """The reply, or the error, of each partition."""
    return store.client.call_all([command(number) for number in range(partitions)], raise_on_error=False)


def _sum(replies: Iterable[Any]) -> int:
    return sum(reply for reply in replies if isinstance(reply, int))


def _lag(groups: Sequence[Sequence[Any]]) -> int:
    """The lag of the first group."""
    return next((int(dict(zip(facts[::2], facts[1::2], strict=True)).get(b"lag") or 0) for facts in groups), 0)


def _is_held(reply: Any, server_ms: int) -> bool:
    return (
        isinstance(reply, list) and reply[0] is not None and (reply[1] or b"").isdigit() and int(reply[1]) > server_ms
    )


def _short(name: str) -> str:
    """Host and process of a worker's name."""
    return "/".join(name.partition("#")[0].split("/")[::2][:2])


def _name(things: Iterable[str]) -> str:
    """The first ten, so that a line stays a line."""
    listed = list(things)
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return ", ".join(listed[:10]) + more
