"""What Tempo's query API says of a request that it cannot answer: plain text."""


class TempoError(Exception):
    """A request that is not answered: `status` and `message` as they are sent."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class TraceQLError(TempoError):
    """A query that is wrong, or that Longspan does not understand; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(400, f"invalid TraceQL query: parse error at line {line}, col {column}: {reason}")
        self.line = line
        self.column = column
