"""Settings that each are right and together are not."""

from collections.abc import Iterator, Mapping
from typing import Any

from longspan.loopback import is_loopback
from streams.address import Address, parse_address


def find_conflicts(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with values that were read one by one, a line each; by the names of the fields of Settings."""
    return list(_find(values))


def _find(values: Mapping[str, Any]) -> Iterator[str]:
    urls = {
        name: parse_address(values[field])
        for name, field in (
            ("LONGSPAN_REDIS_URL", "redis_url"),
            ("LONGSPAN_EXPORTER_REDIS_URL", "exporter_redis_url"),
        )
        if values[field]
    }
    entra, file = values["redis_auth"] == "entra", values["redis_password_file"]
    if "LONGSPAN_REDIS_URL" not in urls:
        for name, given in (
            ("LONGSPAN_REDIS_PASSWORD_FILE", file),
            ("LONGSPAN_REDIS_AUTH=entra", entra),
            ("LONGSPAN_EXPORTER_REDIS_URL", urls),
        ):
            if given:
                yield f"{name}: LONGSPAN_REDIS_URL must say where the server is"
    if entra and file:
        yield "LONGSPAN_REDIS_PASSWORD_FILE: LONGSPAN_REDIS_AUTH=entra signs in without a password; unset one of them"
    if not entra and file and "LONGSPAN_REDIS_URL" in urls and urls["LONGSPAN_REDIS_URL"].password:
        yield "LONGSPAN_REDIS_PASSWORD_FILE: LONGSPAN_REDIS_URL holds a password too; take it out of the URL"
    for name, address in urls.items() if entra else ():
        if address.username or address.password:
            yield f"{name}: LONGSPAN_REDIS_AUTH=entra signs in as who the token is for; take the user out of the URL"
        if not (address.tls or _is_local(address)):
            yield f"{name}: tokens go over TLS only; write rediss:// (Azure Managed Redis has it on port 10000)"

    yield from _find_access(values)


def _find_access(values: Mapping[str, Any]) -> Iterator[str]:
    if values["oidc_issuer"] and not values["oidc_audience"]:
        yield "LONGSPAN_OIDC_ISSUER: LONGSPAN_OIDC_AUDIENCE must say for whom its tokens are, or those for others fit"
    if values["oidc_audience"] and not values["oidc_issuer"]:
        yield "LONGSPAN_OIDC_AUDIENCE: LONGSPAN_OIDC_ISSUER must say whose tokens are accepted"
    if values["proxy_user_header"] and not values["trusted_proxies"]:
        yield "LONGSPAN_PROXY_USER_HEADER: LONGSPAN_TRUSTED_PROXIES must say from whom it is believed"


def _is_local(address: Address) -> bool:
    return all(is_loopback(host) for host, _ in address.nodes)
