"""The settings of the server, the machines and the work: `longspan/settings.py` reads them."""

from longspan.setting import Setting
from longspan.setting_readers import (
    duration,
    number,
    read_address,
    read_auth,
    read_directory,
    read_file,
    read_form,
    read_headers,
    read_level,
    read_namespace,
    read_partitions,
    read_prefix,
    read_sources,
    read_url,
)

WORK_SETTINGS = (
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
        "Where machines are read from, separated by commas: directories, files, `module:Class`, machines of shipped "
        "webhooks (`@github`). Empty: the shipped examples.",
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
        "LONGSPAN_ARCHIVE",
        "archive",
        "",
        "A directory, such as a mounted share, to which the worker writes ended workflows before it removes them from "
        "Redis; while it cannot, they stay there. See [Rebuild](rebuild.md). Empty: nothing is written.",
        read_file,
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
        "LONGSPAN_PARENT_WAIT",
        "parent_wait_ms",
        "30s",
        "How long a workflow with a `parent` waits for that to start, before it begins in a trace of its own.",
        duration("1s", "1d"),
    ),
    Setting(
        "LONGSPAN_CHILDREN_LIMIT",
        "children_limit",
        "10000",
        "How many children of one workflow may be in its trace; those beyond get traces of their own, linked both "
        "ways.",
        number(0, 10_000_000),
    ),
    Setting(
        "LONGSPAN_CHILDREN_DEPTH",
        "children_depth",
        "8",
        "How many levels below its topmost parent a workflow may be in the same trace; deeper ones get traces of their "
        "own.",
        number(0, 100),
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
        "LONGSPAN_CACHE_BYTES",
        "cache_bytes",
        "100000000",
        "How many bytes of memory these may take: of large workflows fewer are kept, those used last.",
        number(1_000_000, 1_000_000_000_000),
    ),
    Setting(
        "LONGSPAN_NICE",
        "nice",
        "10",
        "By how much `longspan worker` lowers its own priority for the processor, in both its processes, 0 to 19: on a "
        "machine that they share it gives way to Redis and the API. Where each has processors of its own it changes "
        "nothing.",
        number(0, 19),
    ),
    Setting(
        "LONGSPAN_TEMPO_HEADERS",
        "tempo_headers",
        "",
        "Headers for the Tempo that `longspan rebuild --missing` asks, as in `OTEL_EXPORTER_OTLP_HEADERS`: "
        "`Authorization=Bearer%20...,X-Scope-OrgID=tenant`.",
        read_headers,
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
    Setting(
        "LONGSPAN_LOG_FORMAT",
        "log_format",
        "text",
        "How: `text`, or `json` for one object a line with `time`, `level`, `logger`, `message`, and where they are "
        "known `workflow_id`, `run`, `trace_id` and `partition`.",
        read_form,
    ),
)
