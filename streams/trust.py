"""Why a server's certificate is not trusted, with the remedy that fits."""

import re

_AUTHORITY = "set ssl_ca_certs in LONGSPAN_REDIS_URL to the file of the authority that signed it"

# OpenSSL's words (X509_verify_cert_error_string), and what helps.
_REMEDIES = (
    (r"issuer certificate|self[- ]signed|verify the first", _AUTHORITY),
    (r"expired|not yet valid", "renew it, or correct the clock of this machine"),
    (
        r"mismatch",
        "let LONGSPAN_REDIS_URL name a host that it was issued for, or set ssl_check_hostname=false there",
    ),
    # The rules that Python asks for since 3.13 (RFC 5280, by VERIFY_X509_STRICT), which older certificates break.
    (
        r"key identifier|key usage|basic constraints|path length|name empty|subject alt|version 3|key parameters",
        "have it and its authority's issued anew as RFC 5280 asks, or set"
        " ssl_exclude_verify_flags=VERIFY_X509_STRICT in LONGSPAN_REDIS_URL",
    ),
)


def describe_distrust(text: str) -> str:
    """One line from what `ssl` said: text with `certificate verify failed: ...`."""
    said = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
    known = (remedy for words, remedy in _REMEDIES if re.search(words, said, re.IGNORECASE))
    remedy = next(known, f"have it replaced, or {_AUTHORITY}")
    return f"the certificate of Redis is not trusted: {said}; {remedy}"
