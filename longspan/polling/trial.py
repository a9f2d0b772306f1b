"""One answer on trial: what it would become, without Redis and without sending anything."""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from longspan.columns import align
from longspan.errors import UseError
from longspan.polling.asking import Asker, Fault, Reply
from longspan.polling.clocks import Clocks
from longspan.polling.composition import permission_of
from longspan.polling.headers import HeaderError, Headers
from longspan.polling.news import find_news
from longspan.polling.pages import Walk
from longspan.polling.permission import Permission
from longspan.polling.polled import Polled, Target
from longspan.polling.reading import Reading, read_answer
from longspan.polling.targets import make_targets
from longspan.settings import Settings
from machines.catalog import Catalog
from machines.errors import TemplateError
from machines.instants import format_instant


@dataclass(frozen=True, slots=True)
class Trial:
    """What was asked, what came, and what it would become. `asked` is empty where the answer is a file's; `following`
    is the URL of a list's next page, None where there is none; `trouble` the first that there is."""

    asked: str
    answer: Reply | Fault
    took_ms: int
    reading: Reading
    following: str | None
    trouble: Fault | None

    def as_json(self) -> dict[str, object]:
        """For programs."""
        trouble, answer = self.trouble, self.answer
        return {
            "asked": self.asked or None,
            "status": answer.status if isinstance(answer, Reply) else None,
            "took_ms": self.took_ms,
            "trouble": None if trouble is None else {"kind": trouble.kind, "detail": trouble.detail},
            "next": self.following,
            "events": [dict(draft.attributes) for draft in self.reading.drafts],
        }


def try_once(
    settings: Settings,
    catalog: Catalog,
    machine: str | None,
    workflow_id: str | None,
    attributes: Mapping[str, object],
    answer: Path | None,
) -> Trial:
    """Ask for a workflow, or for the collection where no id is given; or take the answer from a file.

    Raises UseError where it is not clear what is asked, SourceError where it may not be asked.
    """
    permission = permission_of(settings, os.environ)
    # An answer in a file needs no permission to ask anybody.
    targets = make_targets(catalog, permission, checked=answer is None)
    name = _choose(targets.machines, machine)
    if workflow_id is None:
        target = next((each for each in targets.collections if each.machine == name), None)
        if target is None:
            raise UseError(f"the source of {name} has no `list`")
    else:
        target = targets.latest[name]
    polled = Polled(workflow_id or name, 0, target, run=1, attributes=attributes)
    clocks = Clocks()
    began = time.monotonic()
    if answer is not None:
        asked, came = "", _read_file(answer)
    else:
        asked, came = asyncio.run(_ask(polled, permission, clocks))
    took_ms = round((time.monotonic() - began) * 1_000)
    reading = read_answer(came, target.mapping, polled.context(), clocks.now_ns(), target.most)
    following, trouble = None, reading.trouble
    if target.paging is not None and target.base:
        walk = polled.walk = Walk(0, polled.next_url(), None)
        find_news(polled, came, reading)
        following, trouble = walk.url, walk.trouble
    return Trial(asked, came, took_ms, reading, following, trouble)


def show(trial: Trial) -> str:
    """A trial for people."""
    lines = []
    if trial.asked:
        lines.append(f"asked     {trial.asked}")
    if isinstance(trial.answer, Reply):
        body = f"{len(trial.answer.body)} bytes of {trial.answer.media}"
        etag = f", ETag {trial.answer.etag}" if trial.answer.etag else ""
        lines.append(f"answered  {trial.answer.status} in {trial.took_ms} ms, {body}{etag}")
    if trial.trouble is not None:
        lines.append(f"trouble   {trial.trouble.detail} ({trial.trouble.kind})")
    if trial.following is not None:
        lines.append(f"next      {trial.following}")
    rows = [
        (
            "(when seen)" if draft.time_ns is None else format_instant(draft.time_ns),
            draft.subject,
            draft.type,
            draft.id,
            draft.attributes.get("data", ""),
        )
        for draft in trial.reading.drafts
    ]
    table = align(("TIME", "WORKFLOW", "EVENT", "ID", "DATA"), rows) if rows else "no events"
    return "\n".join([*lines, "", table] if lines else [table])


async def _ask(polled: Polled, permission: Permission, clocks: Clocks) -> tuple[str, Reply | Fault]:
    target: Target = polled.target
    try:
        url = polled.next_url()
        headers = Headers(permission, clocks.steady_ms).write(target.request.headers)
    except (TemplateError, HeaderError) as error:
        return "", Fault("request", str(error))
    async with Asker() as asker:
        request = target.request
        answer = await asker.ask(request.method, url, headers, request.timeout_ms, None, clocks.now_ns() / 1e9)
    return f"{target.request.method} {url}", answer


def _read_file(path: Path) -> Reply | Fault:
    try:
        return Reply(200, path.read_bytes(), "a file", None, None)
    except OSError as error:
        return Fault("file", f"{path} cannot be read: {error.strerror or error}")


def _choose(machines: list[str], wanted: str | None) -> str:
    if wanted is None and len(machines) == 1:
        return machines[0]
    if wanted is None:
        raise UseError(f"several machines have a source ({', '.join(machines)}): name one with --machine")
    if wanted not in machines:
        raise UseError(f"no machine {wanted!r} has a source: there are {', '.join(machines)}")
    return wanted
