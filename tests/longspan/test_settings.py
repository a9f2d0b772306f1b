import re
from dataclasses import fields
from pathlib import Path

import pytest

from longspan.errors import SettingsError
from longspan.settings import SETTINGS, Settings, read_settings, redacted

REFERENCE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_defaults_are_those_of_the_table() -> None:
    settings = read_settings({})
    assert settings.redis_url is None
    assert settings.partitions is None
    assert (settings.prefix, settings.namespace, settings.machines) == ("longspan", "default", ())
    assert (settings.retention_ms, settings.lease_ms) == (7 * 86_400_000, 10_000)
    assert settings.data.is_absolute()


def test_every_field_has_one_setting_and_every_setting_one_field() -> None:
    assert [setting.field for setting in SETTINGS] == [field.name for field in fields(Settings)]
    names = [setting.name.removeprefix("LONGSPAN_").lower() for setting in SETTINGS]
    assert names == [field.name.removesuffix("_ms") for field in fields(Settings)]


def test_values_are_read() -> None:
    settings = read_settings(
        {
            "LONGSPAN_REDIS_URL": "rediss://user:secret@redis.example:6380/2",
            "LONGSPAN_MACHINES": "./machines, shop.machines:Order",
            "LONGSPAN_PARTITIONS": "4",
            "LONGSPAN_EARLY_WAIT": "1.5m",
            "LONGSPAN_LOG_LEVEL": "debug",
            "LONGSPAN_PREFIX": " ",
        }
    )
    assert settings.redis_url == "rediss://user:secret@redis.example:6380/2"
    assert settings.machines == ("./machines", "shop.machines:Order")
    assert (settings.partitions, settings.early_wait_ms, settings.log_level) == (4, 90_000, "DEBUG")
    assert settings.prefix == "longspan"


def test_all_problems_come_in_one_message_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(
            {
                "LONGSPAN_RETENTON": "7d",
                "LONGSPAN_LEASE": "soon",
                "LONGSPAN_PARTITIONS": "0",
                "LONGSPAN_PREFIX": "a{b}",
                "LONGSPAN_QZX": "",
                "LONGSPAN_CACHE": "\u0663\u0663\u0663\u0663",
            }
        )
    text = str(caught.value)
    assert "LONGSPAN_RETENTON: no such setting; did you mean LONGSPAN_RETENTION?" in text
    assert "LONGSPAN_LEASE='soon' is no duration" in text
    assert "LONGSPAN_PARTITIONS='0' must be a whole number from 1 to 1024" in text
    assert "LONGSPAN_PREFIX='a{b}' must be" in text
    assert "LONGSPAN_QZX: no such setting" in text
    assert "LONGSPAN_CACHE=" in text
    assert len(caught.value.problems) == 6
    assert caught.value.exit_status == 2


def test_what_kubernetes_adds_for_a_service_is_no_setting() -> None:
    links = {
        "LONGSPAN_SERVICE_HOST": "10.0.0.1",
        "LONGSPAN_SERVICE_PORT": "8080",
        "LONGSPAN_API_PORT_8080_TCP_ADDR": "10.0.0.1",
        "LONGSPAN_PORT": "tcp://10.0.0.1:8080",
    }
    assert read_settings(links) == read_settings({})


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@host",
        "redis://:secret@",
        "redis://user:se/secret@host:6379",
        "redis://user:secret#@host",
        "user:secret@host",
        "redis://host:port?password=secret",
        "redis://[secret",
    ],
)
def test_a_wrong_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"LONGSPAN_REDIS_URL": url})
    assert "LONGSPAN_REDIS_URL" in str(caught.value)
    assert "secret" not in str(caught.value).replace("[secret", "")


def test_urls_are_shown_without_credentials() -> None:
    assert redacted("redis://user:secret@host:6379/1?password=x") == "redis://host:6379/1"
    assert redacted("unix:///run/redis.sock?password=x") == "unix:///run/redis.sock"


def test_the_reference_lists_each_setting_with_default_and_meaning() -> None:
    rows = re.findall(r"^\| `(LONGSPAN_\w+)` \| (.*?) \| (.*) \|$", REFERENCE.read_text(), re.MULTILINE)
    wanted = [
        (setting.name, f"`{setting.default}`" if setting.default else "empty", setting.meaning) for setting in SETTINGS
    ]
    assert rows == wanted
