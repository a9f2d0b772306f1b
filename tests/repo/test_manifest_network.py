"""Network policies allow what the design needs, and nothing else, between our pods and from or to anybody else's."""

import pytest

from tests.support.component_sets import rendered_sets
from tests.support.manifests import NAMESPACE, of_kind, render_overlay
from tests.support.neighbours import ENTRANCES, NEIGHBOURS
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
    Flow("entrance", "api", 4180),
    Flow("entrance", "api", 8080),
    Flow("grafana-entrance", "grafana", 3000),
    Flow("grafana", "api", 8080),
    Flow("grafana", "tempo", 3200),
    Flow("worker", "tempo", 4318),
}
# Whatever stands in the namespace of the monitoring, or, in Azure, in that of the agent, may read metrics.
SCRAPED = {Flow("observer", "api", 8080), Flow("observer", "worker", 8081)}
LOCAL_IN = {*SCRAPED, Flow("observer", "poller", 8081), Flow("keda", "prometheus", 9090)}
AZURE_IN = SCRAPED | {
    Flow(agent, target, port)
    for agent in ("agent", "names")
    for target, port in (("api", 8080), ("worker", 8081), ("tempo", 3200))
}
# A collector may stand there too.
SENT = Flow("worker", "observer", 4318)
GATEWAYS = {pod.name for pod in ENTRANCES}
HTTPS, REDIS, SHARDS = (443, 443), (10_000, 10_000), (8500, 8599)
OUTWARD = {
    "api": {HTTPS, REDIS, SHARDS},
    "grafana": {HTTPS},
    "tempo": {HTTPS},
    "worker": {HTTPS, REDIS, SHARDS},
}


def _network(overlay: str) -> Network:
    return Network(render_overlay(overlay), () if overlay == "local" else ENTRANCES, NEIGHBOURS)


@pytest.mark.parametrize(("overlay", "wanted"), [("local", LOCAL), ("azure", AZURE)])
def test_pods_reach_whom_they_need_and_nobody_else(overlay: str, wanted: set[Flow]) -> None:
    assert _network(overlay).flows() == wanted


@pytest.mark.parametrize(("overlay", "wanted"), [("local", LOCAL_IN), ("azure", AZURE_IN)])
def test_nobody_else_in_the_cluster_reaches_them_but_who_reads_metrics(overlay: str, wanted: set[Flow]) -> None:
    assert {flow for flow in _network(overlay).let_in() if flow.target not in GATEWAYS} == wanted


def test_everybody_reaches_the_gateways_where_they_listen() -> None:
    ports = {(flow.source, flow.port) for flow in _network("azure").let_in() if flow.target in GATEWAYS}
    assert ports == {(pod.name, port) for pod in NEIGHBOURS for port in (443, 15_021)}


@pytest.mark.parametrize("overlay", ["local", "azure"])
def test_they_reach_nobody_else_in_the_cluster_but_its_name_service_and_a_collector(overlay: str) -> None:
    network = _network(overlay)
    control = {Flow(name, "istiod", 15_012) for name in GATEWAYS} if overlay == "azure" else set()
    assert network.let_out() == {SENT, *control, *(Flow(pod.name, "names", 53) for pod in network.pods)}


def test_nothing_local_but_the_poller_reaches_the_world() -> None:
    network = _network("local")
    assert {pod.name: out for pod in network.pods if (out := network.outward(pod))} == {"poller": {HTTPS}}


def test_in_azure_pods_reach_the_services_of_azure_by_their_ports_alone() -> None:
    network = _network("azure")
    assert {pod.name: network.outward(pod) for pod in network.pods if pod.name not in GATEWAYS} == OUTWARD


@pytest.mark.parametrize("overlay", ["local", "azure", "azure/tenant"])
def test_every_pod_is_under_policies_for_both_directions(overlay: str) -> None:
    network = _network(overlay)
    pods = [pod for pod in network.pods if pod.name not in GATEWAYS]
    assert not [pod.name for pod in pods if not network.restricted(pod)]
    assert not [pod.name for pod in pods if network.inward(pod)], "the world reaches it"
    assert not [pod.name for pod in pods if network.metadata(pod)], "it reaches the metadata service of its node"


@pytest.mark.parametrize("component", ["network-policy", "monitoring-network-policy"])
def test_a_policy_is_about_pods_that_some_component_or_gateway_brings(component: str) -> None:
    entrances = [pod._replace(namespace=NAMESPACE) for pod in ENTRANCES]
    networks = [
        Network(rendered, entrances) for one, rendered in rendered_sets().items() if component in one.components
    ]
    assert networks
    assert not set.intersection(*(set(network.unused()) for network in networks))


def test_without_the_components_for_it_no_component_cuts_off_a_pod() -> None:
    for one, rendered in rendered_sets().items():
        if not {"network-policy", "monitoring-network-policy"} & set(one.components) and "overlays" not in one.on:
            assert not of_kind(rendered, "NetworkPolicy"), one


def test_with_them_the_pods_of_any_components_reach_one_another_as_they_need_and_the_name_service() -> None:
    for one, rendered in rendered_sets().items():
        if not {"network-policy", "monitoring-network-policy"} & set(one.components):
            continue
        network = Network(rendered, others=NEIGHBOURS)
        here = {pod.name for pod in network.pods}
        assert network.flows() == {flow for flow in LOCAL | AZURE if {flow.source, flow.target} <= here}, one
        assert {flow.source for flow in network.let_out() if flow.target == "names"} == here, one
        assert not [pod.name for pod in network.pods if not network.restricted(pod)], one


def test_a_policy_less_is_noticed() -> None:
    rendered = [one for one in render_overlay("local") if one["metadata"]["name"] != "redis-client"]
    assert Network(rendered).flows() == {flow for flow in LOCAL if flow.target != "redis"}
