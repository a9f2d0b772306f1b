"""The settings that processes of rendered manifests start with, and which of them are wrong."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from longspan.endpoint import read_endpoint
from longspan.errors import SettingsError
from longspan.settings import SETTINGS, read_settings
from scripts.map import ROOT
from tests.support.manifests import Manifest, of_kind, pods

_KNOWN = {setting.name for setting in SETTINGS} | set(
    re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
)
_HEALTH = ("0.0.0.0", 8081)  # where probes and Prometheus look


def config_maps(rendered: Sequence[Manifest]) -> dict[str, Mapping[str, str]]:
    """The data of each ConfigMap."""
    return {one["metadata"]["name"]: one.get("data") or {} for one in of_kind(rendered, "ConfigMap")}


def unknown(rendered: Sequence[Manifest]) -> Iterator[str]:
    """Settings that Longspan does not know or cannot read, and files of theirs that are not mounted."""
    maps = config_maps(rendered)
    for pod in pods(rendered):
        for container in pod.containers:
            if "/longspan:" in container["image"]:
                yield from (f"{pod.name}: {fault}" for fault in _wrong(container, maps))


def _wrong(container: Mapping[str, Any], maps: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    given = dict(_given(container, maps))
    used = set(re.findall(r"\$\((\w+)\)", " ".join(given.values())))  # by other variables alone
    asked = set(given.get("LONGSPAN_SOURCE_VARIABLES", "").split(","))
    yield from (f"no setting {name}" for name in sorted(given.keys() - _KNOWN - used - asked))
    try:
        environment = _expand(container, maps)
        settings = read_settings(environment)
        read_endpoint(environment)
    except (SettingsError, LookupError) as error:
        yield str(error)
        return
    if settings.health != _HEALTH:
        yield f"its probes are not answered at {settings.health}"
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    for file in (settings.redis_password_file, settings.archive, settings.api_tokens):
        if isinstance(file, Path) and not mounts & {str(file), *map(str, file.parents)}:
            yield f"{file} is not mounted"


def _given(container: Mapping[str, Any], maps: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """What the container's environment is made of; `secret` for what a Secret has."""
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            yield from maps.get(source["configMapRef"]["name"], {}).items()
    for variable in container.get("env", []):
        yield variable["name"], variable.get("value", "secret")


def _expand(container: Mapping[str, Any], maps: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What the process finds in its environment. Raises LookupError for a variable that is used before it is there."""
    found: dict[str, str] = {}
    for name, value in _given(container, maps):
        found[name] = re.sub(r"\$\((\w+)\)", lambda match: found[match[1]], value)
    return found
