"""What is fixed at the first start: the number of partitions, and the format of the keys."""

import pytest

from streams.errors import LayoutError
from streams.layout import DEFAULT_PARTITIONS, read_partitions, settle_again, settle_partitions
from tests.streams.site import Site


def test_the_first_start_decides(site: Site) -> None:
    assert read_partitions(site.client, site.keys) is None
    assert settle_partitions(site.client, site.keys, 7) == 7
    assert settle_partitions(site.client, site.keys, 7) == 7
    assert settle_partitions(site.client, site.keys, None) == 7
    assert read_partitions(site.client, site.keys) == 7


def test_without_a_wish_there_is_a_default(site: Site) -> None:
    assert settle_partitions(site.client, site.keys, None) == DEFAULT_PARTITIONS


def test_another_number_is_refused_with_the_remedy(site: Site) -> None:
    settle_partitions(site.client, site.keys, 7)
    with pytest.raises(
        LayoutError, match=r"LONGSPAN_PARTITIONS is 8, but .* was set up with 7: .*Set 7, or use another"
    ):
        settle_partitions(site.client, site.keys, 8)
    assert read_partitions(site.client, site.keys) == 7


def test_what_redis_has_lost_is_recorded_anew_and_told_by_one(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    settle_partitions(site.client, site.keys, 7)
    settle_again(site.client, site.keys, 7)
    assert not caplog.messages
    site.client.call("DEL", site.keys.layout)
    for _ in range(2):
        settle_again(site.client, site.keys, 7)
    assert read_partitions(site.client, site.keys) == 7
    assert [line.partition(":")[0] for line in caplog.messages] == [
        f"Redis has lost what was under prefix {site.keys.prefix}"
    ]
    with pytest.raises(LayoutError, match="was set up with 7"):
        settle_again(site.client, site.keys, 8)


def test_a_newer_format_is_refused(site: Site) -> None:
    site.client.call("HSET", site.keys.layout, "partitions", 7, "format", 2)
    with pytest.raises(LayoutError, match="format 2, this version reads 1: upgrade"):
        settle_partitions(site.client, site.keys, 7)


@pytest.mark.parametrize("command", [("SET", "x"), ("HSET", "partitions", "many"), ("HSET", "partitions", "0")])
def test_a_key_that_is_not_ours_is_refused(site: Site, command: tuple[str, ...]) -> None:
    site.client.call(command[0], site.keys.layout, *command[1:])
    with pytest.raises(LayoutError, match=r"layout (is not ours|cannot be read)"):
        settle_partitions(site.client, site.keys, 7)


def test_a_settled_layout_is_only_read(site: Site) -> None:
    settle_partitions(site.client, site.keys, 7)
    before = site.client.info("commandstats").get("cmdstat_hsetnx", {}).get("calls", 0)
    settle_partitions(site.client, site.keys, 7)
    assert site.client.info("commandstats").get("cmdstat_hsetnx", {}).get("calls", 0) == before
