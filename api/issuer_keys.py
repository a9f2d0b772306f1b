"""The keys of an OIDC issuer, kept: asked for anew when they are old or one is unknown, and never in a rush."""

import asyncio
import logging
from collections.abc import Callable

from jwt import PyJWK

from api.discovery import DiscoveryError, Keys

logger = logging.getLogger(__name__)

FRESH_SECONDS = 3_600.0  # until keys are asked for again although all are known
PAUSE_SECONDS = 10.0  # between two times of asking, whatever comes
PATIENCE_SECONDS = 10.0  # that a request waits for the issuer's answer


class NoKeysError(Exception):
    """The issuer has not yet said which keys it has; `retry_seconds` until it may be asked again."""

    def __init__(self) -> None:
        self.retry_seconds = PAUSE_SECONDS
        super().__init__("the issuer of tokens cannot be reached")


class IssuerKeys:
    """Keeps what `fetch` gives, which is called in a thread, one call at a time.

    `now_seconds` is a clock that never goes back. While the issuer does not answer, the keys it had go on working.
    """

    def __init__(self, fetch: Callable[[], Keys], now_seconds: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now_seconds = now_seconds
        self._keys: Keys = {}
        self._asked_seconds: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> PyJWK | None:
        """The key of an id, None where the issuer has none of it. Raises NoKeysError."""
        key = self._keys.get(key_id)
        since = None if self._asked_seconds is None else self._now_seconds() - self._asked_seconds
        if self._asking is None and (since is None or since >= (FRESH_SECONDS if key else PAUSE_SECONDS)):
            self._asked_seconds = self._now_seconds()
            self._asking = asyncio.create_task(self._ask())
        if key is None and self._asking is not None:
            await asyncio.wait({self._asking}, timeout=PATIENCE_SECONDS)
            key = self._keys.get(key_id)
        if not self._keys:
            raise NoKeysError
        return key

    async def _ask(self) -> None:
        try:
            self._keys = await asyncio.to_thread(self._fetch)
        except DiscoveryError as error:
            kept = "the keys that it had stay" if self._keys else "its tokens cannot be checked"
            logger.warning("LONGSPAN_OIDC_ISSUER: %s; %s", error, kept)
        except Exception:
            logger.exception("LONGSPAN_OIDC_ISSUER: its keys could not be read")
        finally:
            self._asking = None
