"""Signatures of deliveries: what only who knows the secret can send, compared in constant time."""

import hmac
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.problems import Problem
from api.reread import Reread
from machines.webhook import Signature, Webhook

LARGEST_BYTES = 65_536  # of a file of secrets


class SecretsError(Exception):
    """A secret that cannot be had; the text says why."""


class Secrets(Protocol):
    """Where the secrets of a webhook come from."""

    async def current(self) -> tuple[bytes, ...]:
        """All that are accepted now."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that is served. `secrets` are None where it is not signed."""

    webhook: Webhook
    secrets: Secrets | None


class SecretFile(Reread[bytes]):
    """A file with a secret in each line: while one takes the place of another, both are accepted.

    Raises SecretsError when it is made and the file cannot be read or holds none.
    """

    def __init__(self, path: Path, now_seconds: Callable[[], float]) -> None:
        super().__init__(path, _read_lines, SecretsError, now_seconds, named="LONGSPAN_WEBHOOKS", items="secrets")


class GivenSecret:
    """A secret that is known once and for all."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def current(self) -> tuple[bytes, ...]:
        """It alone."""
        return (self._secret,)


def check_signature(signature: Signature, secrets: tuple[bytes, ...], body: bytes, claimed: str) -> None:
    """Raises Problem 401 unless the header's value `claimed` is the body's signature by one of the secrets."""
    given = claimed.strip().encode("latin-1", "replace")
    fits = [hmac.compare_digest(sign(signature, secret, body), given) for secret in secrets]
    if not any(fits):
        what = "token" if signature.scheme == "token" else "signature"
        detail = f"the {what} in {signature.header} does not fit: both sides need the same secret"
        raise unsigned(detail, signature.header)


def sign(signature: Signature, secret: bytes, body: bytes) -> bytes:
    """What the header must hold."""
    if signature.scheme == "token":
        return signature.prefix.encode() + secret
    digest = hmac.digest(secret, body, "sha256")
    return signature.prefix.encode() + (b64encode(digest) if signature.encoding == "base64" else digest.hex().encode())


def unsigned(detail: str, header: str) -> Problem:
    """401 for a delivery whose sender is not known."""
    return Problem(401, "Unauthorized", detail, field=header, headers={"WWW-Authenticate": 'Bearer realm="longspan"'})


def _read_lines(path: Path) -> tuple[bytes, ...]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise SecretsError(f"cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_BYTES:
        raise SecretsError(f"is larger than {LARGEST_BYTES} bytes")
    secrets = tuple(line.strip() for line in content.splitlines() if line.strip())
    if not secrets:
        raise SecretsError("holds no secret: write one in each line")
    return secrets
