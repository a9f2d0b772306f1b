"""References between rendered manifests that lead nowhere."""

from collections.abc import Iterator, Mapping, Sequence

from tests.support.manifests import Manifest, Pod, of_kind, pods

_REFERRED = ("ServiceAccount", "ConfigMap", "PersistentVolumeClaim", "SecretProviderClass")


def dangling(rendered: Sequence[Manifest]) -> Iterator[str]:
    """References to what is not there."""
    here = list(pods(rendered))
    ports = {
        (service["metadata"]["name"], port["port"])
        for service in of_kind(rendered, "Service")
        for port in service["spec"]["ports"]
    }
    for service in of_kind(rendered, "Service"):
        name, behind = service["metadata"]["name"], _selected(service["spec"]["selector"], service, here)
        if not behind:
            yield f"no pod behind Service {name}"
        for port in service["spec"]["ports"]:
            for pod in behind:
                if port["targetPort"] not in {
                    one["name"] for container in pod.containers for one in container.get("ports", [])
                }:
                    yield f"Service {name}: {pod.name} has no port {port['targetPort']}"
    for budget in of_kind(rendered, "PodDisruptionBudget"):
        if not _selected(budget["spec"]["selector"]["matchLabels"], budget, here):
            yield f"PodDisruptionBudget {budget['metadata']['name']} is about no pod"
        if budget["spec"].get("maxUnavailable") != 1:
            yield f"PodDisruptionBudget {budget['metadata']['name']} lets more than one go"
    for route in of_kind(rendered, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                if (backend["name"], backend["port"]) not in ports:
                    yield f"HTTPRoute {route['metadata']['name']}: no Service {backend['name']}:{backend['port']}"
    names = {kind: {one["metadata"]["name"] for one in of_kind(rendered, kind)} for kind in _REFERRED}
    for pod in here:
        yield from (f"{pod.name}: no {kind} {name}" for kind, name in _referred(pod) if name not in names[kind])


def _referred(pod: Pod) -> Iterator[tuple[str, str]]:
    """What a pod names but Secrets, which an overlay or the vault brings."""
    yield "ServiceAccount", pod.spec["serviceAccountName"]
    for volume in pod.spec.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        if "csi" in volume:
            yield "SecretProviderClass", volume["csi"]["volumeAttributes"]["secretProviderClass"]
    for container in pod.containers:
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"]["name"]
        for variable in container.get("env", []):
            if "configMapKeyRef" in variable.get("valueFrom", {}):
                yield "ConfigMap", variable["valueFrom"]["configMapKeyRef"]["name"]


def _selected(selector: Mapping[str, str], manifest: Manifest, here: Sequence[Pod]) -> list[Pod]:
    namespace = manifest["metadata"].get("namespace", "")
    return [pod for pod in here if pod.namespace == namespace and selector.items() <= pod.labels.items()]
