"""What is new in an answer: the events that were not sent before, and what is remembered once they are. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from longspan.polling.asking import Fault, Reply
from longspan.polling.pages import Walk
from longspan.polling.polled import Polled, digest, mark, marks
from longspan.polling.reading import Reading
from machines.mapping_rule import Draft
from machines.paging import Paging, count_items


@dataclass(frozen=True, slots=True)
class News:
    """New events, what came of the answer, and what its `Polled` remembers once they are sent."""

    drafts: Sequence[Draft]
    result: Literal["changed", "unchanged", "failed"]
    etag: str | None
    body: bytes
    sent: bytes


def find_news(polled: Polled, answer: Reply | Fault, reading: Reading) -> News:
    """What is new to who asked for `polled`; the walk through its pages goes on, where there is one."""
    before = marks(polled.sent)
    marked = {mark(draft): draft for draft in reading.drafts}
    new = [draft for name, draft in marked.items() if name not in before]
    failed = reading.trouble is not None
    result: Literal["changed", "unchanged", "failed"] = "failed" if failed else "changed" if new else "unchanged"
    walk, paging = polled.walk, polled.target.paging
    if walk is not None and paging is not None:
        # Its pages are asked for in full each time: that one is as before says nothing of those behind it.
        _go_on(polled, walk, paging, answer, reading, bool(new) if polled.whole else bool(marked))
        fresh = b"".join(name for name in marked if name not in before)
        walk.sent += b"".join(marked)
        sent = polled.sent + fresh if walk.url is not None else walk.sent or polled.sent
        return News(new, result, None, b"", sent)
    if reading.unchanged or (failed and not marked):
        return News((), result, polled.etag, polled.body, polled.sent)
    whole = answer if isinstance(answer, Reply) and not failed else None
    body = digest(whole.body) if whole is not None else b""
    return News(new, result, whole.etag if whole is not None else None, body, b"".join(marked))


def _go_on(polled: Polled, walk: Walk, paging: Paging, answer: Reply | Fault, reading: Reading, new: bool) -> None:
    items = 0
    if reading.is_document:
        items = count_items(polled.target.mapping, reading.document, polled.context())
    walk.take(paging, items, answer, reading, new)
    if walk.url is None:
        polled.whole = not walk.broken
