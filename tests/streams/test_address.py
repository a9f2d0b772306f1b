"""URLs of Redis: what they say, and what is wrong with them, told without showing a password."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from streams.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("redis://host", {"topology": "server", "nodes": (("host", 6379),)}),
        ("redis://host:7000/", {"nodes": (("host", 7000),)}),
        ("redis://host/3", {"database": 3}),
        ("redis://host?db=4", {"database": 4}),
        ("redis://[::1]:7000", {"nodes": (("::1", 7000),)}),
        ("redis://us%40er:p%3A%40%2F@host", {"username": "us@er", "password": "p:@/"}),
        ("redis://:secret@host", {"username": None, "password": "secret"}),
        ("redis://host?username=u&password=p%26q", {"username": "u", "password": "p&q"}),
        ("rediss://host?ssl_cert_reqs=none", {"tls": True, "tls_options": {"ssl_cert_reqs": "none"}}),
        ("rediss://host?ssl_check_hostname=no", {"tls_options": {"ssl_check_hostname": False}}),
        (
            "rediss://host?ssl_exclude_verify_flags=VERIFY_X509_STRICT,VERIFY_X509_PARTIAL_CHAIN",
            {
                "tls_options": {
                    "ssl_exclude_verify_flags": [
                        ssl.VerifyFlags.VERIFY_X509_STRICT,
                        ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN,
                    ]
                }
            },
        ),
        (
            "unix:///run/redis.sock?db=2&password=p",
            {"path": "/run/redis.sock", "nodes": (), "database": 2, "password": "p"},
        ),
        (
            "redis+cluster://a:7000,b,[::2]:7002",
            {"topology": "cluster", "nodes": (("a", 7000), ("b", 6379), ("::2", 7002))},
        ),
        ("rediss+cluster://u:p@a/0", {"topology": "cluster", "tls": True, "username": "u", "password": "p"}),
        (
            "redis+sentinel://u:p@a,b:1/main/5?sentinel_username=s&sentinel_password=q",
            {
                "topology": "sentinel",
                "nodes": (("a", 26379), ("b", 1)),
                "primary": "main",
                "database": 5,
                "username": "u",
                "password": "p",
                "sentinel_username": "s",
                "sentinel_password": "q",
            },
        ),
        ("rediss+sentinel://a/main", {"tls": True, "primary": "main", "database": 0}),
    ],
)
def test_a_url_says_where_redis_is_and_how_to_sign_in(url: str, meant: dict[str, Any]) -> None:
    address = parse_address(url)
    assert {name: getattr(address, name) for name in meant} == meant


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "must begin with redis://, rediss://, unix://, "),
        ("http://host", r"or rediss\+sentinel://$"),
        ("redis://", "must begin"),
        ("redis://secret@", "names no host"),
        ("redis://user:secret", "is no URL; a password in it must be percent-encoded"),
        ("redis://host:0", "is no URL"),
        ("redis://host:65536", "is no URL"),
        ("redis://[secret", "is no URL"),
        ("redis://u:1/secret@host", "has a path that is no database"),
        ("redis://a,b", r"names several hosts: write redis\+cluster://"),
        ("redis+cluster://a,,b", "names no host"),
        ("redis+cluster://a/1", "a cluster has only database 0"),
        ("redis+cluster://a?db=1", "a cluster has only database 0"),
        ("redis+sentinel://a", "names no primary"),
        ("redis+sentinel:///main", "names no host"),
        ("unix://", "must begin"),
        ("unix://user@", "names no socket"),
        ("redis://host?sll_ca_certs=x", "has an option sll_ca_certs that there is not; there are db, "),
        ("redis://u:1?secret@host=", "is no URL|has an option with a strange name"),
        ("redis://host?ssl_cert_reqs=none", "has ssl_cert_reqs without TLS: write rediss"),
        ("redis://host?sentinel_password=x", "has sentinel_password without sentinels"),
        ("rediss://host?ssl_cert_reqs=maybe", "has ssl_cert_reqs, which is not none, optional or required"),
        (
            "rediss://host?ssl_exclude_verify_flags=STRICT",
            "flags, which is not VERIFY_X509_STRICT or VERIFY_X509_PARTIAL",
        ),
        ("rediss://host?ssl_check_hostname=perhaps", "has ssl_check_hostname, which is neither true nor false"),
        ("rediss://host?ssl_ca_certs=/nowhere/ca.pem", "has ssl_ca_certs, which is no file: /nowhere/ca.pem"),
        ("rediss://host?ssl_ca_path=/nowhere", "has ssl_ca_path, which is no directory: /nowhere"),
    ],
)
def test_a_wrong_url_is_told_by_the_part_that_is_wrong(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_address(url)
    assert "secret" not in str(caught.value)


def test_files_of_certificates_have_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    address = parse_address(f"rediss://host?ssl_ca_certs={tmp_path / 'ca.pem'}&ssl_ca_path={tmp_path}")
    assert address.tls_options == {"ssl_ca_certs": str(tmp_path / "ca.pem"), "ssl_ca_path": str(tmp_path)}


def test_an_address_shows_no_password() -> None:
    address = parse_address("redis+sentinel://u:secret@a/main?sentinel_password=secret")
    assert isinstance(address, Address)
    assert "secret" not in repr(address)
