"""The field on which the tests of polling play."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.longspan.polling.field import Field
from tests.streams.site import Site
from tests.support.servers import Server
from tests.support.system import System


@pytest.fixture
def field(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Field]:
    """One server is enough: what is polled goes through the same doors as all else."""
    site = Site(valkey_server.url, prefix, tmp_path)
    with System() as system:
        yield Field(site, system, tmp_path)
    site.close()
