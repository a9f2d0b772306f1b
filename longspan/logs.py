"""Logging: one line a message, on stderr."""

import logging
from datetime import UTC, datetime


class _Lines(logging.Formatter):
    """`2026-11-22T16:00:00.123Z level logger message`; the line breaks of a traceback are written as \\n."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  logging calls it so
        del datefmt
        moment = datetime.fromtimestamp(record.created, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"

    def format(self, record: logging.LogRecord) -> str:
        record.level = record.levelname.lower()
        return super().format(record).replace("\n", "\\n")


def log_to_stderr(level: str) -> None:
    """Send what the packages log to stderr, from `level` on."""
    stderr = logging.StreamHandler()
    stderr.setFormatter(_Lines("%(asctime)s %(level)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[stderr], force=True)
