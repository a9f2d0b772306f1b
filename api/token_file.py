"""The tokens that an API accepts: given with the settings, or read again from a file whenever that changes."""

from collections.abc import Callable
from pathlib import Path

from api.reread import Reread
from api.token_lines import StoredToken, TokenLinesError, parse_tokens

LARGEST_BYTES = 1_048_576


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


class TokenFile(Reread[StoredToken]):
    """A file of tokens. `now_seconds` is a clock that never goes back. Raises TokenLinesError when it is made."""

    def __init__(self, path: Path, now_seconds: Callable[[], float]) -> None:
        super().__init__(path, read_tokens, TokenLinesError, now_seconds, named="LONGSPAN_API_TOKENS", items="tokens")


class GivenTokens:
    """Tokens that stand in the settings themselves."""

    def __init__(self, tokens: tuple[StoredToken, ...]) -> None:
        self._tokens = tokens

    async def current(self) -> tuple[StoredToken, ...]:
        """All of them."""
        return self._tokens
