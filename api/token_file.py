"""The tokens that an API accepts: given with the settings, or read again from a file whenever that changes."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from api.token_lines import StoredToken, TokenLinesError, parse_tokens

logger = logging.getLogger(__name__)

LARGEST_BYTES = 1_048_576
LOOK_SECONDS = 1.0  # how soon a change of the file is seen


def read_tokens(path: Path) -> tuple[StoredToken, ...]:
    """The tokens that a file stores. Raises TokenLinesError, also where it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise TokenLinesError([f"is larger than {LARGEST_BYTES} bytes"])
        return parse_tokens(content.decode())
    except OSError as error:
        raise TokenLinesError([f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise TokenLinesError(["is not UTF-8"]) from None


class TokenFile:
    """A file of tokens. `now_seconds` is a clock that never goes back. Raises TokenLinesError when it is made.

    While the file is broken or gone, what it held before goes on being accepted.
    """

    def __init__(self, path: Path, now_seconds: Callable[[], float]) -> None:
        self._path = path
        self._now_seconds = now_seconds
        self._mark = self._look()
        self._tokens = read_tokens(path)
        self._looked_seconds = now_seconds()

    async def current(self) -> tuple[StoredToken, ...]:
        """What the file says, as of at most LOOK_SECONDS ago. It is read in a thread."""
        now = self._now_seconds()
        if now - self._looked_seconds >= LOOK_SECONDS:
            self._looked_seconds = now
            await asyncio.to_thread(self._refresh)
        return self._tokens

    def _look(self) -> tuple[int, ...]:
        # Kubernetes swaps a link to bring in a new version: the file is then another one.
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev

    def _refresh(self) -> None:
        mark = self._look()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._tokens = read_tokens(self._path)
        except TokenLinesError as error:
            logger.error("LONGSPAN_API_TOKENS: %s: %s; the tokens that it held before stay", self._path, error)
        else:
            logger.info("LONGSPAN_API_TOKENS: %s was read again: %d tokens", self._path, len(self._tokens))


class GivenTokens:
    """Tokens that stand in the settings themselves."""

    def __init__(self, tokens: tuple[StoredToken, ...]) -> None:
        self._tokens = tokens

    async def current(self) -> tuple[StoredToken, ...]:
        """All of them."""
        return self._tokens
