"""`longspan record`: what is chosen stands in the file, in order, reads back as it was, and tells no secrets."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from longspan.command import main
from machines.recorded_runs import RecordedRun, read_runs
from machines.recording import read_lines
from streams.layout import settle_partitions
from tests.streams.site import PARTITIONS, Site
from tests.support.servers import Server


def event(subject: str, name: str, second: int, **more: str) -> dict[bytes, bytes]:
    fields = {"id": f"{subject}-{second}", "type": f"com.example.job.{name}", "subject": subject}
    fields |= {"time": f"2026-11-22T16:00:{second}Z"} | more
    return {key.encode(): value.encode() for key, value in fields.items()}


@pytest.fixture
def site(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """Three workflows of which one began again and one goes on."""
    site = Site(valkey_server.url, prefix, tmp_path)
    settle_partitions(site.client, site.keys, PARTITIONS)
    worker = site.worker()
    secret = json.dumps({"label": "x", "customer": {"email": "a@example.com", "names": [{"last": "B"}]}})
    site.emit(event("late", "started", 30, data=secret), event("late", "finished", 40))
    site.emit(event("early", "started", 10), event("early", "failed", 20))
    site.emit(event("late", "started", 50), event("late", "paused", 55))
    site.emit(event("open", "started", 45), event("open", "resumed", 46))
    site.settle(worker)
    yield site
    site.close()


@pytest.fixture
def record(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LONGSPAN_REDIS_URL", site.url)
    monkeypatch.setenv("LONGSPAN_PREFIX", site.keys.prefix)

    def run(*arguments: str, status: int = 0) -> Any:
        result = CliRunner().invoke(main, ["record", *arguments], catch_exceptions=False)
        assert result.exit_code == status, result.output
        return result

    return run


def runs_of(content: bytes) -> list[tuple[str, int]]:
    found = list(read_runs(read_lines(content.splitlines(keepends=True))))
    assert all(isinstance(run, RecordedRun) for run in found), found
    return [(run.workflow_id, run.header.run) for run in found if isinstance(run, RecordedRun)]


def test_all_runs_are_recorded_in_the_order_of_their_start(record: Any, site: Site) -> None:
    result = record()
    assert runs_of(result.stdout_bytes) == [("early", 1), ("late", 1), ("open", 1), ("late", 2)]
    assert "4 runs, 8 events recorded" in result.stderr
    (run,) = read_runs(read_lines(record("open").stdout_bytes.splitlines()))
    assert isinstance(run, RecordedRun)
    assert run.records == site.records("open")
    assert [found.result for found in run.records] == ["applied", "rejected"]


def test_filters_and_ids_choose_workflows(record: Any) -> None:
    def chosen(*arguments: str) -> list[tuple[str, int]]:
        return runs_of(record(*arguments).stdout_bytes)

    assert chosen("--status", "error") == chosen("--outcome", "error") == [("early", 1)]
    assert chosen("late", "--run", "2") == [("late", 2)]
    assert chosen("--machine", "other") == []
    moment = "2026-11-22T16:00:45Z"
    assert chosen("--started-before", moment) == [("early", 1)]
    assert chosen("--started-after", moment) == [("late", 1), ("open", 1), ("late", 2)]
    assert "there is no workflow 'nobody'" in record("nobody", status=1).stderr
    record("late", "--machine", "job", status=2)


def test_the_same_is_packed_to_the_same_bytes(record: Any, tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl.gz", tmp_path / "other.jsonl.gz"
    record("--output", str(one))
    record("--output", str(other))
    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()) == record().stdout_bytes
    assert sorted(path.name for path in tmp_path.glob("o*.gz*")) == ["one.jsonl.gz", "other.jsonl.gz"]


def test_what_is_redacted_is_nowhere_in_the_file(record: Any) -> None:
    told = record("late", "--redact", "customer.email", "--redact", "customer.names.last", "--redact", "gone").stdout
    assert "a@example.com" not in told
    data = json.loads(told.splitlines()[0])["data"]
    assert data["customer"] == {"email": "[redacted]", "names": [{"last": "[redacted]"}]}
    assert data["label"] == "x"
