"""The headers of requests, with secrets read from where the machine's document says."""

from collections.abc import Callable, Mapping
from pathlib import Path

from longspan.polling.permission import Permission
from machines.source import HeaderValue

FRESH_MS = 5_000  # a file that is replaced (a mounted secret that rotates) is read anew after this time
LONGEST = 16_384  # bytes of a header's value

USER_AGENT = "longspan"


class HeaderError(Exception):
    """A header's value that cannot be had; the text names file or variable, never the value."""


class Headers:
    """Writes the headers of requests. `now_ms` is a clock that is never put back."""

    def __init__(self, permission: Permission, now_ms: Callable[[], int]) -> None:
        self._permission = permission
        self._now_ms = now_ms
        self._files: dict[str, tuple[int, str]] = {}

    def write(self, values: Mapping[str, HeaderValue]) -> dict[str, str]:
        """Names and values. Raises HeaderError."""
        written = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        named = {name.lower() for name in values}
        written = {name: value for name, value in written.items() if name.lower() not in named}
        return written | {name: self._read(name, value) for name, value in values.items()}

    def _read(self, name: str, value: HeaderValue) -> str:
        match value.kind:
            case "text":
                return value.value
            case "variable":
                text = self._permission.environment.get(value.value, "").strip()
            case "file":
                text = self._read_file(value.value)
        if not text or not text.isascii() or not text.isprintable():
            raise HeaderError(f"the {value.kind} {value.value} does not hold what the header {name} could carry")
        return value.prefix + text

    def _read_file(self, name: str) -> str:
        read_ms, text = self._files.get(name, (0, ""))
        now_ms = self._now_ms()
        if text and now_ms < read_ms + FRESH_MS:
            return text
        if not self._permission.allows_file(name):  # a link may lead elsewhere now
            raise HeaderError(f"the file {name} does not lie in {self._permission.files} (LONGSPAN_SOURCE_FILES)")
        try:
            with Path(name).open("rb") as stream:
                text = stream.read(LONGEST + 1).decode("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "this is no text"
            raise HeaderError(f"the file {name} cannot be read: {reason}") from None
        if len(text) > LONGEST:
            raise HeaderError(f"the file {name} is longer than a header may be")
        self._files[name] = now_ms, text
        return text
