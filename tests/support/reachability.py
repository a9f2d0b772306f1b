"""Who may reach whom, as a network that enforces the NetworkPolicies of rendered manifests would let them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.support.manifests import Manifest, Pod, of_kind, pods

NAME_LABEL = "kubernetes.io/metadata.name"


class Flow(NamedTuple):
    """A port of one workload that another one may open a connection to."""

    source: str
    target: str
    port: int


class Network:
    """All namespaces of some manifests."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self.pods = list(pods(manifests))
        self._policies = of_kind(manifests, "NetworkPolicy")
        self._namespaces = {
            manifest["metadata"]["name"]: {
                NAME_LABEL: manifest["metadata"]["name"],
                **manifest["metadata"].get("labels", {}),
            }
            for manifest in of_kind(manifests, "Namespace")
        }

    def flows(self) -> set[Flow]:
        """All that pods may open to the ports that containers have."""
        return set(self._flows())

    def outward(self, pod: Pod) -> set[tuple[int, int]]:
        """First and last ports of addresses outside the cluster that a pod may reach."""
        return {
            (port["port"], port.get("endPort", port["port"]))
            for rule in self._rules(pod, "egress")
            for peer in rule.get("to", [{"ipBlock": {}}])
            if "ipBlock" in peer
            for port in rule["ports"]
        }

    def restricted(self, pod: Pod) -> bool:
        """Whether policies say both whom a pod reaches and who reaches it."""
        types = {kind for policy in self._of(pod) for kind in policy["spec"]["policyTypes"]}
        return types == {"Ingress", "Egress"}

    def unused(self) -> list[str]:
        """The policies that are about no pod of the manifests."""
        return [
            policy["metadata"]["name"]
            for policy in self._policies
            if not any(policy in self._of(pod) for pod in self.pods)
        ]

    def _flows(self) -> Iterator[Flow]:
        for source in self.pods:
            for target in self.pods:
                ports = [
                    port["containerPort"] for container in target.containers for port in container.get("ports", [])
                ]
                for port in ports if source != target else ():
                    out = self._allowed(source, "egress", "to", target, port)
                    if out and self._allowed(target, "ingress", "from", source, port):
                        yield Flow(source.name, target.name, port)

    def _allowed(self, pod: Pod, direction: str, side: str, other: Pod, port: int) -> bool:
        for rule in self._rules(pod, direction):
            on_port = any(entry["port"] <= port <= entry.get("endPort", entry["port"]) for entry in rule["ports"])
            everybody = side not in rule
            if on_port and (everybody or any(self._is(peer, other, pod.namespace) for peer in rule[side])):
                return True
        return False

    def _rules(self, pod: Pod, direction: str) -> Iterator[Mapping[str, Any]]:
        for policy in self._of(pod):
            yield from policy["spec"].get(direction, [])

    def _of(self, pod: Pod) -> list[Manifest]:
        return [
            policy
            for policy in self._policies
            if policy["metadata"].get("namespace", "") == pod.namespace
            and _selects(policy["spec"]["podSelector"], pod.labels)
        ]

    def _is(self, peer: Mapping[str, Any], pod: Pod, namespace: str) -> bool:
        if "ipBlock" in peer:
            return False  # addresses of the cluster are not promised to be any
        if "namespaceSelector" in peer:
            if not _selects(peer["namespaceSelector"], self._namespaces.get(pod.namespace, {})):
                return False
        elif pod.namespace != namespace:
            return False
        return _selects(peer.get("podSelector", {}), pod.labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "no other selectors are understood here"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
