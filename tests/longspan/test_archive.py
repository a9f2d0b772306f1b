"""The archive's files: whole or not there, each run read once, and one workflow found without reading all."""

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from longspan.archive import ArchiveFiles, ArchiveMissingError, list_files
from longspan.archive_reading import ArchivedRun, Damage, read_archive
from longspan.errors import NotFoundError
from machines.journal import Record
from streams.archiving import EndedRun
from streams.keys import partition_of
from tests.spans.journals import header, record

DAY_MS = 86_400_000
NOON_MS = 1_795_348_800_000  # 2026-11-22T12:00:00Z
RECORDS = [record("placed", "+a", at=0), record("ended", "-a", "*completed", at=2, outcome="ok")]


def ended(workflow_id: str, at_ms: int, records: Sequence[Record] = RECORDS) -> EndedRun:
    named = [_of(workflow_id, each) for each in records]
    return EndedRun(workflow_id, at_ms, header(), iter(named))


def _of(workflow_id: str, each: Record) -> Record:
    import msgspec

    return msgspec.structs.replace(each, event=msgspec.structs.replace(each.event, subject=workflow_id))


def read(directory: Path, *ids: str) -> list[tuple[str, int]]:
    return [
        (found.run.workflow_id, len(found.run.records))
        for found in read_archive(directory, "longspan", ids)
        if isinstance(found, ArchivedRun)
    ]


def test_runs_are_read_as_they_were_written_and_lie_by_date(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path, "longspan", 4)
    files.keep(3, iter([ended("o-1", NOON_MS), ended("o-2", NOON_MS + 5)]))
    files.keep(3, iter([ended("o-3", NOON_MS + DAY_MS)]))
    assert read(tmp_path) == [("o-1", 2), ("o-2", 2), ("o-3", 2)]
    names = [file.path.relative_to(tmp_path).as_posix().rpartition(".jsonl")[0][:-17] for file in list_files(tmp_path)]
    assert names == [
        f"longspan/2026-11-22/0003-of-0004.{NOON_MS}-{NOON_MS + 5}",
        f"longspan/2026-11-23/0003-of-0004.{NOON_MS + DAY_MS}-{NOON_MS + DAY_MS}",
    ]
    (found, *_) = read_archive(tmp_path, "longspan", ["o-1"] if partition_of("o-1", 4) == 3 else [])
    assert isinstance(found, ArchivedRun)
    assert found.run.records == [_of("o-1", each) for each in RECORDS]


def test_a_run_that_was_written_twice_is_read_once_and_the_longer_one_counts(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path, "longspan", 4)
    late = record("again", at=3, result="late", reason="the run had ended with ok")
    files.keep(3, iter([ended("o-1", NOON_MS), ended("o-2", NOON_MS + 5)]))
    files.keep(3, iter([ended("o-1", NOON_MS), ended("o-2", NOON_MS + 5)]))
    assert len(list_files(tmp_path)) == 1, "the same runs make the same file"
    files.keep(3, iter([ended("o-2", NOON_MS + 5, [*RECORDS, late]), ended("o-4", NOON_MS + 9)]))
    files.keep(2, iter([ended("o-9", NOON_MS)]))
    assert sorted(read(tmp_path)) == [("o-1", 2), ("o-2", 3), ("o-4", 2), ("o-9", 2)]


def test_only_the_files_of_its_partition_are_read_for_a_workflow(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path, "longspan", 4)
    own = partition_of("o-1", 4)
    files.keep(own, iter([ended("o-1", NOON_MS)]))
    files.keep((own + 1) % 4, iter([ended("o-0", NOON_MS)]))
    for file in list_files(tmp_path):
        if file.partition != own:
            file.path.write_bytes(b"not read")
    assert read(tmp_path, "o-1") == [("o-1", 2)]


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> Iterator[EndedRun]:
        yield ended("o-1", NOON_MS)
        raise OSError("the share went away")

    with pytest.raises(OSError, match="the share"):
        ArchiveFiles(tmp_path, "longspan", 4).keep(0, breaking())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ArchiveMissingError, match="there is no such directory"):
        ArchiveFiles(tmp_path / "unmounted", "longspan", 4).keep(0, iter([ended("o-1", NOON_MS)]))
    assert not (tmp_path / "unmounted").exists()
    with pytest.raises(NotFoundError, match="archive"):
        list(read_archive(tmp_path, "longspan"))


def test_a_file_that_is_cut_says_so_and_the_others_are_read(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path, "longspan", 4)
    files.keep(1, iter([ended("o-1", NOON_MS)]))
    files.keep(2, iter([ended("o-2", NOON_MS)]))
    first = list_files(tmp_path)[0].path
    first.write_bytes(first.read_bytes()[:-12])
    found = list(read_archive(tmp_path, "longspan"))
    assert [one.file.path for one in found if isinstance(one, Damage)][:1] == [first]
    assert ("o-2", 2) in read(tmp_path)
    assert gzip.decompress(list_files(tmp_path)[1].path.read_bytes()).count(b"\n") == 2
