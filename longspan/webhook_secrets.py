"""The webhooks that the settings name, with the secrets that their documents point to."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from longspan.errors import SettingsError

if TYPE_CHECKING:
    from api.signatures import Hook, Secrets
    from machines.webhook import Webhook


def make_hooks(sources: Sequence[str], environment: Mapping[str, str]) -> "dict[str, Hook]":
    """The webhooks of these sources by name, ready to be served.

    Raises WebhookDocumentError for documents that are wrong, SettingsError for secrets that are not there.
    """
    if not sources:
        return {}
    from api.signatures import Hook, SecretsError
    from machines.webhook_files import load_webhooks

    hooks, problems = {}, []
    for name, webhook in load_webhooks(sources).items():
        try:
            hooks[name] = Hook(webhook, _find_secrets(webhook, environment))
        except SecretsError as error:
            problems.append(f"LONGSPAN_WEBHOOKS: the webhook {name} ({webhook.origin}): {error}")
    if problems:
        raise SettingsError(problems)
    return hooks


def _find_secrets(webhook: "Webhook", environment: Mapping[str, str]) -> "Secrets | None":
    from api.signatures import GivenSecret, SecretFile, SecretsError

    if webhook.signature is None:
        return None
    place = webhook.signature.secret
    if place.kind == "variable":
        secret = environment.get(place.name, "")
        if not secret:
            raise SecretsError(f"its secret is taken from the variable {place.name}, which is not set")
        return GivenSecret(secret.encode("utf-8", "surrogateescape"))
    try:
        return SecretFile(Path(place.name), time.monotonic)
    except SecretsError as error:
        raise SecretsError(f"its secret is taken from the file {place.name}, which {error}") from None
