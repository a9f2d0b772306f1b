"""The resource of every span: which service says so, and in which namespace."""

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_NAMESPACE, OTELResourceDetector, Resource

DEFAULT_SERVICE_NAME = "longspan"


def describe_resource(namespace: str) -> Resource:
    """The resource that `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` describe, with this `service.namespace`.

    Nothing in it names a process, a host or a version of a library: the same journal gives the same bytes for ever.
    """
    named = OTELResourceDetector().detect().attributes
    return Resource({SERVICE_NAME: DEFAULT_SERVICE_NAME, **named, SERVICE_NAMESPACE: namespace})
