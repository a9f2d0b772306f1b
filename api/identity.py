"""Who asks, and what they may: scopes, and the roles and groups that give them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

SCOPES = ("read", "write")  # neither includes the other
EVERYBODY = "*"
_LONGEST_NAME = 128

Way = Literal["token", "oidc", "proxy", "open", "signature"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `way` is how that was found out, `subject` the lasting id that an OIDC issuer has for the name."""

    name: str
    scopes: frozenset[str]
    way: Way
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles and groups that give each scope; `*` in one gives it to everybody who is signed in."""

    read: frozenset[str]
    write: frozenset[str]

    def scopes(self, held: Iterable[str]) -> frozenset[str]:
        """What somebody may who holds these roles and groups."""
        mine = {*held, EVERYBODY}
        return frozenset(scope for scope, roles in (("read", self.read), ("write", self.write)) if mine & roles)


def as_name(text: str) -> str:
    """A name as it may be shown and logged: printable, and not longer than a line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:_LONGEST_NAME])
