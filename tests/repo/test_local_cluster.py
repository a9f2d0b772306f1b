"""`scripts/k8s` without a cluster: each program it calls writes down how; kubectl is real where it needs no server."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from scripts.map import ROOT
from tests.support.manifests import KUBECTL

# What a cluster and a builder of images would do is written down, one call a line.
_STAND_IN = f"""#!/bin/sh
name=$(basename "$0")
[ "$1" != config ] || exec {KUBECTL} "$@"
echo "$name $*" >>"$CALLS"
for last; do [ "$last" != "${{FAILS-}}" ] || exit 3; done
case "$name $*" in
  "docker save --output "*) echo image >"$3" ;;
  "kind load image-archive "* | "k3s ctr images import "*) grep -q image "$last" ;;
  *" port-forward "*) exit 1 ;;
  *" get deployment --output"*) [ "${{FRESH-}}" ] || echo deployment.apps/some ;;
  *" get deployment,statefulset "*) echo deployment.apps/some ;;
esac
"""
_CONFIG = """
apiVersion: v1
kind: Config
contexts:
  - {name: kind-here, context: {cluster: c, user: u}}
  - {name: production, context: {cluster: c, user: u}}
current-context: %s
"""


class Cluster(NamedTuple):
    """A folder with stand-ins, and what kubectl is configured with."""

    folder: Path

    def point_to(self, context: str) -> None:
        """Makes it the one that kubectl points to."""
        (self.folder / "config").write_text(_CONFIG % context)

    def run(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """`scripts/k8s` with these words, to its end."""
        given = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "KUBECONFIG": str(self.folder / "config"),
            "CALLS": str(self.folder / "calls"),
            "CONTEXT": "",
        }
        return subprocess.run(
            [ROOT / "scripts" / "k8s", *words],
            env=os.environ | given | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        """What was called, in order."""
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    for name in ("kubectl", "docker", "kind", "k3s"):
        (tmp_path / name).write_text(_STAND_IN)
        (tmp_path / name).chmod(0o755)
    made = Cluster(tmp_path)
    made.point_to("kind-here")
    return made


def _asked_of(context: str, *words: str) -> str:
    return " ".join(("kubectl", "--context", context, *words))


_APPLIED = (
    "apply --server-side --kustomize k8s/kustomize/overlays/local",
    "--namespace longspan rollout restart deployment.apps/some",
    "--namespace longspan get deployment,statefulset --output name",
    "--namespace longspan rollout status deployment.apps/some --timeout 5m",
    "--namespace longspan-monitoring get deployment,statefulset --output name",
    "--namespace longspan-monitoring rollout status deployment.apps/some --timeout 5m",
)


def test_up_builds_loads_applies_waits_and_forwards(cluster: Cluster) -> None:
    done = cluster.run("up", "--base", "our/python:3.13")
    assert done.returncode == 0, done.stderr
    calls = [call for call in cluster.calls if call != "docker info"]
    assert calls[0] == _asked_of("kind-here", "--namespace longspan get deployment --output name")
    assert calls[1].startswith("docker buildx build --load")
    assert "--build-arg BASE=our/python:3.13" in calls[1]
    assert calls[2].startswith("docker save --output")
    assert calls[3].startswith("kind load image-archive --name here /")
    assert calls[4:] == [_asked_of("kind-here", words) for words in _APPLIED] + calls[-4:]
    assert {call for call in calls[-4:] if "port-forward" in call} == {
        _asked_of("kind-here", "--namespace longspan port-forward service/api 8080:8080"),
        _asked_of("kind-here", "--namespace longspan-monitoring port-forward service/grafana 3000:3000"),
    }
    assert "http://localhost:8080" in done.stderr


def test_what_has_just_been_made_is_not_started_twice(cluster: Cluster) -> None:
    assert cluster.run("up", FRESH="yes").returncode == 0
    assert not [call for call in cluster.calls if "restart" in call]


@pytest.mark.parametrize("step", ["buildx", "image-archive", "apply", "status"])
def test_up_ends_where_a_step_fails(cluster: Cluster, step: str) -> None:
    done = cluster.run("up", FAILS=step)
    assert done.returncode != 0
    assert step in cluster.calls[-1].split()


@pytest.mark.parametrize("verb", ["up", "open", "status", "load", "down"])
def test_a_cluster_that_is_not_known_to_be_local_is_left_alone(cluster: Cluster, verb: str) -> None:
    cluster.point_to("production")
    done = cluster.run(verb)
    assert (done.returncode, cluster.calls) == (1, [])
    assert "kubectl points to production" in done.stderr


def test_another_local_cluster_is_named_with_how_an_image_comes_into_it(cluster: Cluster) -> None:
    cluster.point_to("production")
    assert cluster.run("up", CONTEXT="default").returncode == 1
    assert "--with" in cluster.run("up", CONTEXT="default").stderr
    done = cluster.run("up", "--with", "k3s ctr images import", CONTEXT="default")
    assert done.returncode == 0, done.stderr
    assert any(call.startswith("k3s ctr images import /") for call in cluster.calls)
    assert not [call for call in cluster.calls if call.startswith("kubectl") and "--context default" not in call]


def test_load_hands_its_options_to_the_simulator(cluster: Cluster) -> None:
    assert cluster.run("load", "--count", "7").returncode == 0
    assert cluster.calls[-1].endswith("deployment/simulator --container simulator -- longspan simulate load --count 7")


def test_down_removes_both_namespaces(cluster: Cluster) -> None:
    assert cluster.run("down").returncode == 0
    assert cluster.calls == [_asked_of("kind-here", "delete namespace longspan longspan-monitoring --ignore-not-found")]


def test_without_a_context_kubectl_says_what_is_missing(cluster: Cluster) -> None:
    (cluster.folder / "config").write_text("")
    done = cluster.run("status")
    assert (done.returncode, cluster.calls) == (1, [])
    assert "current-context is not set" in done.stderr
