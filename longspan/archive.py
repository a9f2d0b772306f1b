"""The archive as files: one a batch, named so that a workflow is found without reading all, and doubles are dropped.

`<archive>/<prefix>/<date>/<partition>-of-<partitions>.<from>-<to>.<digest>.jsonl.gz`: recorded lines (docs/testing.md)
of runs that were delivered from one instant to the other (ms since the epoch), on the date of the first (UTC).
"""

import errno
import gzip
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from streams.archiving import EndedRun

SUFFIX = ".jsonl.gz"
_PART = ".part"  # of a file that is being written, or was when its writer ended
_STALE_SECONDS = 86_400
_NAME = re.compile(r"(\d{4})-of-(\d{4})\.(\d+)-(\d+)\.([0-9a-f]{16})\.jsonl\.gz")
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EISDIR)  # shares that cannot sync a directory


class ArchiveFile(NamedTuple):
    """A file of an archive, and what its name says."""

    partitions: int
    partition: int
    from_ms: int
    to_ms: int
    path: Path


class ArchiveMissingError(OSError):
    """The archive's directory is not there: a share that is not mounted is no reason to write somewhere else."""


class ArchiveFiles:
    """Writes batches under a directory, which must be there. Any number of processes may write to one."""

    def __init__(self, directory: Path, prefix: str, partitions: int) -> None:
        self._directory = directory
        self._root = archive_root(directory, prefix)
        self._partitions = partitions

    def keep(self, partition: int, runs: "Iterator[EndedRun]") -> None:
        """Write runs to a new file that is there as a whole or not at all, and durable. Raises OSError."""
        from machines.recording import write_run

        if not self._directory.is_dir():
            raise ArchiveMissingError(errno.ENOENT, "there is no such directory", str(self._directory))
        self._make(self._root)
        part = self._root / f"{uuid.uuid4().hex}{_PART}"
        digest, from_ms, to_ms = blake2b(digest_size=8), 0, 0
        try:
            with part.open("wb") as raw:
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed:
                    for run in runs:
                        from_ms, to_ms = from_ms or run.delivered_ms, run.delivered_ms
                        for line in write_run(run.header, run.records):
                            packed.write(line)
                            digest.update(line)
                raw.flush()
                os.fsync(raw.fileno())
            day = self._root / f"{datetime.fromtimestamp(from_ms / 1_000, UTC):%Y-%m-%d}"
            self._make(day)
            name = f"{partition:04d}-of-{self._partitions:04d}.{from_ms}-{to_ms}.{digest.hexdigest()}{SUFFIX}"
            part.replace(day / name)
            _sync(day)
        finally:
            part.unlink(missing_ok=True)
        self._sweep(day / name)

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)

    def _sweep(self, newest: Path) -> None:
        """Delete what writers left that ended in the middle, long before the newest file."""
        now = newest.stat().st_mtime
        for part in self._root.glob(f"*{_PART}"):
            with suppress(FileNotFoundError):
                if now - part.stat().st_mtime > _STALE_SECONDS:
                    part.unlink()


def archive_root(directory: Path, prefix: str) -> Path:
    """Where the files of one prefix are."""
    return directory / quote(prefix, safe="")


def list_files(root: Path) -> list[ArchiveFile]:
    """The files under a directory, by partition and instant."""
    found = []
    for path in root.rglob(f"*{SUFFIX}"):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            partition, partitions, from_ms, to_ms = map(int, match.groups()[:4])
            found.append(ArchiveFile(partitions, partition, from_ms, to_ms, path))
    return sorted(found)


def _sync(folder: Path) -> None:
    """Make the names in a directory durable, where its file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno in _NO_SYNC:
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)
