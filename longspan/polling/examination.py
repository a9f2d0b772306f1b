"""What `longspan doctor` finds out about polling: what is asked, whether it may be, who does it, and what is wrong."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from api.findings import Finding
from longspan.settings import Settings
from longspan.store import Store

if TYPE_CHECKING:
    from longspan.polling.permission import Permission
    from machines.catalog import Catalog
    from machines.machine import Machine

_SHOWN = 3


def examine_sources(settings: Settings, catalog: "Catalog") -> Finding:
    """Which machines are polled, and whether a poller with these settings could do it."""
    from longspan.polling.composition import permission_of

    polled = [machine for machine in catalog if machine.source is not None]
    if not polled:
        return Finding("sources", "ok", "none of the machines is polled")
    permission = permission_of(settings, os.environ)
    problems = [problem for machine in polled for problem in _problems(machine, permission)]
    names = ", ".join(map(_tell, polled))
    if not problems:
        return Finding("sources", "ok", f"{names}: all that they name may be asked and read here")
    told = "; ".join(problems[:_SHOWN]) + (f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else "")
    if not settings.machines:  # nobody has to poll what is there for everybody to try
        return Finding("sources", "ok", f"{names}, shipped as an example, could not be polled here: {told}")
    remedy = "Pollers with these settings do not start. Where they have others, ask there: longspan doctor"
    return Finding("sources", "warn", f"{names}: {told}", remedy)


def examine_polling(store: Store, partitions: int, catalog: "Catalog") -> Iterator[Finding]:
    """Who polls what there is to be polled, and what trouble there is. Raises redis.RedisError."""
    from streams.pollers import find_duty, read_attendance
    from streams.troubles import survey_troubles

    duty = find_duty(catalog)
    seen = read_attendance(store.client, store.keys, partitions, duty)
    who = f"{len(seen.pollers)} running; {seen.running} workflows and {len(duty.lists)} lists are to be polled"
    if seen.unattended:
        numbers = ", ".join(map(str, seen.unattended[:10])) + (", ..." if len(seen.unattended) > 10 else "")
        remedy = (
            "They move to a poller within LONGSPAN_LEASE; where they do not, its log says why."
            if seen.pollers
            else "Start one: longspan poll"
        )
        yield Finding("pollers", "warn", f"{who}, and no poller holds partitions {numbers}", remedy)
    else:
        yield Finding("pollers", "ok", who)
    kinds, lists = survey_troubles(store.client, store.keys, partitions)
    if not kinds and not lists:
        yield Finding("polling", "ok", "without trouble")
        return
    told = [f"the list of {machine}: {trouble.detail}" for machine, trouble in sorted(lists.items())[:_SHOWN]]
    if len(lists) > _SHOWN:
        told.append(f"{len(lists) - _SHOWN} more lists")
    if kinds:
        by_kind = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(_SHOWN))
        told.append(f"{kinds.total()} workflows cannot be polled as they should: {by_kind}")
    remedy = "longspan status ID says what is wrong with each; longspan poll --try ID asks once."
    yield Finding("polling", "warn", "; ".join(told), remedy)


def _tell(machine: "Machine") -> str:
    source = machine.source
    listed = " with a list" if source is not None and source.collection is not None else ""
    return f"{machine.name} {machine.version}{listed}"


def _problems(machine: "Machine", permission: "Permission") -> Iterator[str]:
    """What keeps a machine's source from being polled, and files that cannot be read."""
    from longspan.polling.headers import HeaderError, Headers
    from longspan.polling.permission import find_problems

    source = machine.source
    assert source is not None
    problems = find_problems(machine, source, permission)
    yield from problems
    if problems:
        return
    headers = Headers(permission, lambda: 0)
    for request in (source.request, *([source.collection.request] if source.collection else [])):
        try:
            headers.write(request.headers)
        except HeaderError as error:
            yield f"{machine.name} {machine.version}: {error}"
