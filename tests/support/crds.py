"""Custom resources, checked by their definitions: which fields there are, which have to be there, and of which type.

`crd_schemas/` has one closed JSON schema a kind, without descriptions: of the Gateway API, KEDA and the Prometheus
operator made from the npm packages @kubernetes-models/gateway-api 2.0.0, keda 2.0.0 and prometheus-operator 6.0.0
(MIT), of the Secrets Store CSI driver by hand. Azure's monitors are the operator's in another group.
"""

import functools
import json
from pathlib import Path

from jsonschema import Draft202012Validator

from tests.support.manifests import Manifest

CUSTOM = (
    "gateway.networking.k8s.io",
    "keda.sh",
    "monitoring.coreos.com",
    "azmonitoring.coreos.com",
    "secrets-store.csi.x-k8s.io",
)
_SCHEMAS = Path(__file__).parent / "crd_schemas"


def find_faults(manifest: Manifest) -> list[str]:
    """What is wrong with a custom resource. Raises FileNotFoundError for a kind without a schema."""
    plain = {**manifest, "apiVersion": manifest["apiVersion"].replace("azmonitoring.", "monitoring.")}
    return [f"{fault.json_path}: {fault.message}" for fault in _validator(manifest["kind"]).iter_errors(plain)]


@functools.cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((_SCHEMAS / f"{kind}.json").read_text()))
