"""Sessions that authenticate themselves, made by OpenTelemetry's credential providers (plug-ins)."""

from collections.abc import Mapping
from importlib.metadata import entry_points

import requests

from spans.errors import SpansError

VARIABLES = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)
GROUP = "opentelemetry_otlp_credential_provider"


class CredentialProviderError(SpansError):
    """A credential provider that is not installed, or gives something else than a session of `requests`."""

    def __init__(self, variable: str, name: str, reason: str) -> None:
        self.variable = variable
        self.name = name
        super().__init__(f"{variable}={name}: {reason}")


def load_session(environment: Mapping[str, str]) -> requests.Session | None:
    """The session of the provider that the environment names; None where it names none.

    Raises CredentialProviderError.
    """
    variable = next((name for name in VARIABLES if environment.get(name)), None)
    if variable is None:
        return None
    name = environment[variable]
    provider = next(iter(entry_points(group=GROUP, name=name)), None)
    if provider is None:
        raise CredentialProviderError(variable, name, f"no installed package provides it (entry point {GROUP})")
    session = provider.load()()
    if not isinstance(session, requests.Session):
        raise CredentialProviderError(variable, name, f"it gives {type(session).__name__}, not requests.Session")
    return session
