"""Network policies allow what the design needs, and nothing else."""

import pytest

from tests.support.manifests import pods, render_overlay
from tests.support.reachability import Flow, Network

LOCAL = {
    Flow("api", "redis", 6379),
    Flow("grafana", "api", 8080),
    Flow("grafana", "prometheus", 9090),
    Flow("grafana", "tempo", 3200),
    Flow("poller", "redis", 6379),
    Flow("poller", "simulator", 8090),
    Flow("prometheus", "api", 8080),
    Flow("prometheus", "grafana", 3000),
    Flow("prometheus", "poller", 8081),
    Flow("prometheus", "tempo", 3200),
    Flow("prometheus", "worker", 8081),
    Flow("simulator", "redis", 6379),
    Flow("worker", "redis", 6379),
    Flow("worker", "tempo", 4318),
}
AZURE = {
    Flow("grafana", "api", 8080),
    Flow("grafana", "tempo", 3200),
    Flow("worker", "tempo", 4318),
}
HTTPS, REDIS, SHARDS = (443, 443), (10_000, 10_000), (8500, 8599)
OUTWARD = {
    "api": {HTTPS, REDIS, SHARDS},
    "grafana": {HTTPS},
    "tempo": {HTTPS},
    "worker": {HTTPS, REDIS, SHARDS},
}


@pytest.mark.parametrize(("overlay", "wanted"), [("local", LOCAL), ("azure", AZURE)])
def test_pods_reach_whom_they_need_and_nobody_else(overlay: str, wanted: set[Flow]) -> None:
    assert Network(render_overlay(overlay)).flows() == wanted


def test_nothing_local_but_the_poller_reaches_the_world() -> None:
    network = Network(render_overlay("local"))
    assert {pod.name: out for pod in network.pods if (out := network.outward(pod))} == {"poller": {HTTPS}}


def test_in_azure_pods_reach_the_services_of_azure_by_their_ports_alone() -> None:
    network = Network(render_overlay("azure"))
    assert {pod.name: network.outward(pod) for pod in network.pods} == OUTWARD


@pytest.mark.parametrize("overlay", ["local", "azure", "azure/tenant"])
def test_every_pod_is_under_policies_for_both_directions(overlay: str) -> None:
    network = Network(render_overlay(overlay))
    assert not [pod.name for pod in network.pods if not network.restricted(pod)]


@pytest.mark.parametrize("overlay", ["local", "azure"])
def test_a_policy_is_about_pods_that_there_are(overlay: str) -> None:
    # The pods of a Gateway are made by its controller; Azure's Prometheus is no pod of ours.
    made_elsewhere = {"entrance", "prometheus", "redis"} if overlay == "azure" else set()
    assert set(Network(render_overlay(overlay)).unused()) <= made_elsewhere


def test_a_policy_less_is_noticed() -> None:
    rendered = [one for one in render_overlay("local") if one["metadata"]["name"] != "redis-client"]
    assert Network(rendered).flows() == {flow for flow in LOCAL if flow.target != "redis"}
    assert len(list(pods(rendered))) == len(Network(rendered).pods)
