"""The OTLP endpoint of the bench, a process of its own: answers at once, counts, and decodes only when asked.

python -m tests.bench.endpoint      prints its port
"""

import asyncio
import json
import time
from collections.abc import Iterator

_Field = tuple[int, memoryview]


class Endpoint:
    """Counts spans as they come, and keeps the requests with the time of their acceptance (monotonic, seconds)."""

    def __init__(self) -> None:
        self.spans = 0
        self.requests: list[tuple[float, bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.split(b"\r\n")
                length = next((int(line[15:]) for line in lines if line[:15].lower() == b"content-length:"), 0)
                body = await reader.readexactly(length) if length else b""
                answer = self._answer(lines[0].split(b" ")[0], lines[0].split(b" ")[1], body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, method: bytes, path: bytes, body: bytes) -> bytes:
        if method == b"POST":
            self.requests.append((time.monotonic(), body))
            self.spans += sum(1 for _ in _spans(body))
            return b""
        if method == b"DELETE" and path == b"/requests":
            self.requests = self.requests[-1:]
            return b""
        if method == b"DELETE":
            self.spans, self.requests = 0, []
            return b""
        if path == b"/spans":
            return json.dumps([[at, *_ids(span)] for at, body in self.requests for span in _spans(body)]).encode()
        last = self.requests[-1][0] if self.requests else 0.0
        return json.dumps({"spans": self.spans, "requests": len(self.requests), "last": last}).encode()


def _spans(request: bytes) -> Iterator[memoryview]:
    for number, resource_spans in _fields(memoryview(request)):
        if number == 1:
            for inner, scope_spans in _fields(resource_spans):
                if inner == 2:
                    yield from (span for innermost, span in _fields(scope_spans) if innermost == 2)


def _ids(span: memoryview) -> tuple[str, str]:
    fields = dict(_fields(span))
    return bytes(fields[2]).hex(), bytes(fields.get(4, b"")).hex()


def _fields(message: memoryview) -> Iterator[_Field]:
    """The length-delimited fields of a protobuf message; other kinds are passed over."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 2:
            length, at = _varint(message, at)
            yield tag >> 3, message[at : at + length]
            at += length
        elif kind == 0:
            _, at = _varint(message, at)
        else:
            at += 8 if kind == 1 else 4


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    byte = message[at]
    if byte < 128:
        return byte, at + 1
    value, shift = byte & 127, 7
    while True:
        at += 1
        byte = message[at]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + 1
        shift += 7


async def main() -> None:
    """Listen until killed."""
    server = await asyncio.start_server(Endpoint().serve, "127.0.0.1", 0, limit=2**26)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
