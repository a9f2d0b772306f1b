"""OTLP endpoints that answer in ways a good one never would."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from longspan.receiver import Answer, ExportRequest, Receiver


class AnsweringReceiver(Receiver):
    """Answers with what stands in `answers`, one after another, and then accepts. `asked` are all requests."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[ExportRequest] = []

    def answer(self, request: ExportRequest) -> Answer:
        """The next answer."""
        self.asked.append(request)
        return self.answers.pop(0) if self.answers else super().answer(request)


class SilentReceiver(Receiver):
    """Takes requests and says nothing until it is stopped."""

    def answer(self, request: ExportRequest) -> Answer:
        """Wait for the end."""
        self.stopping.wait()
        return super().answer(request)


@contextmanager
def raw_endpoint(answer: bytes) -> Iterator[str]:
    """A server that reads one request, sends these bytes, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                received = connection.recv(65_536)
                while b"\r\n\r\n" not in received:
                    received += connection.recv(65_536)
                head, _, body = received.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                while len(body) < length:
                    body += connection.recv(65_536)
                connection.sendall(answer)
                with suppress(OSError):  # who reads no more than the head may be gone
                    connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()
