"""A server with the documentation's file of users loses nothing when it is restarted.

Several versions read their append-only file with the rules of the user `default`.
"""

from pathlib import Path

import pytest
import redis

from tests.support.acl import acl_file
from tests.support.servers import DURABLE, REDIS, VALKEY, Server
from tests.support.waiting import wait_for

BINARIES = [
    VALKEY,
    pytest.param(REDIS, marks=pytest.mark.skipif(REDIS is None, reason="no redis-server on the PATH")),
]


def _answers(client: redis.Redis) -> bool:
    try:
        return not client.info("persistence")["loading"]
    except redis.ConnectionError:
        return False


@pytest.mark.parametrize("binary", BINARIES, ids=["valkey", "redis"])
def test_what_scripts_wrote_is_there_after_a_restart(binary: str, tmp_path: Path) -> None:
    (tmp_path / "users.acl").write_text(acl_file())
    server = Server(binary, tmp_path, *DURABLE, "--aclfile", str(tmp_path / "users.acl"))
    keys = ["longspan:{0}:one", "longspan:{0}:two"]
    with redis.Redis.from_url(f"redis://longspan-worker:WORKER-PASSWORD@127.0.0.1:{server.port}") as worker:
        try:
            server.launch()
            wait_for(lambda: _answers(worker))
            worker.eval("for _, key in ipairs(KEYS) do redis.call('set', key, 'kept') end", len(keys), *keys)
            server.kill()
            server.launch()
            wait_for(lambda: _answers(worker))
            assert worker.mget(keys) == [b"kept", b"kept"]
        finally:
            server.kill()
