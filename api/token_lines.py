"""Stored tokens, one line each: name, scopes, namespace, hash and, where it ends, the end. Never the token itself."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import quote, unquote

from api.identity import SCOPES
from api.tokens import HASH_PREFIX, PREFIX, hash_token
from machines.instants import format_instant, parse_instant

MOST_TOKENS = 1_000
ANY_NAMESPACE = "*"

_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_HASH = re.compile(rf"{HASH_PREFIX}[0-9a-f]{{64}}")
_TOKEN = re.compile(rf"(?<![0-9A-Za-z]){PREFIX}[0-9A-Za-z]{{20}}")


class TokenLinesError(Exception):
    """Lines that store no tokens; `problems` says of each what is wrong, and holds nothing of what they say."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What is known of one token. `namespace` None is any; `expires_ns` is since the epoch, None for never."""

    name: str
    scopes: frozenset[str]
    namespace: str | None
    hash: str
    expires_ns: int | None = None

    @property
    def line(self) -> str:
        """The line that stores it."""
        namespace = ANY_NAMESPACE if self.namespace is None else quote(self.namespace, safe="")
        scopes = "+".join(scope for scope in SCOPES if scope in self.scopes)
        expiry = () if self.expires_ns is None else (format_instant(self.expires_ns),)
        return " ".join((self.name, scopes, namespace, self.hash, *expiry))


def check_name(name: str) -> str:
    """A token's name. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError("the name must be 1 to 64 letters, digits and the signs _ . @ -")
    return name


def parse_tokens(text: str) -> tuple[StoredToken, ...]:
    """The tokens that a text stores: entries end with their line or at a comma, comments begin with `#`.

    Raises TokenLinesError.
    """
    tokens: dict[str, StoredToken] = {}
    problems = []
    for number, entry in _entries(text):
        try:
            token = _parse(entry)
            if tokens.setdefault(token.hash, token) is not token:
                raise ValueError("another line has this hash already")
        except ValueError as error:
            problems.append(f"line {number}: {error}")
        if len(tokens) > MOST_TOKENS or len(problems) > 20:
            problems.append(f"from line {number} on nothing was read: at most {MOST_TOKENS} tokens, 20 mistakes")
            break
    if problems:
        raise TokenLinesError(problems)
    return tuple(tokens.values())


def find_token(tokens: Iterable[StoredToken], token: str) -> StoredToken | None:
    """The one that stores this token. It takes as long for any: every hash is compared, each in constant time."""
    wanted, found = hash_token(token), None
    for stored in tokens:
        if compare_digest(stored.hash, wanted):
            found = stored
    return found


def _entries(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        for entry in line.partition("#")[0].split(","):
            if entry.strip():
                yield number, entry.strip()


def _parse(entry: str) -> StoredToken:
    if _TOKEN.search(entry):
        raise ValueError("this is a token itself: store its hash, in the line that `longspan token new` prints")
    fields = entry.split()
    if not 4 <= len(fields) <= 5:
        raise ValueError("must be NAME SCOPES NAMESPACE sha256:HASH [EXPIRY], separated by spaces")
    name, scopes, namespace, digest = fields[:4]
    wanted = frozenset(scopes.split("+"))
    if not wanted <= {*SCOPES}:
        raise ValueError("the scopes must be read, write or read+write")
    if not _HASH.fullmatch(digest):
        raise ValueError(f"the hash must be {HASH_PREFIX} and 64 hexadecimal digits in lower case")
    try:
        where = None if namespace == ANY_NAMESPACE else unquote(namespace, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the namespace is not percent-encoded UTF-8") from None
    try:
        expires_ns = parse_instant(fields[4]) if len(fields) == 5 else None
    except ValueError as error:
        raise ValueError(f"the expiry is {error}") from None
    return StoredToken(check_name(name), wanted, where, digest, expires_ns)
