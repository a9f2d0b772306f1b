"""Tokens of Microsoft Entra ID for Azure Managed Redis; needs the packages of the extra `azure`."""

import logging
import re

from azure.identity import DefaultAzureCredential
from redis.auth.err import RequestTokenErr
from redis.auth.idp import IdentityProviderInterface
from redis.auth.token import TokenInterface
from redis_entraid.identity_provider import DefaultAzureCredentialProvider

SCOPE = "https://redis.azure.com/.default"

# How DefaultAzureCredential tells of each identity that it has tried, and of one that this process does not have.
_TRIED = re.compile(r"^\t(\w+): (.*(?:\n(?!\t|To mitigate).*)*)", re.MULTILINE)
_ABSENT = re.compile("unavailable|not found on path|not installed|could not be found|requires the")
_MOST = 300  # characters of what is told of one


class EntraTokens(IdentityProviderInterface):
    """Tokens for the identity that DefaultAzureCredential finds: workload, managed, or of who is signed in here."""

    def __init__(self, timeout_seconds: float) -> None:
        # At info they write a line for each request; what goes wrong is told by who asks for a token.
        for name in ("azure", "msal"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        credential = DefaultAzureCredential(
            connection_timeout=timeout_seconds,
            read_timeout=timeout_seconds,
            process_timeout=timeout_seconds,
            retry_total=1,
        )
        self._provider = DefaultAzureCredentialProvider(credential, (SCOPE,))

    def request_token(self, force_refresh: bool = False) -> TokenInterface:
        """A token: one that azure-identity has kept, or a new one when that has under five minutes to go.

        Raises RequestTokenErr.
        """
        try:
            token: TokenInterface = self._provider.request_token(force_refresh)
        except RequestTokenErr as error:
            raise RequestTokenErr(shorten(str(error))) from error  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        return token


def shorten(text: str) -> str:
    """Of the long text in which DefaultAzureCredential tells of all that it has tried, what may be the reason."""
    tried = [(name, " ".join(said.split())[:_MOST]) for name, said in _TRIED.findall(text)]
    told = [f"{name}: {said}" for name, said in tried if not _ABSENT.search(said)]
    if tried and not told:
        return (
            "no identity was found: neither a workload or managed identity, nor AZURE_* variables, nor a tool's sign-in"
        )
    return "; ".join(told) or " ".join(text.split())[:_MOST]
