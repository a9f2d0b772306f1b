"""Who else is in a cluster: pods that are none of ours, by which it shows how wide a network policy is."""

from collections.abc import Mapping

from tests.support.manifests import Pod

PORTS = (22, 53, 80, 443, 3000, 3200, 4180, 4317, 4318, 6379, 8080, 8081, 8090, 9090, 10_000, 15_012, 15_021)


def _pod(name: str, namespace: str, labels: Mapping[str, str] | None = None) -> Pod:
    """One that listens wherever anybody of ours might call."""
    ports = [{"containerPort": port} for port in PORTS]
    return Pod(name, namespace, labels or {}, {"containers": [{"ports": ports}]}, 1)


_GATEWAY = "gateway.networking.k8s.io/gateway-name"
# What the controller of gateways makes of ours.
ENTRANCES = (
    _pod("entrance", "longspan", {_GATEWAY: "longspan"}),
    _pod("grafana-entrance", "longspan-monitoring", {_GATEWAY: "grafana"}),
)
# `lodger` and `observer` are in our own namespaces; `double` calls itself a worker elsewhere.
NEIGHBOURS = (
    _pod("stranger", "elsewhere"),
    _pod("double", "elsewhere", {"app.kubernetes.io/name": "longspan", "app.kubernetes.io/component": "worker"}),
    _pod("lodger", "longspan"),
    _pod("observer", "longspan-monitoring"),
    _pod("names", "kube-system", {"k8s-app": "kube-dns"}),
    _pod("agent", "kube-system"),
    _pod("istiod", "aks-istio-system"),
    _pod("keda", "keda"),
)
