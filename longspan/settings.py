"""Settings: the LONGSPAN_* variables, read once into one frozen object. `SETTINGS` is the only list of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from longspan.conflicts import find_conflicts
from longspan.errors import SettingsError
from longspan.setting_readers import (
    duration,
    number,
    read_address,
    read_auth,
    read_directory,
    read_file,
    read_level,
    read_namespace,
    read_partitions,
    read_prefix,
    read_sources,
    read_url,
)

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
    lease_ms: int
    early_wait_ms: int
    reorder_wait_ms: int
    waiting_limit: int
    outbox_limit: int
    cache: int
    health: tuple[str, int] | None
    log_level: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: its full name, the field of Settings that it fills, its default as text, and what it means."""

    name: str
    field: str
    default: str
    meaning: str
    read: Callable[[str], Any]


SETTINGS = (
    Setting(
        "LONGSPAN_REDIS_URL",
        "redis_url",
        "",
        "The Redis or Valkey server: `redis://[user:password@]host:port/db`, `rediss://` for TLS, `unix://path`; a "
        "cluster: `redis+cluster://host:port,host:port`; by sentinels: `redis+sentinel://host:port,host:port/NAME/db`. "
        "See [Redis](redis.md). Empty: the embedded server, which keeps its data in `LONGSPAN_DATA`.",
        read_url,
    ),
    Setting(
        "LONGSPAN_REDIS_PASSWORD_FILE",
        "redis_password_file",
        "",
        "A file with the password for `LONGSPAN_REDIS_URL`, read anew for every connection; the user is the URL's.",
        read_file,
    ),
    Setting(
        "LONGSPAN_REDIS_AUTH",
        "redis_auth",
        "password",
        "How to sign in to Redis: `password`, or `entra` for tokens of Microsoft Entra ID (Azure Managed Redis).",
        read_auth,
    ),
    Setting(
        "LONGSPAN_EXPORTER_REDIS_URL",
        "exporter_redis_url",
        "",
        "`LONGSPAN_REDIS_URL` for the exporter, if it is to be another user of the same server. Empty: the worker's.",
        read_url,
    ),
    Setting(
        "LONGSPAN_DATA", "data", "~/.local/share/longspan", "Directory of the embedded server's data.", read_directory
    ),
    Setting(
        "LONGSPAN_PREFIX",
        "prefix",
        "longspan",
        "What every key in Redis begins with. Installations that share a server differ in it.",
        read_prefix,
    ),
    Setting(
        "LONGSPAN_NAMESPACE",
        "namespace",
        "default",
        "The tenant: part of every trace id, and `service.namespace` on every span.",
        read_namespace,
    ),
    Setting(
        "LONGSPAN_MACHINES",
        "machines",
        "",
        "Where machines are read from, separated by commas: directories, files, `module:Class`. "
        "Empty: the shipped examples.",
        read_sources,
    ),
    Setting(
        "LONGSPAN_PARTITIONS",
        "partitions",
        "",
        "Number of ordered event streams, 1 to 1024. Fixed at the first start (16 where it is not set); a different "
        "number is refused later.",
        read_partitions,
    ),
    Setting(
        "LONGSPAN_RETENTION",
        "retention_ms",
        "7d",
        "How long an ended workflow stays in Redis after its spans were accepted.",
        duration("1s", "3650d"),
    ),
    Setting(
        "LONGSPAN_LEASE",
        "lease_ms",
        "10s",
        "How long a worker holds a partition without renewing it: a dead worker's partitions move after this time.",
        duration("1s", "10m"),
    ),
    Setting(
        "LONGSPAN_EARLY_WAIT",
        "early_wait_ms",
        "5m",
        "How long an event waits for the start of its workflow before it becomes a dead letter.",
        duration("1s", "7d"),
    ),
    Setting(
        "LONGSPAN_REORDER_WAIT",
        "reorder_wait_ms",
        "30s",
        "How long an event with a `sequence` waits for the numbers before it.",
        duration("100ms", "1d"),
    ),
    Setting(
        "LONGSPAN_WAITING_LIMIT",
        "waiting_limit",
        "1000",
        "How many events of one workflow may wait at once; those beyond become dead letters.",
        number(1, 100_000),
    ),
    Setting(
        "LONGSPAN_OUTBOX_LIMIT",
        "outbox_limit",
        "500000",
        "How many traces may wait for the endpoint, in all partitions together, each with an equal part: a partition "
        "at its limit is not read until the endpoint has taken some.",
        number(1, 1_000_000_000),
    ),
    Setting(
        "LONGSPAN_CACHE",
        "cache",
        "20000",
        "How many workflows a worker keeps in memory.",
        number(100, 10_000_000),
    ),
    Setting(
        "LONGSPAN_HEALTH",
        "health",
        "",
        "Where a worker answers `/livez`, `/readyz` and `/metrics`: a port of loopback, or an address and a port, such "
        "as `8081` or `0.0.0.0:8081`; port 0 is any free one, told in the log. Empty: nowhere.",
        read_address,
    ),
    Setting(
        "LONGSPAN_LOG_LEVEL", "log_level", "info", "What is logged: `debug`, `info`, `warning` or `error`.", read_level
    ),
)


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
    if setting.read is not read_url:
        return ascii(text)
    return redacted(text) if "://" in text else "(not shown)"
