"""Objects as Kubernetes would take them: the published schemas of three versions, strictly, and those of the CRDs."""

import functools
import json

import kubernetes_validate
import kubernetes_validate.utils

from tests.support.crds import CUSTOM, find_faults
from tests.support.manifests import Manifest

VERSIONS = ("1.35", "1.36", "1.37")
# It would read its definitions, some megabytes, for each object again.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)


def find_invalid(manifest: Manifest) -> list[str]:
    """What is wrong with an object, for any version. Raises SchemaNotFoundError for a kind that is not known."""
    return _find_invalid(json.dumps(manifest, sort_keys=True))


@functools.cache
def _find_invalid(text: str) -> list[str]:
    """The same object comes with many components."""
    manifest = json.loads(text)
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    if manifest["apiVersion"].split("/")[0] in CUSTOM:
        return [f"{what}: {fault}" for fault in find_faults(manifest)]
    found = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{what}, Kubernetes {version}: {error.message} at {list(error.path)}")
    return found
