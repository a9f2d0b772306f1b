"""The settings that say who may use the API: `longspan/settings.py` reads them."""

from longspan.access_readers import (
    read_header,
    read_issuer,
    read_names,
    read_networks,
    read_switch,
    read_token_source,
)
from longspan.setting import Setting

ACCESS_SETTINGS = (
    Setting(
        "LONGSPAN_API_TOKENS",
        "api_tokens",
        "",
        "The tokens that the API accepts, one line each, as `longspan token new` prints them: the path of a file, "
        "which is read again when it changes, or the lines themselves, separated by commas (a value with `sha256:` in "
        "it is taken for lines). See [Access](access.md).",
        read_token_source,
    ),
    Setting(
        "LONGSPAN_OIDC_ISSUER",
        "oidc_issuer",
        "",
        "The OpenID Connect issuer whose bearer tokens the API accepts: an https URL, exactly as `iss` in its tokens "
        "has it.",
        read_issuer,
    ),
    Setting(
        "LONGSPAN_OIDC_AUDIENCE",
        "oidc_audience",
        "",
        "What `aud` in those tokens must be, several separated by commas.",
        read_names,
    ),
    Setting(
        "LONGSPAN_READ_ROLES",
        "read_roles",
        "longspan.read",
        "Roles, groups and scopes, of OIDC tokens and from a proxy, that give the scope `read`, separated by commas; "
        "`*` is everybody who has signed in.",
        read_names,
    ),
    Setting(
        "LONGSPAN_WRITE_ROLES",
        "write_roles",
        "longspan.write",
        "The same for the scope `write`, which does not include `read`.",
        read_names,
    ),
    Setting(
        "LONGSPAN_PROXY_USER_HEADER",
        "proxy_user_header",
        "",
        "The header in which a proxy that signs people in says who asks, such as `X-Forwarded-Email` of oauth2-proxy. "
        "It is believed from `LONGSPAN_TRUSTED_PROXIES` alone.",
        read_header,
    ),
    Setting(
        "LONGSPAN_PROXY_GROUPS_HEADER",
        "proxy_groups_header",
        "X-Forwarded-Groups",
        "The header in which it lists their groups, separated by commas.",
        read_header,
    ),
    Setting(
        "LONGSPAN_TRUSTED_PROXIES",
        "trusted_proxies",
        "",
        "Addresses and networks of the proxies before the API, separated by commas: only they are believed who asks, "
        "from where (`X-Forwarded-For`), and whether by https (`X-Forwarded-Proto`).",
        read_networks,
    ),
    Setting(
        "LONGSPAN_METRICS_OPEN",
        "metrics_open",
        "no",
        "`yes`: the API's `/metrics` needs no token. Otherwise it needs the scope `read`.",
        read_switch,
    ),
)
