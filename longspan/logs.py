"""Logging: one line a message, on stderr, for people or for a program that collects them."""

import logging
from datetime import UTC, datetime

import msgspec

FORMATS = ("text", "json")
FACTS = ("workflow_id", "run", "trace_id", "partition", "caller")  # what a line is about, given as `extra`; never data

_encode = msgspec.json.Encoder().encode


class _Lines(logging.Formatter):
    """`2026-11-22T16:00:00.123Z level logger message`; the line breaks of a traceback are written as \\n."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  logging calls it so
        del datefmt
        moment = datetime.fromtimestamp(record.created, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"

    def format(self, record: logging.LogRecord) -> str:
        record.level = record.levelname.lower()
        return super().format(record).replace("\n", "\\n")


class _Objects(_Lines):
    """A JSON object with `time`, `level`, `logger`, `message`, the facts that are known, and `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: getattr(record, name) for name in FACTS if hasattr(record, name)}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return _encode(told).decode()


def log_to_stderr(level: str, form: str) -> None:
    """Send what the packages log to stderr, from `level` on, in one of FORMATS."""
    stderr = logging.StreamHandler()
    stderr.setFormatter(_Objects() if form == "json" else _Lines("%(asctime)s %(level)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[stderr], force=True)
