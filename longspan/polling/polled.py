"""What is polled: one workflow, or a collection of workflows, and how that stands."""

from collections.abc import Mapping as Facts
from dataclasses import dataclass
from hashlib import blake2b
from zlib import crc32

from longspan.polling.host import Host
from longspan.polling.pages import Walk
from machines.mapping import Mapping
from machines.mapping_rule import Draft
from machines.paging import Paging
from machines.source import Request, Source
from streams.troubles import Trouble

_MARK_BYTES = 8


@dataclass(frozen=True, slots=True)
class Target:
    """How one machine's system is asked. `base` is the beginning of the request's URLs; `most` events may come in one
    answer; `collects` where a whole collection is asked for, with `paging` where it has pages."""

    machine: str
    source: Source
    request: Request
    mapping: Mapping
    interval_ms: int
    base: str
    host: Host
    most: int
    collects: bool = False
    paging: Paging | None = None

    @property
    def event_source(self) -> str:
        """The `source` of the events that come of it."""
        return f"longspan/poll/{self.machine}"


@dataclass(slots=True, eq=False)
class Polled:
    """A workflow, or a collection under the name of its machine.

    `due_ms` is when it is asked for next. `failures` counts those in a row. `etag` and `body` (a digest) are of the
    last answer of which all was sent, `sent` the marks of its events. `pending` while events wait to be sent, `gone`
    when it is no longer polled here. `doubt` counts the faults of the server that `sent` knows of. `walk` is how far
    the pages of a collection have been read, `whole` whether the last time came to their end.
    """

    id: str
    partition: int
    target: Target
    run: int = 0
    attributes: Facts[str, object] | None = None
    due_ms: int = 0
    failures: int = 0
    etag: str | None = None
    body: bytes = b""
    sent: bytes = b""
    doubt: int = 0
    trouble: Trouble | None = None
    pending: bool = False
    gone: bool = False
    walk: Walk | None = None
    whole: bool = False

    def context(self) -> dict[str, object]:
        """What expressions see of it, beside the answer."""
        known: dict[str, object] = {"machine": self.target.machine, "source": self.target.event_source}
        if self.target.collects:
            return known
        return known | {"id": self.id, "run": self.run, "attributes": dict(self.attributes or {})}

    def next_url(self) -> str:
        """The URL to ask. Raises TemplateError."""
        if self.walk is not None and self.walk.url is not None:
            return self.walk.url
        return self.target.request.url.fill(self.target.base, self.id, self.attributes or {})

    def spread(self) -> float:
        """A number from 0 to 1 that is always the same for the same id."""
        return crc32(self.id.encode()) / 2**32

    def forget(self, doubt: int) -> None:
        """Take nothing for sent: what the journal does not have is sent again."""
        self.etag, self.body, self.sent, self.doubt = None, b"", b"", doubt
        self.walk, self.whole = None, False


def digest(body: bytes) -> bytes:
    """What stands for a body."""
    return blake2b(body, digest_size=16).digest()


def mark(draft: Draft) -> bytes:
    """What stands for an event among those of one workflow."""
    name = f"{draft.subject}\n{draft.attributes.get('source', '')}\n{draft.id}"
    return blake2b(name.encode(), digest_size=_MARK_BYTES).digest()


def marks(sent: bytes) -> set[bytes]:
    """The marks that were joined."""
    return {sent[start : start + _MARK_BYTES] for start in range(0, len(sent), _MARK_BYTES)}
