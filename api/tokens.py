"""API tokens: `lsp_`, 256 random bits and a checksum, so that scanners find them and slips of the hand are caught."""

import hashlib
import re
import string
import zlib

PREFIX = "lsp_"
ENTROPY_BYTES = 32
HASH_PREFIX = "sha256:"

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY, _CHECK = 43, 6  # digits of base 62 that hold 256 and 32 bits
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_BODY + _CHECK}}}")


def make_token(entropy: bytes) -> str:
    """The token of ENTROPY_BYTES random bytes."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a token is made of {ENTROPY_BYTES} random bytes")
    body = PREFIX + _base62(int.from_bytes(entropy), _BODY)
    return body + _checksum(body)


def is_whole(token: str) -> bool:
    """Whether this has a token's form and its checksum fits."""
    return _FORM.fullmatch(token) is not None and token[-_CHECK:] == _checksum(token[:-_CHECK])


def hash_token(token: str) -> str:
    """What is stored of a token: `sha256:` and 64 hexadecimal digits."""
    return HASH_PREFIX + hashlib.sha256(token.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
