"""Where traces go, as the OTEL_* variables say: read without loading OpenTelemetry, which only the exporter needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from longspan.errors import SettingsError
from longspan.settings import redacted

_PER_SIGNAL = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_FOR_ALL = "OTEL_EXPORTER_OTLP_ENDPOINT"
_DEFAULT = "http://localhost:4318"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`url` takes POSTs of spans, None where nothing is to be sent. `chosen` is false for OpenTelemetry's default."""

    url: str | None
    chosen: bool

    @property
    def shown(self) -> str:
        """The endpoint in words, without credentials."""
        if self.url is None:
            return "nowhere (switched off by OTEL_TRACES_EXPORTER or OTEL_SDK_DISABLED)"
        return redacted(self.url) + ("" if self.chosen else f" (the default; set {_FOR_ALL} for another)")


def read_endpoint(environment: Mapping[str, str]) -> Endpoint:
    """The endpoint that an environment names. Raises SettingsError for what Longspan cannot do."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    problems = []
    if exporter not in ("otlp", "none"):
        problems.append(f"OTEL_TRACES_EXPORTER={exporter} is not supported: set otlp or none")
    for name in _PROTOCOLS:
        protocol = environment.get(name, "").strip() or "http/protobuf"
        if protocol != "http/protobuf":
            problems.append(f"{name}={protocol} is not supported: set http/protobuf, and the endpoint's port for HTTP")
    own, shared = environment.get(_PER_SIGNAL, "").strip(), environment.get(_FOR_ALL, "").strip()
    name, url = (_PER_SIGNAL, own) if own else (_FOR_ALL, f"{(shared or _DEFAULT).rstrip('/')}/v1/traces")
    if not _is_url(url):
        problems.append(f"{name} is no URL: write http://host:4318 or https://host:4318")
    if problems:
        raise SettingsError(problems)
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return Endpoint(None if disabled or exporter == "none" else url, bool(own or shared))


def _is_url(url: str) -> bool:
    try:
        parts, _ = urlsplit(url), urlsplit(url).port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
