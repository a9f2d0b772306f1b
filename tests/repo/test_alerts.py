"""Alerts: each fires when it should, is silent otherwise, is explained, and is the same wherever it is used."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.map import ROOT
from tests.support.monitored import COMPONENTS, RULES, alerts, rule_file

UNIT_TESTS = sorted((ROOT / "tests" / "repo" / "alerts").glob("*.yaml"))
EVENTS = UNIT_TESTS[0].with_name("events.yaml")
MONITORS = ("api-podmonitor.yaml", "tempo-servicemonitor.yaml", "worker-podmonitor.yaml")
LIMITS = {"labelLimit": 63, "labelNameLengthLimit": 511, "labelValueLengthLimit": 1023}
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool on the PATH (Debian's package prometheus)"
)


def _promtool(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


@needs_promtool
def test_promtool_finds_nothing_amiss_in_the_rules(tmp_path: Path) -> None:
    for path in RULES:
        checked = _promtool(tmp_path, "check", "rules", "--lint-fatal", rule_file(path, tmp_path))
        assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_every_alert_fires_when_it_should_and_is_silent_otherwise(tmp_path: Path) -> None:
    for path in RULES:
        rule_file(path, tmp_path)
    for path in UNIT_TESTS:
        shutil.copy(path, tmp_path)
    tested = _promtool(tmp_path, "test", "rules", *(path.name for path in UNIT_TESTS))
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
def test_the_unit_tests_notice_another_threshold(tmp_path: Path) -> None:
    shutil.copy(EVENTS, tmp_path)
    changed = rule_file(RULES[0], tmp_path)
    changed.write_text(changed.read_text().replace("> 60", "> 600"))
    tested = _promtool(tmp_path, "test", "rules", EVENTS.name)
    assert tested.returncode == 1
    assert "LongspanLag" in tested.stderr


def test_every_alert_has_a_unit_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    checks = [
        check
        for path in UNIT_TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for check in test["alert_rule_test"]
    ]
    names = {rule["alert"] for rule in alerts()}
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == names
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == names


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert re.fullmatch(r"\d+m", rule["for"]), "Azure takes it as ISO 8601: alerts.bicep knows minutes only"
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_the_runbook_has_a_section_for_each_alert_and_for_no_other() -> None:
    told = re.findall(r"^### ((?:Longspan|Tempo)[A-Z]\w+)\n\n(.+)", OPERATIONS, re.MULTILINE)
    assert [name for name, _ in told] == [rule["alert"] for rule in alerts()]
    assert all(text[0] not in "#|" for _, text in told)


@pytest.mark.parametrize("name", MONITORS)
def test_the_monitors_of_azure_are_those_of_the_operator_in_another_group(name: str) -> None:
    ours, azures = (
        yaml.safe_load((COMPONENTS / f"monitoring-{kind}" / name).read_text()) for kind in ("operator", "azure")
    )
    assert (ours["apiVersion"], azures["apiVersion"]) == ("monitoring.coreos.com/v1", "azmonitoring.coreos.com/v1")
    assert azures["spec"] == ours["spec"] | LIMITS
    assert azures["metadata"] == ours["metadata"]


def test_azure_gets_every_rule_and_knows_every_severity() -> None:
    bicep = (COMPONENTS / "monitoring-azure" / "alerts.bicep").read_text()
    loaded = re.findall(r"loadYamlContent\('\.\./monitoring-operator/([\w.-]+)'\)", bicep)
    assert sorted(loaded) == [path.name for path in RULES]
    severities = re.search(r"var severities = \{(.*)\}", bicep)
    assert severities
    assert set(re.findall(r"(\w+):", severities[1])) == {rule["labels"]["severity"] for rule in alerts()}
