"""How the processes sign in to Redis: as the settings say, with what they need to do so loaded only then."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from longspan.errors import LongspanError
from longspan.settings import Settings

if TYPE_CHECKING:
    from redis.credentials import CredentialProvider

    from streams.signin import TokenSignIn

TIMEOUT_SECONDS = 10.0


class MissingPackageError(LongspanError):
    """A package that an optional feature needs is not installed."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        self.package = package
        super().__init__(f"{feature} needs the package {package}: pip install 'longspan[{extra}]'")


def choose_credentials(settings: Settings) -> "CredentialProvider | None":
    """What signs in, None for the user and password of the URL. Raises MissingPackageError."""
    if settings.redis_url is None:
        return None
    if settings.redis_auth == "entra":
        return sign_in_with_entra()
    if settings.redis_password_file is not None:
        from streams.address import parse_address
        from streams.signin import PasswordFile

        return PasswordFile(settings.redis_password_file, parse_address(settings.redis_url).username)
    return None


def as_exporter(settings: Settings) -> Settings:
    """The settings of the exporter's process: with a user of its own where they name one."""
    if settings.exporter_redis_url is None:
        return settings
    from streams.address import parse_address

    has_password = parse_address(settings.exporter_redis_url).password is not None
    return replace(
        settings,
        redis_url=settings.exporter_redis_url,
        redis_password_file=None if has_password else settings.redis_password_file,
    )


def sign_in_with_entra(timeout_seconds: float = TIMEOUT_SECONDS) -> "TokenSignIn":
    """Tokens of Microsoft Entra ID, for whoever `DefaultAzureCredential` finds that this process is.

    Raises MissingPackageError.
    """
    try:
        from longspan.entra import EntraTokens
    except ModuleNotFoundError as error:
        raise MissingPackageError("LONGSPAN_REDIS_AUTH=entra", "redis-entraid", "azure") from error
    from streams.signin import TokenSignIn

    return TokenSignIn(EntraTokens(timeout_seconds), _now_ms)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
