"""What monitoring is made of and what it may name: dashboards and alerts as written, metrics as processes tell them."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from scripts.map import ROOT

COMPONENTS = ROOT / "k8s" / "kustomize" / "components"
DASHBOARDS = COMPONENTS / "grafana" / "dashboards"
RULES = sorted((COMPONENTS / "monitoring-operator").glob("*-prometheusrule.yaml"))
# Of Tempo 3.0.3; counters are not there before what they count has happened for the first time.
TEMPO_METRICS = {
    "tempo_distributor_spans_received_total": set[str](),
    "tempo_discarded_spans_total": {"reason"},
    "tempo_distributor_attributes_truncated_total": set[str](),
    "tempo_warnings_total": {"reason"},
    "tempo_build_info": {"version"},
    "tempodb_compaction_errors_total": set[str](),
}
TARGET_LABELS = {"namespace", "pod", "job", "instance"}  # which whoever scrapes adds

# What names no metric: strings, selectors, ranges, lists of labels, functions, numbers.
_BESIDE = re.compile(
    r'"(?:\\.|[^"\\])*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)|\w+\s*(?=\()|\b\d\w*'
)
_WORDS = {"and", "or", "unless", "bool", "offset", "by", "sum", "min", "max", "avg", "count"}
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")


def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by the name of its file."""
    return {path.name: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def targets(dashboard: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every query of a dashboard, with the kind of its data source: its name, or a variable that stands for one."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["datasource"]["uid"], target


def scaled() -> list[str]:
    """What workers are scaled by."""
    spec = yaml.safe_load((COMPONENTS / "autoscaling" / "worker-scaledobject.yaml").read_text())["spec"]
    return [trigger["metadata"]["query"] for trigger in spec["triggers"]]


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    specs = [yaml.safe_load(path.read_text())["spec"] for path in RULES]
    return [rule for spec in specs for group in spec["groups"] for rule in group["rules"]]


def metrics_of(promql: str) -> set[str]:
    """The metrics that an expression names."""
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", _BESIDE.sub(" ", promql))) - _WORDS


def labels_of(promql: str) -> Iterator[tuple[str, str]]:
    """The labels that an expression selects by, each with its metric."""
    for metric, selector in _SELECTOR.findall(promql):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"(?:\\.|[^"\\])*"', '""', selector)):
            yield metric, label


def grouped_by(promql: str) -> set[str]:
    """The labels that an expression groups or joins by."""
    groups = re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", promql)
    return {label.strip() for group in groups for label in group.split(",")}


def told(*texts: str) -> dict[str, set[str]]:
    """The metrics of scrapes by the name of their samples, with their labels."""
    found: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found[sample.name] |= set(sample.labels)
    return found


def rule_file(path: Path, folder: Path) -> Path:
    """The rules of a PrometheusRule as Prometheus' own tools read them."""
    rules = folder / f"{path.stem}.yaml"
    rules.write_text(yaml.safe_dump(yaml.safe_load(path.read_text())["spec"]))
    return rules
