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
    """All namespaces of some manifests; with pods `made` of them by controllers, and `others` that are there."""

    def __init__(self, manifests: Sequence[Manifest], made: Sequence[Pod] = (), others: Sequence[Pod] = ()) -> None:
        self.pods = [*pods(manifests), *made]
        self._others = others
        self._policies = of_kind(manifests, "NetworkPolicy")
        self._namespaces = {
            manifest["metadata"]["name"]: {
                NAME_LABEL: manifest["metadata"]["name"],
                **manifest["metadata"].get("labels", {}),
            }
            for manifest in of_kind(manifests, "Namespace")
        }

    def flows(self) -> set[Flow]:
        """All that pods may open to the ports that containers have: both ends allow it."""
        return set(self._flows(self.pods, self.pods))

    def let_in(self) -> set[Flow]:
        """What pods take from others, who may do what they like."""
        return set(self._flows(self._others, self.pods))

    def let_out(self) -> set[Flow]:
        """What pods may open to others, who take everything."""
        return set(self._flows(self.pods, self._others))

    def outward(self, pod: Pod) -> set[tuple[int, int]]:
        """First and last ports of addresses outside the cluster that a pod may reach."""
        return {
            (port["port"], port.get("endPort", port["port"]))
            for rule in self._rules(pod, "egress")
            for peer in rule.get("to", [{"ipBlock": {}}])
            if "ipBlock" in peer
            for port in rule.get("ports", [{"port": 1, "endPort": 65_535}])
        }

    def inward(self, pod: Pod) -> list[Mapping[str, Any]]:
        """The rules by which addresses, and not pods of the cluster, reach a pod."""
        rules = self._rules(pod, "ingress")
        return [rule for rule in rules if any("ipBlock" in peer for peer in rule.get("from", [{"ipBlock": {}}]))]

    def metadata(self, pod: Pod) -> bool:
        """Whether a pod reaches the metadata service of the node's cloud, which gives out the node's identity."""
        blocks = [
            peer["ipBlock"] for rule in self._rules(pod, "egress") for peer in rule.get("to", []) if "ipBlock" in peer
        ]
        return any("169.254.0.0/16" not in block.get("except", []) for block in blocks)

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

    def _flows(self, sources: Sequence[Pod], targets: Sequence[Pod]) -> Iterator[Flow]:
        for source in sources:
            for target in targets:
                ports = [
                    port["containerPort"] for container in target.containers for port in container.get("ports", [])
                ]
                for port in ports if source != target else ():
                    out = self._allowed(source, "egress", "to", target, port)
                    if out and self._allowed(target, "ingress", "from", source, port):
                        yield Flow(source.name, target.name, port)

    def _allowed(self, pod: Pod, direction: str, side: str, other: Pod, port: int) -> bool:
        about = [policy for policy in self._of(pod) if direction.capitalize() in policy["spec"]["policyTypes"]]
        if not about:
            return True
        for rule in self._rules(pod, direction):
            entries = rule.get("ports", [{"port": 1, "endPort": 65_535}])
            on_port = any(entry["port"] <= port <= entry.get("endPort", entry["port"]) for entry in entries)
            everybody = side not in rule
            if on_port and (everybody or any(self._is(peer, other, pod.namespace) for peer in rule[side])):
                return True
        return False

    def _rules(self, pod: Pod, direction: str) -> Iterator[Mapping[str, Any]]:
        for policy in self._of(pod):
            yield from policy["spec"].get(direction, [])

    def _of(self, pod: Pod) -> list[Manifest]:
        if pod in self._others:
            return []  # nothing is to depend on what holds them back
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
            if not _selects(
                peer["namespaceSelector"], self._namespaces.get(pod.namespace, {NAME_LABEL: pod.namespace})
            ):
                return False
        elif pod.namespace != namespace:
            return False
        return _selects(peer.get("podSelector", {}), pod.labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "no other selectors are understood here"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
