"""Fixtures of the tests of what speaks Redis: each test has a prefix of its own on Valkey and on Redis in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.streams.site import Site
from tests.support.servers import Server


@pytest.fixture
def site(server: Server, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site on Valkey, then on Redis."""
    site = Site(server.url, prefix, tmp_path)
    yield site
    site.close()


@pytest.fixture
def valkey_site(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site on Valkey only, for what takes long."""
    site = Site(valkey_server.url, prefix, tmp_path)
    yield site
    site.close()
