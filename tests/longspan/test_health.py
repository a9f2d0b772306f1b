"""The HTTP side of probes and metrics: no client can hold anything up."""

import http.client
import socket

import pytest

from longspan import health as health_module
from longspan.errors import ListenError
from longspan.health import MOST_CONNECTIONS, Health
from tests.longspan.probed import Probed
from tests.support.servers import free_port
from tests.support.waiting import wait_for


def test_only_get_of_what_there_is_is_answered(probed: Probed) -> None:
    assert probed.get("/")[0] == 404
    assert probed.get("/readyz?verbose=1")[0] == 503
    for method in ("POST", "HEAD", "DELETE", "BREW"):
        assert probed.get("/livez", method)[0] == 405
    for rubbish in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 70_000):
        with socket.create_connection(("127.0.0.1", probed.port), 10) as connection:
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            assert b"Traceback" not in connection.recv(1_000)
    assert probed.get("/livez")[0] == 200


def test_a_client_that_says_nothing_is_let_go(probed: Probed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module._Exchange, "timeout", 0.05)
    with socket.create_connection(("127.0.0.1", probed.port), 5) as silent:
        assert silent.recv(1) == b""


def test_there_are_only_so_many_clients_at_once_and_none_stays_for_long(
    probed: Probed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module._Exchange, "timeout", None)
    monkeypatch.setattr(health_module, "WHOLE_SECONDS", 1e9)
    silent = [socket.create_connection(("127.0.0.1", probed.port), 10) for _ in range(MOST_CONNECTIONS)]
    with socket.create_connection(("127.0.0.1", probed.port), 10) as beyond:
        assert beyond.recv(1) == b""
    monkeypatch.setattr(health_module, "WHOLE_SECONDS", 0.0)
    for connection in silent:
        assert connection.recv(1) == b""
        connection.close()
    monkeypatch.undo()

    def answers() -> bool:
        try:
            return probed.get("/livez")[0] == 200
        except (http.client.HTTPException, OSError):
            return False

    wait_for(answers)


def test_an_address_where_nobody_can_listen_is_told_plainly(probed: Probed) -> None:
    for address, reason in ((("127.0.0.1", probed.port), "in use"), (("192.0.2.1", free_port()), "assign")):
        with pytest.raises(
            ListenError, match=rf"LONGSPAN_HEALTH: {address[0]} port \d+ cannot be listened on.*{reason}"
        ):
            Health(address, probed.health._watched, probed.health._metrics)
