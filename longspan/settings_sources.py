"""The settings that say what the sources of machines may reach: `longspan/settings.py` reads them."""

import re

from longspan.setting import Setting
from longspan.setting_readers import read_directory

_HOST = re.compile(r"\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_hosts(text: str) -> tuple[str, ...]:
    """Hosts, in lower case: `risk.example`, `risk.example:8443`, `[::1]:80`, `*.example.com`, or `*` for all."""
    hosts = tuple(host.strip().lower() for host in text.split(",") if host.strip())
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError("must be hosts such as risk.example, risk.example:8443 or *.example.com, or * for all")
    return hosts


def read_variables(text: str) -> frozenset[str]:
    """Names of environment variables, none of them a setting of ours."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if not _NAME.fullmatch(name) or name.startswith("LONGSPAN_"):
            raise ValueError("must be names of variables that do not begin with LONGSPAN_, separated by commas")
    return names


SOURCE_SETTINGS = (
    Setting(
        "LONGSPAN_SOURCE_HOSTS",
        "source_hosts",
        "",
        "Which hosts `longspan poll` may ask where a machine's document names them, separated by commas: "
        "`risk.example`, `risk.example:8443`, `*.example.com`, or `*` for all. A host that comes from a variable of "
        "`LONGSPAN_SOURCE_VARIABLES` need not be here. See [Sources](sources.md).",
        read_hosts,
    ),
    Setting(
        "LONGSPAN_SOURCE_VARIABLES",
        "source_variables",
        "",
        "Which environment variables the `source` of a machine may use, separated by commas: `RISK_URL,RISK_TOKEN`.",
        read_variables,
    ),
    Setting(
        "LONGSPAN_SOURCE_FILES",
        "source_files",
        "/run/secrets",
        "The directory whose files the `source` of a machine may use as headers.",
        read_directory,
    ),
)
