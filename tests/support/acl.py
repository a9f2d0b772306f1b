"""The users of the documentation, as they are written there."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from redis import Redis

REFERENCE = Path(__file__).parents[2] / "docs" / "redis.md"
ROLES = ("worker", "exporter", "api", "poller", "producer")
PASSWORD = "p@ss/word"


def acl_file() -> str:
    """The ACL file of the documentation."""
    (text,) = re.findall(r"^```acl\n(.*?)^```$", REFERENCE.read_text(), re.MULTILINE | re.DOTALL)
    return str(text)


def rules() -> Mapping[str, list[str]]:
    """The rules of each role, without the password."""
    lines = re.findall(r"^user longspan-(\w+) on >[A-Z]+-PASSWORD (.+)$", acl_file(), re.MULTILINE)
    return {role: text.split() for role, text in lines}


class Users:
    """A user for each role on a server, with the rules of the documentation, for the keys of one prefix."""

    def __init__(self, server: "Redis", prefix: str) -> None:
        self._server: Any = server  # redis-py leaves most of it untyped
        self._prefix = prefix
        for role in ROLES:
            self.set(role, "reset", "on", f">{PASSWORD}", *self.rules(role))

    def name(self, role: str) -> str:
        """What the user of a role is called here."""
        return f"{self._prefix}-{role}"

    def rules(self, role: str) -> list[str]:
        """The rules of a role for this prefix."""
        return [rule.replace("~longspan:", f"~{self._prefix}:") for rule in rules()[role]]

    def set(self, role: str, *changes: str) -> None:
        """Change a user."""
        self._server.execute_command("ACL", "SETUSER", self.name(role), *changes)

    def url(self, role: str, port: int, password: str = PASSWORD) -> str:
        """Where a role connects."""
        return f"redis://{self.name(role)}{':' * bool(password)}{quote(password, safe='')}@127.0.0.1:{port}"

    def denied(self) -> list[str]:
        """What the users wanted and were not allowed to do."""
        return [
            f"{entry['username']} {entry['object']}"
            for entry in self._entries()
            if entry["reason"] != "auth" and entry["object"] != "client|setinfo"
        ]

    def tries(self, command: str) -> int:
        """How often a command was refused to any of the users."""
        return sum(int(entry["count"]) for entry in self._entries() if entry["object"] == command)

    def _entries(self) -> list[dict[str, str]]:
        return [entry for entry in self._server.acl_log() if entry["username"].startswith(self._prefix)]

    def close(self) -> None:
        """Take the users away."""
        self._server.execute_command("ACL", "DELUSER", *map(self.name, ROLES))
