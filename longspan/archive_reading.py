"""Reading an archive: the runs that were written to it, each once, however often they were."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from longspan.archive import ArchiveFile, archive_root, list_files
from longspan.errors import NotFoundError
from longspan.recordings import read_raw_lines

if TYPE_CHECKING:
    from machines.errors import LineError
    from machines.recorded_runs import RecordedRun


class ArchivedRun(NamedTuple):
    """A run as a file of the archive has it."""

    file: ArchiveFile
    run: "RecordedRun"


class Damage(NamedTuple):
    """A line of a file that cannot be used."""

    file: ArchiveFile
    error: "LineError"


def read_archive(directory: Path, prefix: str, workflow_ids: Collection[str] = ()) -> "Iterator[ArchivedRun | Damage]":
    """The runs in an archive, those of a partition in the order in which they were delivered, and what is damaged.

    With `workflow_ids` only theirs: only the files of their partitions are read. Raises NotFoundError where there is
    no archive.
    """
    root = archive_root(directory, prefix)
    files = list_files(root)
    if not files:
        raise NotFoundError("archive", str(root), "no file of one lies there: check the directory and LONGSPAN_PREFIX")
    if workflow_ids:
        files = _narrow(files, workflow_ids)
    for group in _overlapping(files):
        yield from _read_group(group, workflow_ids)


def _narrow(files: Sequence[ArchiveFile], workflow_ids: Collection[str]) -> list[ArchiveFile]:
    from streams.keys import partition_of

    wanted = {
        (partitions, partition_of(name, partitions))
        for partitions in {file.partitions for file in files}
        for name in workflow_ids
    }
    return [file for file in files if (file.partitions, file.partition) in wanted]


def _overlapping(files: Sequence[ArchiveFile]) -> Iterator[list[ArchiveFile]]:
    """Files by themselves; those of which the instants overlap together, since they may hold the same runs: their
    writer ended before it deleted, or a run got another event meanwhile."""
    group: list[ArchiveFile] = []
    until = (0, 0, 0)
    for file in files:
        if group and (file.partitions, file.partition, file.from_ms) > until:
            yield group
            group = []
        until = max(until, (file.partitions, file.partition, file.to_ms)) if group else (*file[:2], file.to_ms)
        group.append(file)
    if group:
        yield group


def _read_group(group: Sequence[ArchiveFile], workflow_ids: Collection[str]) -> "Iterator[ArchivedRun | Damage]":
    longest: dict[tuple[str, int], tuple[int, int]] = {}  # of each run: how many records, and in which file
    if len(group) > 1:
        for number, file in enumerate(group):
            for found in _read(file, workflow_ids):
                if isinstance(found, ArchivedRun):
                    key, records = (found.run.workflow_id, found.run.header.run), len(found.run.records)
                    if key not in longest or records > longest[key][0]:
                        longest[key] = records, number
    for number, file in enumerate(group):
        for found in _read(file, workflow_ids):
            if isinstance(found, ArchivedRun):
                key = found.run.workflow_id, found.run.header.run
                if longest.get(key, (0, number))[1] != number:
                    continue
            yield found


def _read(file: ArchiveFile, workflow_ids: Collection[str]) -> "Iterator[ArchivedRun | Damage]":
    from machines.errors import LineError
    from machines.recorded_runs import read_runs
    from machines.recording import read_lines

    for found in read_runs(read_lines(read_raw_lines(str(file.path)))):
        if isinstance(found, LineError):
            yield Damage(file, found)
        elif not workflow_ids or found.workflow_id in workflow_ids:
            yield ArchivedRun(file, found)
