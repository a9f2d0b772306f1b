"""Fixtures of the API: a site with workflows, its app asked in process (`api`), and the same app over HTTP (`http`)."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.streams.site import Site
from tests.support.api import AppClient, app_client, make_service, served
from tests.support.servers import Server


@pytest.fixture
def site(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A prefix of its own on the embedded server; drive it with `site.worker()`, `site.emit`, `site.settle`."""
    site = Site(valkey_server.url, prefix, tmp_path)
    yield site
    site.close()


@pytest.fixture
def api(site: Site) -> Iterator[AppClient]:
    """The app of the site, asked in process; everybody is let in. The time is the site's."""
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with app_client(service) as client:
        yield client


@pytest.fixture
def http(site: Site) -> Iterator[httpx.Client]:
    """A client of the app of the site behind a Hypercorn on a free port."""
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with served(service) as url, httpx.Client(base_url=url) as client:
        yield client
