"""Asking a Redis server a question over a bare socket: the embedded server's guard has no use for a whole client."""

import socket

OWN_HOST = "127.0.0.1"
_ANSWER_SECONDS = 2.0


class Probe:
    """One connection to a server on loopback. Every method raises OSError when the server does not answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((OWN_HOST, port), _ANSWER_SECONDS)
        self._replies = self._socket.makefile("rb")

    def close(self) -> None:
        """Close the connection."""
        self._replies.close()
        self._socket.close()

    def answers(self) -> bool:
        """Whether the server has loaded its data and takes commands."""
        return self._ask(b"PING") == b"PONG"

    def client_count(self) -> int:
        """How many clients are connected, this one included."""
        return self._tell(b"clients", b"connected_clients")

    def process_id(self) -> int:
        """The server's process."""
        return self._tell(b"server", b"process_id")

    def shut_down(self) -> None:
        """Tell the server to end; it closes its append-only file in good order."""
        try:
            self._ask(b"SHUTDOWN NOSAVE")
        except ConnectionError:
            return  # the way it says yes

    def _tell(self, section: bytes, wanted: bytes) -> int:
        for line in self._ask(b"INFO " + section).splitlines():
            name, _, value = line.partition(b":")
            if name == wanted:
                return int(value)
        raise OSError(f"the server does not say its {wanted.decode()}")

    def _ask(self, command: bytes) -> bytes:
        self._socket.sendall(command + b"\r\n")
        line = self._replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        if line[:1] != b"$":
            return line[1:-2]
        return self._replies.read(int(line[1:]) + 2)[:-2]
