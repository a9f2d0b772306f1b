"""Where Redis is, as a URL says it: a server, a cluster, or a primary that sentinels watch over."""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote

Topology = Literal["server", "cluster", "sentinel"]
Option = str | bool | list[ssl.VerifyFlags]

SCHEMES: Mapping[str, tuple[Topology, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("server", False),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
}
REDIS_PORT = 6_379
SENTINEL_PORT = 26_379
STRICTNESS = ("VERIFY_X509_STRICT", "VERIFY_X509_PARTIAL_CHAIN")  # what Python asks for since 3.13
_NO_URL = "is no URL; a password in it must be percent-encoded"


@dataclass(frozen=True, slots=True)
class Address:
    """`nodes` are host and port of the server, of some of the cluster's nodes, or of the sentinels; none with `path`,
    a Unix socket. `primary` is the name by which sentinels know the primary. `tls_options` are redis-py's."""

    topology: Topology
    nodes: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    database: int = 0
    primary: str = ""
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_options: Mapping[str, Option] = field(default_factory=dict, repr=False)


def parse_address(url: str) -> Address:
    """What a URL says. Raises ValueError that names the part which is wrong and shows nothing of a password."""
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES or not rest:
        *others, last = (f"{name}://" for name in SCHEMES)
        raise ValueError(f"must begin with {', '.join(others)} or {last}")
    topology, tls = SCHEMES[scheme]
    location, _, query = rest.partition("#")[0].partition("?")
    authority, slash, path = location.partition("/")
    userinfo, _, hosts = authority.rpartition("@")
    nodes = () if scheme == "unix" else _read_nodes(hosts, topology)
    options = _read_options(query, topology, tls)
    username, _, password = userinfo.partition(":")
    credentials = {"username": unquote(username), "password": unquote(password)} | {
        name: str(value)
        for name, value in options.items()
        if name.endswith(("username", "password")) and name[:4] != "ssl_"
    }
    primary = ""
    if scheme == "unix":
        path, socket = "", unquote(slash + path)
        if not socket:
            raise ValueError("names no socket: write unix:///path/to/redis.sock")
    elif topology == "sentinel":
        primary, _, path = path.partition("/")
        if not primary:
            raise ValueError("names no primary: write redis+sentinel://host:26379/NAME, NAME as the sentinels know it")
    database = _read_database(path.rstrip("/") or str(options.get("db", "")))
    if database and topology == "cluster":
        raise ValueError("names a database, and a cluster has only database 0")
    return Address(
        topology,
        nodes,
        socket if scheme == "unix" else None,
        database,
        unquote(primary),
        **{name: value or None for name, value in credentials.items()},
        tls=tls,
        tls_options={name: value for name, value in options.items() if name.startswith("ssl_")},
    )


def _read_nodes(hosts: str, topology: Topology) -> tuple[tuple[str, int], ...]:
    if "," in hosts and topology == "server":
        raise ValueError("names several hosts: write redis+cluster:// for a cluster, redis+sentinel:// for sentinels")
    nodes = []
    for text in hosts.split(","):
        parts = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(?::([0-9]{0,5}))?", text)
        if parts is None:
            raise ValueError(_NO_URL)  # without what stands where the port should, which may be a password
        host, port = parts[1].strip("[]"), int(parts[2] or (SENTINEL_PORT if topology == "sentinel" else REDIS_PORT))
        if not host:
            raise ValueError("names no host: write redis://host:6379")
        if not 0 < port < 65_536:
            raise ValueError(_NO_URL)
        nodes.append((unquote(host), port))
    return tuple(nodes)


def _read_database(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ValueError("has a path that is no database: write a number, as in redis://host:6379/0")
    return int(text or 0)


def _read_options(query: str, topology: Topology, tls: bool) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        read = OPTIONS.get(name)
        if read is None:
            shown = name if re.fullmatch(r"\w{1,40}", name) else "with a strange name"
            raise ValueError(f"has an option {shown} that there is not; there are {', '.join(OPTIONS)}")
        if name.startswith("ssl_") and not tls:
            raise ValueError(f"has {name} without TLS: write rediss instead of redis")
        if name.startswith("sentinel_") and topology != "sentinel":
            raise ValueError(f"has {name} without sentinels: write redis+sentinel://")
        try:
            options[name] = read(text)
        except ValueError as error:
            raise ValueError(f"has {name}, which {error}") from None
    return options


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError(f"is no file: {text}")
    return text


def _directory(text: str) -> str:
    if not Path(text).is_dir():
        raise ValueError(f"is no directory: {text}")
    return text


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "yes", "1", "false", "no", "0"):
        raise ValueError("is neither true nor false")
    return text.lower() in ("true", "yes", "1")


def _requirement(text: str) -> str:
    if text not in ("none", "optional", "required"):
        raise ValueError("is not none, optional or required")
    return text


def _flags(text: str) -> list[ssl.VerifyFlags]:
    names = text.split(",")
    if not set(names) <= set(STRICTNESS):
        raise ValueError(f"is not {' or '.join(STRICTNESS)}, or both with a comma")
    return [ssl.VerifyFlags[name] for name in names]


OPTIONS: Mapping[str, Callable[[str], Option]] = {
    "db": str,
    "username": str,
    "password": str,
    "sentinel_username": str,
    "sentinel_password": str,
    "ssl_ca_certs": _file,
    "ssl_ca_path": _directory,
    "ssl_certfile": _file,
    "ssl_keyfile": _file,
    "ssl_password": str,
    "ssl_cert_reqs": _requirement,
    "ssl_check_hostname": _truth,
    "ssl_include_verify_flags": _flags,
    "ssl_exclude_verify_flags": _flags,
}
