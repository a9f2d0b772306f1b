"""What `longspan poll --try` shows: one answer, and what it would become."""

import json
from pathlib import Path

import pytest

from longspan.errors import UseError
from longspan.polling.permission import Permission, SourceError
from longspan.polling.targets import make_targets
from longspan.polling.trial import show, try_once
from longspan.settings import Settings, read_settings
from machines.catalog import Catalog, load_catalog
from tests.longspan.polling.field import machine, stages
from tests.support.system import System, tells


def _settings(**more: str) -> Settings:
    return read_settings({"LONGSPAN_SOURCE_VARIABLES": "SYSTEM_URL"} | more)


def _load(folder: Path, **more: object) -> Catalog:
    path = folder / "stages.json"
    path.write_text(json.dumps(machine(**more)))
    return load_catalog([str(path)])


def test_one_answer_is_shown_with_the_events_that_it_would_become(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with System() as system:
        system.answers["/workflows/wf-1?tenant=a%26b"] = tells(stages([("load", 1, 3)]))
        monkeypatch.setenv("SYSTEM_URL", system.url)
        catalog = _load(tmp_path, url="${SYSTEM_URL}/workflows/{id}?tenant={attributes.tenant}")
        trial = try_once(_settings(), catalog, None, "wf-1", {"tenant": "a&b"}, None)
        lines = show(trial).splitlines()
        assert lines[0] == f"asked     GET {system.url}/workflows/wf-1?tenant=a%26b"
        assert lines[1].startswith("answered  200 in ")
        assert [line.split()[:3] for line in lines[-2:]] == [
            ["2026-11-22T16:00:01Z", "wf-1", "com.example.stage.load_began"],
            ["2026-11-22T16:00:03Z", "wf-1", "com.example.stage.load_ended"],
        ]
        lacking = try_once(_settings(), catalog, "stages", "wf-1", {}, None)
        assert lacking.reading.trouble is not None
        assert "the URL needs attributes.tenant" in lacking.reading.trouble.detail


def test_an_answer_in_a_file_needs_nobody_who_may_be_asked(tmp_path: Path) -> None:
    saved = tmp_path / "saved.txt"
    saved.write_text('{"stages": [{"name": "load", "began": "soon"}]}')
    told = try_once(_settings(LONGSPAN_SOURCE_VARIABLES=""), _load(tmp_path), None, "wf-1", {}, saved).as_json()
    assert told["asked"] is None
    assert told["events"] == []
    trouble = told["trouble"]
    assert isinstance(trouble, dict)
    assert trouble["kind"] == "schema"
    assert "soon" in trouble["detail"]


def test_what_is_not_there_to_be_tried_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEM_URL", "http://127.0.0.1:9")
    with pytest.raises(UseError, match="the source of stages has no `list`"):
        try_once(_settings(), _load(tmp_path), None, None, {}, None)
    with pytest.raises(UseError, match="no machine 'other' has a source: there are stages"):
        try_once(_settings(), _load(tmp_path), "other", "wf-1", {}, None)


def test_what_may_not_be_asked_or_read_is_told_all_at_once(tmp_path: Path) -> None:
    catalog = _load(
        tmp_path,
        url="http://127.0.0.1:8000/{id}",
        headers={"Authorization": {"file": "/etc/hostname"}, "X-Tenant": {"variable": "HOME"}},
    )
    files = tmp_path / "secrets"
    with pytest.raises(SourceError) as refused:
        make_targets(catalog, Permission((), frozenset(), files, {}))
    document = tmp_path / "stages.json"
    assert refused.value.exit_status == 2
    assert list(refused.value.problems) == [
        f"{document}: source.url: 127.0.0.1:8000 may not be asked: add it to LONGSPAN_SOURCE_HOSTS, or begin the url "
        "with a variable of LONGSPAN_SOURCE_VARIABLES",
        f"{document}: source.headers.Authorization: /etc/hostname does not lie in {files} (LONGSPAN_SOURCE_FILES)",
        f"{document}: source.headers.X-Tenant: the variable HOME may not be read: add it to LONGSPAN_SOURCE_VARIABLES",
    ]
