"""What the API's readiness says of pollers."""

from streams.keys import partition_of
from streams.layout import settle_partitions
from tests.streams.site import JOB, PARTITIONS, Site
from tests.support.api import app_client, make_service


def _pollers(site: Site) -> dict[str, str]:
    """What an app that has not looked at anything yet finds of them, while it is ready."""
    with app_client(make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)) as api:
        ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    checks: dict[str, dict[str, str]] = {check["check"]: check for check in ready.json()["checks"]}
    return checks["pollers"]


def test_a_missing_poller_is_told_where_one_is_needed_and_leaves_the_api_ready(site: Site) -> None:
    source = {"url": "${JOBS}/jobs/{id}", "events": [{"type": "com.example.job.finished"}]}
    site.catalog = site.load(JOB | {"source": source})
    worker = site.worker(catalog=site.catalog)
    settle_partitions(site.client, site.keys, PARTITIONS)
    assert _pollers(site)["detail"] == "0 workflows are to be polled, 0 pollers are there"
    site.emit(site.event("w", "started"))
    site.settle(worker)
    number = partition_of("w", PARTITIONS)
    found = _pollers(site)
    assert (found["verdict"], found["detail"]) == ("warn", f"no poller holds partitions {number}")
    assert "longspan poll" in found["remedy"]
    site.client.call("HSET", site.keys.of(number).poller, "nonce", "n", "until", 9_000_000_000_000)
    site.client.call("HSET", site.keys.pollers, "one", "1 9000000000000", "gone", "1 1")
    found = _pollers(site)
    assert (found["verdict"], found["detail"]) == ("ok", "1 workflows are to be polled, 1 pollers are there")
