"""What the manifests promise: pinned images, probes, limits, the restricted profile, no secrets, no loose ends."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from longspan.command import VERBS
from scripts.map import ROOT
from tests.repo.test_documents import VERSION
from tests.support.acl import rules
from tests.support.manifests import COMPONENTS, KUSTOMIZE, OVERLAYS, Manifest, Pod, of_kind, pods
from tests.support.manifests import render_components as components
from tests.support.manifests import render_overlay as overlay

PINNED = re.compile(r".+(?::v?\d+\.\d+\.\d+(?:-[a-z0-9.-]+)?|@sha256:[0-9a-f]{64})")
RENDERED = {f"overlays/{name}": overlay(name) for name in OVERLAYS} | {
    f"components/{name}": components(name) for name in COMPONENTS
}
UNITS = {"m": 1e-3, "": 1.0, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def _amount(text: Any) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()  # type: ignore[union-attr]  # or it fails
    return float(number) * UNITS[unit]


def _all_pods() -> dict[str, Pod]:
    found = {f"{place} {pod.name}": pod for place, rendered in RENDERED.items() for pod in pods(rendered)}
    assert len(found) > len(OVERLAYS)
    return found


PODS = _all_pods()


@pytest.mark.parametrize("pod", PODS.values(), ids=list(PODS))
def test_a_pod_is_as_the_restricted_profile_wants_it_and_stricter(pod: Pod) -> None:
    spec, security = pod.spec, pod.spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["serviceAccountName"] == pod.name
    assert spec["terminationGracePeriodSeconds"] >= 10
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert not [volume for volume in spec.get("volumes", []) if "hostPath" in volume]
    for container in pod.containers:
        assert PINNED.fullmatch(container["image"]), container["image"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        resources = container["resources"]
        for side in ("requests", "limits"):
            assert resources[side].keys() == {"cpu", "memory"}, container["name"]
        for what in ("cpu", "memory"):
            assert _amount(resources["requests"][what]) <= _amount(resources["limits"][what])
        if container.get("ports"):
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), container["name"]
        named = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            ways = container.get(probe, {})
            for way in ("httpGet", "tcpSocket"):
                assert way not in ways or ways[way]["port"] in named


@pytest.mark.parametrize("place", RENDERED)
def test_nothing_dangles(place: str) -> None:
    rendered = RENDERED[place]
    here = list(pods(rendered))
    ports = {
        (manifest["metadata"]["name"], port["port"])
        for manifest in of_kind(rendered, "Service")
        for port in manifest["spec"]["ports"]
    }
    for service in of_kind(rendered, "Service"):
        behind = _selected(service["spec"]["selector"], service, here)
        assert behind, f"no pod behind {service['metadata']['name']}"
        for port in service["spec"]["ports"]:
            for pod in behind:
                names = {one["name"] for container in pod.containers for one in container.get("ports", [])}
                assert port["targetPort"] in names, f"{service['metadata']['name']} {port['name']}"
    for budget in of_kind(rendered, "PodDisruptionBudget"):
        assert _selected(budget["spec"]["selector"]["matchLabels"], budget, here)
        assert budget["spec"]["maxUnavailable"] == 1
    for route in of_kind(rendered, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            assert {(one["name"], one["port"]) for one in rule["backendRefs"]} <= ports
    accounts = {manifest["metadata"]["name"] for manifest in of_kind(rendered, "ServiceAccount")}
    assert {pod.spec["serviceAccountName"] for pod in here} <= accounts
    assert all(one["automountServiceAccountToken"] is False for one in of_kind(rendered, "ServiceAccount"))
    configured = {manifest["metadata"]["name"] for manifest in of_kind(rendered, "ConfigMap")}
    for pod in here:
        named = {volume["configMap"]["name"] for volume in pod.spec.get("volumes", []) if "configMap" in volume}
        for container in pod.containers:
            named |= {one["configMapRef"]["name"] for one in container.get("envFrom", []) if "configMapRef" in one}
        assert named <= configured, pod.name


def test_secrets_come_with_the_local_overlay_alone_and_are_none() -> None:
    for place, rendered in RENDERED.items():
        secrets = of_kind(rendered, "Secret")
        assert not secrets or place.startswith("overlays/local"), place
    files = [path for path in (KUSTOMIZE / "overlays" / "local").rglob("*") if path.name in ("passwords.env", "tokens")]
    values = [line.partition("=")[2] for path in files for line in path.read_text().splitlines() if "=" in line]
    assert values
    assert not [value for value in values if not re.match(r"local-|lsp_0{30}", value)], "something real"


def test_the_local_stack_asks_for_less_than_one_and_a_half_gibibytes_and_a_core() -> None:
    requests: dict[str, float] = {"cpu": 0.0, "memory": 0.0}
    for pod in pods(RENDERED["overlays/local"]):
        for container in pod.containers:
            for what, amount in container["resources"]["requests"].items():
                requests[what] += pod.replicas * _amount(amount)
    assert requests["memory"] < 1.5 * 2**30, requests
    assert requests["cpu"] < 1.0, requests


def test_the_image_has_the_version_of_the_project_everywhere() -> None:
    images = {container["image"] for pod in PODS.values() for container in pod.containers}
    ours = {image for image in images if image.rpartition(":")[0].endswith("/longspan")}
    assert {image.rpartition(":")[2] for image in ours} == {VERSION}


def test_pods_of_longspan_run_verbs_that_there_are() -> None:
    for pod in PODS.values():
        for container in pod.containers:
            if "/longspan:" in container["image"]:
                assert container["args"][0] in VERBS


def test_the_users_of_redis_are_those_of_the_documentation() -> None:
    given = (KUSTOMIZE / "components" / "redis" / "users.acl").read_text()
    for role, wanted in rules().items():
        (line,) = [line for line in given.splitlines() if line.startswith(f"user longspan-{role} on ")]
        extra = set(line.split()[3:]) - set(wanted)
        may = {"+client|setinfo"} | (
            {"+xdel", "~longspan:{*}:dead", "~longspan:{*}:events"} if role == "api" else set()
        )
        assert set(wanted) <= set(line.split()), role
        assert extra <= may, role
    assert given.startswith("user default off\n")


def test_no_overlay_takes_away_what_something_else_added() -> None:
    for path in (KUSTOMIZE).rglob("*.yaml"):
        text = path.read_text()
        assert "$patch: delete" not in text, path
        assert not re.search(r"op: (remove|replace)", text), path


def test_names_of_files_and_the_dashboards_are_in_what_generates_them() -> None:
    for file in KUSTOMIZE.rglob("kustomization.yaml"):
        plain = yaml.safe_load(file.read_text())
        listed = yaml.safe_dump(plain)
        for path in file.parent.glob("*"):
            if path.is_file() and path.name not in ("kustomization.yaml", "README.md", "alerts.bicep"):
                assert path.name in listed, f"{path.relative_to(ROOT)} is in no kustomization"


def _selected(selector: Mapping[str, str], manifest: Manifest, here: Sequence[Pod]) -> list[Pod]:
    namespace = manifest["metadata"].get("namespace", "")
    return [pod for pod in here if pod.namespace == namespace and selector.items() <= pod.labels.items()]
