"""The settings of the API: `longspan/settings.py` reads them."""

from longspan.setting import Setting
from longspan.setting_readers import number, read_sources, read_trace_link

API_SETTINGS = (
    Setting(
        "LONGSPAN_TRACE_LINK",
        "trace_link",
        "",
        "Where a person sees a trace, as a URL with `{trace_id}` in it, of Grafana for example: the API's `links` and "
        "the pages have it. Empty: no such link.",
        read_trace_link,
    ),
    Setting(
        "LONGSPAN_INGRESS_LIMIT",
        "ingress_limit",
        "1000000",
        "How many events may wait to be applied before `POST /events` answers 429. Producers that write to Redis are "
        "held up by nothing but its memory.",
        number(1_000, 1_000_000_000),
    ),
    Setting(
        "LONGSPAN_API_BODY_LIMIT",
        "api_body_limit",
        "8388608",
        "How many bytes the body of a request to the API may have.",
        number(1_024, 64 * 1024 * 1024),
    ),
    Setting(
        "LONGSPAN_API_CONNECTIONS",
        "api_connections",
        "5000",
        "How many connections to the API may be open at once; those beyond are answered 503 and closed. The limit of "
        "open files (`ulimit -n`) has to leave room for them.",
        number(10, 1_000_000),
    ),
    Setting(
        "LONGSPAN_API_WATCHERS",
        "api_watchers",
        "4000",
        "How many streams of events (`GET /watch`, `GET /workflows/{id}/watch`, open pages) there may be at once; "
        "those beyond are answered 503. Fewer than connections, so that requests find one.",
        number(1, 1_000_000),
    ),
    Setting(
        "LONGSPAN_WEBHOOKS",
        "webhooks",
        "",
        "The webhooks that the API serves at `POST /webhooks/{name}`, separated by commas: directories, files "
        "(`.webhook.yaml`), or shipped ones: `@github`, `@cdevents`. Workers need their machines in "
        "`LONGSPAN_MACHINES`. See [Sources](sources.md#webhooks).",
        read_sources,
    ),
)
