"""The rules about manifests can fail: each of these faults, one at a time, in what is applied locally, is found."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes_validate import SchemaNotFoundError

from tests.support.manifest_rules import faults
from tests.support.manifests import Manifest, render_overlay
from tests.support.neighbours import NEIGHBOURS
from tests.support.reachability import Network
from tests.support.validity import find_invalid


def _one(rendered: list[Any], kind: str, name: str) -> Any:
    """The one of a name, or of a name with a hash."""
    named = re.compile(rf"{name}(-[a-z0-9]{{10}})?")
    (found,) = [one for one in rendered if one["kind"] == kind and named.fullmatch(one["metadata"]["name"])]
    return found


def _pod(rendered: list[Any], name: str) -> Any:
    return _one(rendered, "StatefulSet" if name in ("redis", "tempo") else "Deployment", name)["spec"]["template"][
        "spec"
    ]


def _container(rendered: list[Any], name: str) -> Any:
    return _pod(rendered, name)["containers"][0]


def _latest(rendered: list[Any]) -> None:
    _container(rendered, "worker")["image"] = "localhost/longspan:latest"


def _untagged(rendered: list[Any]) -> None:
    _container(rendered, "grafana")["image"] = "docker.io/grafana/grafana"


def _unregistered(rendered: list[Any]) -> None:
    _container(rendered, "tempo")["image"] = "grafana/tempo:3.0.3"


def _no_probe(rendered: list[Any]) -> None:
    del _container(rendered, "api")["readinessProbe"]


def _probe_elsewhere(rendered: list[Any]) -> None:
    _container(rendered, "worker")["livenessProbe"]["httpGet"]["port"] = "http"


def _no_limit(rendered: list[Any]) -> None:
    del _container(rendered, "tempo")["resources"]["limits"]["memory"]


def _no_requests(rendered: list[Any]) -> None:
    del _container(rendered, "simulator")["resources"]


def _escalation(rendered: list[Any]) -> None:
    del _container(rendered, "redis")["securityContext"]["allowPrivilegeEscalation"]


def _writable(rendered: list[Any]) -> None:
    _container(rendered, "prometheus")["securityContext"]["readOnlyRootFilesystem"] = False


def _root(rendered: list[Any]) -> None:
    _pod(rendered, "worker")["securityContext"]["runAsUser"] = 0


def _no_profile(rendered: list[Any]) -> None:
    del _pod(rendered, "api")["securityContext"]["seccompProfile"]


def _token(rendered: list[Any]) -> None:
    del _pod(rendered, "worker")["automountServiceAccountToken"]


def _unknown_setting(rendered: list[Any]) -> None:
    _one(rendered, "ConfigMap", "settings")["data"]["LONGSPAN_PARTITION"] = "16"


def _foreign_setting(rendered: list[Any]) -> None:
    _one(rendered, "ConfigMap", "settings")["data"]["LONSPAN_PREFIX"] = "acme"


def _wrong_setting(rendered: list[Any]) -> None:
    _one(rendered, "ConfigMap", "settings")["data"]["LONGSPAN_PARTITIONS"] = "many"


def _no_file(rendered: list[Any]) -> None:
    mounts = _container(rendered, "worker")["volumeMounts"]
    mounts[:] = [mount for mount in mounts if mount["name"] != "redis-password"]


def _nobody_behind(rendered: list[Any]) -> None:
    _one(rendered, "Service", "simulator")["spec"]["selector"]["app.kubernetes.io/component"] = "simulation"


def _no_such_port(rendered: list[Any]) -> None:
    _one(rendered, "Service", "tempo")["spec"]["ports"][0]["targetPort"] = "otlp"


def _no_such_map(rendered: list[Any]) -> None:
    rendered.remove(_one(rendered, "ConfigMap", "machines"))


def _no_account(rendered: list[Any]) -> None:
    rendered.remove(_one(rendered, "ServiceAccount", "redis"))


def _secret_data(rendered: list[Any]) -> None:
    _one(rendered, "Secret", "redis-passwords")["data"]["worker"] = "aHVudGVyMg=="


def _secret_elsewhere(rendered: list[Any]) -> None:
    _one(rendered, "ConfigMap", "grafana-settings")["data"]["GF_SECURITY_ADMIN_PASSWORD"] = "hunter2"


FAULTS: dict[Callable[[list[Any]], None], str] = {
    _latest: "worker: image localhost/longspan:latest",
    _untagged: "grafana: image docker.io/grafana/grafana",
    _unregistered: "tempo: image grafana/tempo:3.0.3",
    _no_probe: "api: no readinessProbe of api",
    _probe_elsewhere: "worker: livenessProbe at http",
    _no_limit: "tempo: memory of tempo is ",
    _no_requests: "simulator: cpu of simulator is None",
    _escalation: "redis: securityContext of redis",
    _writable: "prometheus: securityContext of prometheus",
    _root: "worker: runAsUser",
    _no_profile: "api: securityContext: seccompProfile",
    _token: "worker: automountServiceAccountToken is None",
    _unknown_setting: "worker: no setting LONGSPAN_PARTITION",
    _foreign_setting: "worker: no setting LONSPAN_PREFIX",
    _wrong_setting: "LONGSPAN_PARTITIONS",
    _no_file: "/run/secrets/redis/worker is not mounted",
    _nobody_behind: "no pod behind Service simulator",
    _no_such_port: "has no port otlp",
    _no_such_map: "worker: no ConfigMap machines-",
    _no_account: "redis: no ServiceAccount redis",
    _secret_data: "worker is somebody's",
    _secret_elsewhere: "GF_SECURITY_ADMIN_PASSWORD looks like a secret",
}


@pytest.mark.parametrize("break_it", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_found(break_it: Callable[[list[Any]], None]) -> None:
    broken: list[Any] = copy.deepcopy(list(render_overlay("local")))
    assert not faults(broken)
    break_it(broken)
    assert [fault for fault in faults(broken) if FAULTS[break_it] in fault]


def _widen(direction: str, name: str, rule: dict[str, Any]) -> Network:
    broken: list[Any] = copy.deepcopy(list(render_overlay("local")))
    policy = _one([one for one in broken if one["metadata"].get("namespace") == "longspan"], "NetworkPolicy", name)
    policy["spec"].setdefault(direction, []).append(rule)
    return Network(broken, others=NEIGHBOURS)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("redis", {"ports": [{"port": 6379}]}),
        ("redis", {"from": [{"podSelector": {}}], "ports": [{"port": 6379}]}),
        ("redis", {"from": [{"namespaceSelector": {}}], "ports": [{"port": 6379}]}),
        ("api", {"from": [{"namespaceSelector": {}}]}),
        (
            "worker",
            {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {}}}], "ports": [{"port": 8081}]},
        ),
    ],
)
def test_a_policy_that_lets_in_more_is_found(name: str, rule: dict[str, Any]) -> None:
    before = Network(render_overlay("local"), others=NEIGHBOURS)
    assert _widen("ingress", name, rule).let_in() > before.let_in()


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"to": [{"namespaceSelector": {}}]},
        {"to": [{"podSelector": {}}], "ports": [{"port": 8080}]},
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]},
    ],
)
def test_a_policy_that_lets_out_more_is_found(rule: dict[str, Any]) -> None:
    before, after = Network(render_overlay("local"), others=NEIGHBOURS), _widen("egress", "worker", rule)
    assert _all_out(after) != _all_out(before)


def _all_out(network: Network) -> list[Any]:
    outward = [(pod.name, sorted(network.outward(pod)), network.metadata(pod)) for pod in network.pods]
    return [network.let_out(), network.flows(), outward]


@pytest.mark.parametrize(
    "wrong",
    [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": [{"port": 80}]}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "a"}, "spec": {"maxAway": 1}},
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "api"},
            "spec": {"hostname": "a.example"},
        },
    ],
    ids=lambda wrong: str(wrong["kind"]),
)
def test_a_field_that_there_is_not_is_found(wrong: Manifest) -> None:
    assert find_invalid(wrong)


def test_a_kind_that_nobody_knows_is_found() -> None:
    with pytest.raises(SchemaNotFoundError):
        find_invalid({"apiVersion": "example.com/v1", "kind": "Longspan", "metadata": {"name": "a"}})
