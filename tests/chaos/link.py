"""The network between one worker and its server: a TCP proxy that can be cut, stalled and healed."""

import socket
import threading
from collections.abc import Iterable
from types import TracebackType

_PIECE_BYTES = 65_536


class Link:
    """Forwards bytes both ways while it is entered as a context; `url` is what LONGSPAN_REDIS_URL has to be.

    `lost` counts the answers that were lost.
    """

    def __init__(self, server_port: int) -> None:
        self.lost = 0
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._cut = False
        self._closing = False
        self._flowing = threading.Event()
        self._flowing.set()
        self._markers: tuple[bytes, ...] = ()
        self._guard = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._cut = True
        self._break_all()

    def stall(self) -> None:
        """Let no byte pass; what is sent waits."""
        self._flowing.clear()

    def lose_answers(self, markers: Iterable[bytes]) -> None:
        """Break a connection instead of passing on the answer to a request with one of these in it."""
        self._markers = tuple(markers)

    def heal(self) -> None:
        """Let everything pass."""
        self._cut = False
        self._markers = ()
        self._flowing.set()

    def __enter__(self) -> "Link":
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._flowing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for thread in self._threads:
            while thread.is_alive():
                self._break_all()
                thread.join(0.05)

    def _break_all(self) -> None:
        with self._guard:
            for end in self._sockets:
                _shut(end)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(near,))
            self._threads = [*(known for known in self._threads if known.is_alive()), thread]
            thread.start()

    def _serve(self, near: socket.socket) -> None:
        """One connection, from its first byte to its last."""
        with near:
            if self._cut or self._closing:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return
            with far:
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._guard:
                    self._sockets |= {near, far}
                losing = threading.Event()
                answers = threading.Thread(target=self._pass_answers, args=(far, near, losing))
                answers.start()
                self._pass_requests(near, far, losing)
                answers.join()
                with self._guard:
                    self._sockets -= {near, far}

    def _pass_requests(self, near: socket.socket, far: socket.socket, losing: threading.Event) -> None:
        while data := self._receive(near):
            if any(marker in data for marker in self._markers):
                losing.set()
            if not _send(far, data):
                break
        _shut(far)

    def _pass_answers(self, far: socket.socket, near: socket.socket, losing: threading.Event) -> None:
        while data := self._receive(far):
            if losing.is_set():  # the server has answered, so it has carried the request out
                self.lost += 1
                break
            if not _send(near, data):
                break
        _shut(near)
        _shut(far)

    def _receive(self, end: socket.socket) -> bytes:
        try:
            data = end.recv(_PIECE_BYTES)
        except OSError:
            return b""
        self._flowing.wait()
        return b"" if self._cut or self._closing else data


def _send(end: socket.socket, data: bytes) -> bool:
    try:
        end.sendall(data)
    except OSError:
        return False
    return True


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed by the other side
