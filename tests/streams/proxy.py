"""A TCP proxy in front of a server that can lose the answer to a request which the server has carried out."""

import socket
import threading
from types import TracebackType


class Proxy:
    """Forwards bytes both ways. `cut_after` makes it close the connection instead of passing on the answer to the next
    request that holds these bytes; `cuts` counts how often it did."""

    def __init__(self, port: int) -> None:
        self.cuts = 0
        self._upstream = port
        self._marker: bytes | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def cut_after(self, marker: bytes) -> None:
        """Lose the answer to the next request with `marker` in it."""
        self._marker = marker

    def __enter__(self) -> "Proxy":
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for end in self._sockets:
            _shut(end)
        for thread in self._threads:
            thread.join()
        for end in (*self._sockets, self._listener):
            end.close()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]  # a method of this class
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._upstream))
            self._sockets += [near, far]
            losing = threading.Event()
            self._start(self._forward, near, far, losing)
            self._start(self._answer, far, near, losing)

    def _forward(self, near: socket.socket, far: socket.socket, losing: threading.Event) -> None:
        tail = b""
        while data := _receive(near):
            tail = tail[-64:] + data
            if self._marker and self._marker in tail:
                self._marker = None
                losing.set()
            try:
                far.sendall(data)
            except OSError:
                break
        _shut(far)

    def _answer(self, far: socket.socket, near: socket.socket, losing: threading.Event) -> None:
        while data := _receive(far):
            if losing.is_set():  # the server has answered, so it has carried the request out
                self.cuts += 1
                _shut(near)
                return
            try:
                near.sendall(data)
            except OSError:
                return
        _shut(near)


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(65_536)
    except OSError:
        return b""


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
