"""Settings: the LONGSPAN_* variables, read once into one frozen object. `SETTINGS` is the list of them all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from longspan.access_readers import Network, TokenSource, read_token_source
from longspan.conflicts import find_conflicts
from longspan.errors import SettingsError
from longspan.setting import Setting
from longspan.setting_readers import read_headers, read_url
from longspan.settings_access import ACCESS_SETTINGS
from longspan.settings_api import API_SETTINGS
from longspan.settings_sources import SOURCE_SETTINGS
from longspan.settings_work import WORK_SETTINGS

PREFIX = "LONGSPAN_"

# What Kubernetes adds to every pod for a Service whose name begins with `longspan`; no settings of ours.
_SERVICE_LINK = re.compile(r"LONGSPAN_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT|PORT)(?:_\w+)?")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    Durations are milliseconds. `redis_url` is None for the embedded server, `partitions` where any number will do.
    """

    redis_url: str | None
    redis_password_file: Path | None
    redis_auth: str
    exporter_redis_url: str | None
    data: Path
    prefix: str
    namespace: str
    machines: tuple[str, ...]
    partitions: int | None
    retention_ms: int
    archive: Path | None
    lease_ms: int
    early_wait_ms: int
    reorder_wait_ms: int
    waiting_limit: int
    parent_wait_ms: int
    children_limit: int
    children_depth: int
    outbox_limit: int
    cache: int
    cache_bytes: int
    nice: int
    tempo_headers: tuple[tuple[str, str], ...]
    health: tuple[str, int] | None
    log_level: str
    log_format: str
    source_hosts: tuple[str, ...]
    source_variables: frozenset[str]
    source_files: Path
    trace_link: str | None
    ingress_limit: int
    api_body_limit: int
    api_connections: int
    api_watchers: int
    webhooks: tuple[str, ...]
    api_tokens: TokenSource | None
    oidc_issuer: str | None
    oidc_audience: frozenset[str]
    read_roles: frozenset[str]
    write_roles: frozenset[str]
    proxy_user_header: str | None
    proxy_groups_header: str
    trusted_proxies: tuple[Network, ...]
    metrics_open: bool


SETTINGS = (*WORK_SETTINGS, *SOURCE_SETTINGS, *API_SETTINGS, *ACCESS_SETTINGS)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment. Raises SettingsError that lists every wrong or unknown variable."""
    problems = _unknown(environment)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = environment.get(setting.name, "").strip() or setting.default
        try:
            values[setting.field] = setting.read(text)
        except ValueError as error:
            problems.append(f"{setting.name}={_shown(setting, text)} {error}")
    problems = problems or find_conflicts(values)
    if problems:
        raise SettingsError(problems)
    assert values.keys() == {field.name for field in fields(Settings)}
    return Settings(**values)


def redacted(url: str) -> str:
    """A URL as it may be printed: without user, password and query, also where it is malformed."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def _unknown(environment: Mapping[str, str]) -> list[str]:
    known = [setting.name for setting in SETTINGS]
    problems = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and not _SERVICE_LINK.fullmatch(name):
            near = get_close_matches(name, known, 1, 0.7)
            problems.append(f"{name}: no such setting" + (f"; did you mean {near[0]}?" if near else ""))
    return problems


def _shown(setting: Setting, text: str) -> str:
    if setting.read in (read_token_source, read_headers):
        return "(not shown)"
    if setting.read is not read_url:
        return ascii(text)
    return redacted(text) if "://" in text else "(not shown)"
