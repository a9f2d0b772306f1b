"""The user of the documentation that polls: it may do all that a poller does, and nothing else."""

from pathlib import Path

import pytest

from tests.longspan.polling.field import Field
from tests.streams.site import Site
from tests.support.acl import Users
from tests.support.servers import Server
from tests.support.system import System


@pytest.fixture(params=["valkey_server", "redis_server"])
def own_server(request: pytest.FixtureRequest) -> Server:
    """A single server: users of a cluster are set node by node."""
    server: Server = request.getfixturevalue(request.param)
    return server


def test_a_poller_needs_no_more_rights_than_its_role_has(own_server: Server, prefix: str, tmp_path: Path) -> None:
    with own_server.client() as client, System() as system:
        users = Users(client, prefix)
        site = Site(own_server.url, prefix, tmp_path)
        field = Field(site, system, tmp_path)
        worker = field.worker()
        field.start("wf-1", "wf-2")
        field.tell("wf-1", ("load", 1, 3))
        field.poller_url = users.url("poller", own_server.port)
        with field.polling():
            field.settled(worker, lambda: len(field.types("wf-1")) == 3 and field.trouble("wf-2"))
            field.tell("wf-2", ("load", 1, 3))
            field.settled(worker, lambda: len(field.types("wf-2")) == 3 and not field.trouble("wf-2"))
        assert users.denied() == []
        site.close()
        users.close()
