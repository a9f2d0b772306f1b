"""The API's server against clients that are slow, huge or many: it answers the others, and lets nothing grow."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from h2.connection import H2Connection

from api.allowance import IN_FLIGHT_BYTES
from api.bodies import BODY_SECONDS
from api.guard import LINGER_SECONDS
from longspan.serving import HEAD_BYTES, Patience
from scripts.map import ROOT
from tests.support.serving import Running, running
from tests.support.waiting import wait_for


@pytest.fixture
def server() -> Iterator[Running]:
    """A server that waits half a second for a head or a body."""
    with running() as server:
        yield server


def test_the_reference_says_what_holds() -> None:
    section = (ROOT / "docs" / "api.md").read_text().partition("## Limits\n")[2].partition("\n## ")[0]
    assert f"{HEAD_BYTES // 1024} KiB; {Patience().idle:g} seconds" in section
    assert f"unless set); {BODY_SECONDS:g} seconds" in section
    assert f"{IN_FLIGHT_BYTES // 2**20} MiB" in section
    assert f"{Patience().stall:g} seconds without progress" in section
    assert f"{LINGER_SECONDS:g} seconds are waited for" in section


def _connect(server: Running, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(data)
    return connection


def _rest(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            received += piece
    return received


def _ask(server: Running, data: bytes) -> bytes:
    with _connect(server, data) as connection:
        return _rest(connection)


def _post(server: Running, body: bytes, path: str = "/", headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return _ask(server, head.encode() + body)


def _is_well(server: Running) -> bool:
    """It answers others, and nothing is left of those before."""
    answer = _post(server, b"four")
    return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n4")


@pytest.mark.parametrize("beginning", [b"", b"POST /eve", b"POST / HTTP/1.1\r\nHost: x\r\n"])
def test_a_client_that_does_not_finish_its_head_is_let_go(server: Running, beginning: bytes) -> None:
    with _connect(server, beginning) as connection:
        assert _is_well(server)
        _rest(connection)
    wait_for(lambda: server.is_empty)


def test_a_client_that_speaks_http2_and_asks_nothing_is_let_go_when_others_come(server: Running) -> None:
    with _connect(server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))) as connection:
        assert connection.recv(1)
        wait_for(lambda: server.open == 1)
        wait_for(lambda: _is_well(server) and server.open == 0)


def test_an_http2_client_that_sends_on_behind_its_answer_leaves_no_traceback(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    client = H2Connection()
    client.initiate_connection()
    headers = [(":method", "POST"), (":path", "/unread"), (":authority", "x"), (":scheme", "http")]
    client.send_headers(1, headers)
    with _connect(server, client.data_to_send()) as connection:
        answer = b""
        while b"not read" not in answer:
            answer += connection.recv(65_536)
        with suppress(OSError):
            for _ in range(3):
                client.send_data(1, bytes(16_000))
                connection.sendall(client.data_to_send())
                connection.settimeout(0.2)
                connection.recv(65_536)
    wait_for(lambda: server.is_empty)
    assert [record.message for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


def test_a_head_that_comes_byte_by_byte_is_let_go_too(server: Running) -> None:
    with _connect(server, b"GET / HTTP/1.1\r\nX: ") as connection:
        connection.settimeout(0.05)

        def is_let_go() -> bool:
            try:
                connection.send(b"x")
                return connection.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_for(is_let_go, 5)
    wait_for(lambda: server.is_empty)


def test_a_body_that_never_ends_is_answered_408_and_let_go(server: Running) -> None:
    with _connect(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf") as connection:
        assert _is_well(server)
        assert _rest(connection).startswith(b"HTTP/1.1 408")
    wait_for(lambda: server.is_empty)


def test_a_chunked_body_is_read_and_bounded(server: Running) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert _ask(server, head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").endswith(b"\r\n\r\n5")
    with _connect(server, head) as connection:
        sent = 0
        with suppress(OSError):
            while sent < 100_000_000:  # far more than the limit: nobody takes that
                connection.sendall(b"10000\r\n" + bytes(65_536) + b"\r\n")
                sent += 65_536
        assert b" 413 " in _rest(connection) or sent < 100_000_000
    assert _is_well(server)
    wait_for(lambda: server.is_empty)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: 1\r\nContent-Length: 2", b"400"),
        (b"Content-Length: nine", b"400"),
        (b"Content-Length: 99999999999999999999", b"413"),
        (b"Content-Length: 1000001", b"413"),
        (b"Transfer-Encoding: rot13", b"501"),
        (b"X: \x00", b"400"),
    ],
)
def test_a_wrong_head_is_refused(server: Running, headers: bytes, status: bytes) -> None:
    assert _ask(server, b"POST / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n").split()[1] == status
    assert _is_well(server)


def test_what_follows_a_body_that_was_said_to_be_shorter_is_no_request(server: Running) -> None:
    answer = _ask(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabcdef\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b"\r\n\r\n2") == 1
    assert _is_well(server)


def test_ten_megabytes_of_headers_are_refused_before_they_are_there(server: Running) -> None:
    with _connect(server, b"GET / HTTP/1.1\r\nHost: x\r\n") as connection:
        sent = 0
        with suppress(OSError):
            while sent < 10_000_000:
                connection.sendall(b"x-many: " + b"y" * 992 + b"\r\n")
                sent += 1_002
        assert sent < 10_000_000
    assert _is_well(server)
    wait_for(lambda: server.is_empty)


def test_a_large_body_that_nobody_reads_leaves_nothing_behind(server: Running) -> None:
    before = server.tasks()
    with _connect(server, b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n") as connection:
        with suppress(OSError):
            connection.sendall(bytes(50_000_000))
        _rest(connection)
    wait_for(lambda: server.is_empty and server.tasks() == before)


def test_an_answer_reaches_a_client_that_is_still_sending(server: Running) -> None:
    answer = _post(server, bytes(400_000), "/unread")
    assert answer.startswith(b"HTTP/1.1 404")
    assert answer.endswith(b"not read")


def test_a_client_that_does_not_take_its_answer_is_let_go(server: Running) -> None:
    with _connect(server, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"):
        wait_for(lambda: server.open == 1)
        wait_for(lambda: server.open == 0, 20)
    assert _is_well(server)


def test_the_pieces_of_an_answer_are_not_held_back(server: Running) -> None:
    with _connect(server):
        (connection,) = wait_for(lambda: list(server.config.listener.connections.values()))
        wait_for(lambda: connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def test_hundreds_of_idle_connections_hold_nobody_up_and_end(server: Running) -> None:
    with ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(_connect(server))
        assert _is_well(server)
        wait_for(lambda: server.is_empty)


def test_connections_beyond_the_limit_are_told_so_and_there_is_room_again_later() -> None:
    with running(connections=10, patience=Patience(idle=60, shutdown=0.2)) as server, ExitStack() as stack:
        held = [stack.enter_context(_connect(server, b"GET")) for _ in range(10)]
        wait_for(lambda: server.open == 10)
        refused = _ask(server, b"")
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"Retry-After" in refused
        held[0].close()
        wait_for(lambda: server.open == 9)
        assert _is_well(server)


def test_an_idle_server_keeps_no_request_in_mind(server: Running) -> None:
    before = server.tasks()
    for _ in range(50):
        assert _is_well(server)
    wait_for(lambda: server.tasks() == before)
