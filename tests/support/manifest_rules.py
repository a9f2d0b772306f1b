"""What rendered manifests promise: each rule tells the faults that it finds, in words."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from longspan.command import VERBS
from tests.support.manifest_references import dangling
from tests.support.manifest_settings import unknown
from tests.support.manifests import Manifest, Pod, of_kind, pods

# With its registry, since not every cluster looks for it in the same one, and with its version.
PINNED = re.compile(
    r"(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)/.+(?::v?\d+\.\d+\.\d+(?:-[a-z0-9.-]+)?|@sha256:[0-9a-f]{64})"
)
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
HARDENED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_SECRET = re.compile(r"lsp_\w{20}|-----BEGIN|(?i:password|secret|token)[A-Z_]*=(?!true\b)[^/$\s]")
# What overlays/local has: words that say so, tokens of many zeros, and the hashes of these.
_NO_SECRET = re.compile(r"local-|lsp_0{30}|#|\w+ [\w+]+ local sha256:")
_UNITS = {"m": 1e-3, "": 1.0, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def amount(text: Any) -> float:
    """Cores, or bytes."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()  # type: ignore[union-attr]  # or it fails
    return float(number) * _UNITS[unit]


def faults(rendered: Sequence[Manifest]) -> list[str]:
    """All that is wrong with what is applied together."""
    return [
        fault
        for rule in (_unrestricted, _unpinned, _unlimited, _unprobed, _secret, _ambiguous, dangling, unknown)
        for fault in rule(rendered)
    ]


def _unrestricted(rendered: Sequence[Manifest]) -> Iterator[str]:
    """Pods that are not as the profile `restricted` wants them, and stricter."""
    for pod in pods(rendered):
        spec, security = pod.spec, pod.spec.get("securityContext", {})
        yield from _differ(f"{pod.name}: securityContext", security, {"runAsNonRoot": True})
        yield from _differ(f"{pod.name}: securityContext", security, {"seccompProfile": {"type": "RuntimeDefault"}})
        if not security.get("runAsUser"):
            yield f"{pod.name}: runAsUser is root, or nobody"
        wanted = {"automountServiceAccountToken": False, "enableServiceLinks": False, "serviceAccountName": pod.name}
        yield from _differ(pod.name, spec, wanted)
        if spec.get("terminationGracePeriodSeconds", 0) < 10:
            yield f"{pod.name}: no time to end"
        yield from (f"{pod.name}: {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if key in spec)
        yield from (f"{pod.name}: hostPath" for volume in spec.get("volumes", []) if "hostPath" in volume)
        for container in pod.containers:
            if container.get("securityContext") != HARDENED:
                yield f"{pod.name}: securityContext of {container['name']}"
    for account in of_kind(rendered, "ServiceAccount"):
        yield from _differ(account["metadata"]["name"], account, {"automountServiceAccountToken": False})


def _unpinned(rendered: Sequence[Manifest]) -> Iterator[str]:
    """Images without a version, and verbs of Longspan's that there are not."""
    for pod, container in _containers(rendered):
        if not PINNED.fullmatch(container["image"]):
            yield f"{pod.name}: image {container['image']}"
        if "/longspan:" in container["image"] and container["args"][0] not in VERBS:
            yield f"{pod.name}: no verb {container['args'][0]}"


def _unlimited(rendered: Sequence[Manifest]) -> Iterator[str]:
    """Containers without requests and limits."""
    for pod, container in _containers(rendered):
        resources = container.get("resources", {})
        for what in ("cpu", "memory"):
            asked, limit = (resources.get(side, {}).get(what) for side in ("requests", "limits"))
            if asked is None or limit is None or amount(asked) > amount(limit):
                yield f"{pod.name}: {what} of {container['name']} is {asked}, at most {limit}"


def _unprobed(rendered: Sequence[Manifest]) -> Iterator[str]:
    """Containers that listen without being asked how they are, or are asked at a port that they have not."""
    for pod, container in _containers(rendered):
        named = {port["name"] for port in container.get("ports", [])}
        for probe in PROBES if named else ():
            ways = container.get(probe, {})
            if not {"httpGet", "tcpSocket", "exec"} & ways.keys():
                yield f"{pod.name}: no {probe} of {container['name']}"
            yield from (
                f"{pod.name}: {probe} at {ways[way]['port']}"
                for way in ("httpGet", "tcpSocket")
                if way in ways and ways[way]["port"] not in named
            )


def _secret(rendered: Sequence[Manifest]) -> Iterator[str]:
    """Secrets with data, but for what overlays/local says to everybody, and what looks like one elsewhere."""
    for one in of_kind(rendered, "Secret"):
        for key, text in (one.get("data") or {}).items():
            lines = base64.b64decode(text).decode().splitlines()
            if not all(_NO_SECRET.match(line) for line in lines):
                yield f"Secret {one['metadata']['name']}: {key} is somebody's"
    for one in of_kind(rendered, "ConfigMap"):
        for key, text in (one.get("data") or {}).items():
            if _SECRET.search(f"{key}={text}"):
                yield f"ConfigMap {one['metadata']['name']}: {key} looks like a secret"


def _ambiguous(rendered: Sequence[Manifest]) -> Iterator[str]:
    """A Grafana for everybody and for those who sign in."""
    for one in of_kind(rendered, "ConfigMap"):
        ways = [
            key for key in ("ANONYMOUS", "AZUREAD") if (one.get("data") or {}).get(f"GF_AUTH_{key}_ENABLED") == "true"
        ]
        if len(ways) > 1:
            yield f"ConfigMap {one['metadata']['name']}: {' and '.join(ways)}"


def _containers(rendered: Sequence[Manifest]) -> Iterator[tuple[Pod, dict[str, Any]]]:
    return ((pod, container) for pod in pods(rendered) for container in pod.containers)


def _differ(what: str, given: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{what}: {key} is {given.get(key)}" for key in wanted if given.get(key) != wanted[key])
