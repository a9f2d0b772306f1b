"""What the manifests promise beyond any one object: few resources, one version, users of Redis, files that are used."""

import re

import yaml

from scripts.map import ROOT
from tests.repo.test_documents import VERSION
from tests.support.acl import rules
from tests.support.component_sets import rendered_sets
from tests.support.manifest_rules import amount
from tests.support.manifests import KUSTOMIZE, OVERLAYS, of_kind, pods, render_overlay


def test_secrets_come_with_the_local_overlay_alone_and_are_none() -> None:
    for name in OVERLAYS:
        assert bool(of_kind(render_overlay(name), "Secret")) == name.startswith("local"), name
    for one, rendered in rendered_sets().items():
        assert one.on.startswith("overlays/local") or not of_kind(rendered, "Secret"), one
    files = [path for path in (KUSTOMIZE / "overlays" / "local").rglob("*") if path.name in ("passwords.env", "tokens")]
    values = [line.partition("=")[2] for path in files for line in path.read_text().splitlines() if "=" in line]
    assert values
    assert not [value for value in values if not re.match(r"local-|lsp_0{30}", value)], "something real"


def test_the_local_stack_asks_for_less_than_one_and_a_half_gibibytes_and_a_core() -> None:
    requests: dict[str, float] = {"cpu": 0.0, "memory": 0.0}
    for pod in pods(render_overlay("local")):
        for container in pod.containers:
            for what, asked in container["resources"]["requests"].items():
                requests[what] += pod.replicas * amount(asked)
    assert requests["memory"] < 1.5 * 2**30, requests
    assert requests["cpu"] < 1.0, requests


def test_the_image_has_the_version_of_the_project_everywhere() -> None:
    everything = [*rendered_sets().values(), *map(render_overlay, OVERLAYS)]
    images = {container["image"] for one in everything for pod in pods(one) for container in pod.containers}
    ours = {image for image in images if image.rpartition(":")[0].endswith("/longspan")}
    assert len(ours) > 1, "of the registry too"
    assert {image.rpartition(":")[2] for image in ours} == {VERSION}


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
    assert given.startswith("user default off ~* &* +@all\n")


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
