"""Files of recorded events: lines read and written, packed by gzip where the name ends in `.gz`."""

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

from longspan.errors import UseError
from machines.errors import LineError
from machines.recorded_line import LINE_LIMIT

STDIN = "-"
_BUFFER_BYTES = 1 << 20


def read_raw_lines(name: str) -> Iterator[bytes | LineError]:
    """The lines of a file, `-` for stdin, one at a time; what cannot be unpacked is an error of the line it cuts.

    Raises UseError where the file cannot be opened.
    """
    number = 0
    with _open(name) as file:
        while True:
            try:
                line = file.readline(LINE_LIMIT + 1)
                rest = line
                while len(rest) > LINE_LIMIT and not rest.endswith(b"\n"):
                    rest = file.readline(LINE_LIMIT + 1)
            except (EOFError, zlib.error, OSError) as error:
                yield LineError(number + 1, "line", f"cannot be read to its end: {_say(error)}")
                return
            if not line:
                return
            number += 1
            yield line


@contextmanager
def _open(name: str) -> Iterator[IO[bytes]]:
    if name == STDIN:
        yield sys.stdin.buffer
        return
    try:
        raw = Path(name).open("rb", buffering=_BUFFER_BYTES)  # noqa: SIM115  a failure to open is told otherwise
    except OSError as error:
        raise UseError(f"{name} cannot be read: {error.strerror}") from None
    with raw:
        if name.endswith(".gz"):
            with gzip.GzipFile(fileobj=raw) as packed:
                yield BufferedReader(packed, _BUFFER_BYTES)
        else:
            yield raw


def _say(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the gzip stream ends here, without its end mark"
    if isinstance(error, zlib.error | gzip.BadGzipFile):
        return f"it is not what gzip has written ({error})"
    return str(getattr(error, "strerror", None) or error)


@contextmanager
def write_lines(path: Path | None) -> Iterator[Callable[[bytes], object]]:
    """What writes lines to a file, or to stdout. The file has its name only once all has been written.

    Raises UseError where it cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as raw:
            if path.suffix == ".gz":
                # Without name and time the same lines give the same file.
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed:
                    yield packed.write
            else:
                yield raw.write
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    except OSError as error:
        raise UseError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
