"""The `Link` header (RFC 8288): where an answer says that related documents are."""

import re
from collections.abc import Iterable

LENGTH_LIMIT = 4_000  # characters that are looked at

# A link begins with its target in angle brackets; parameters follow, values in quotes or as they are.
_TOKEN = re.compile(r'<([^<>]*)>|;\s*([^\s=;,<>"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))')


def read_links(values: Iterable[str]) -> dict[str, str]:
    """The targets by relation, in lower case, the first of each: `{"next": "/runs?page=2"}`. What has an `anchor` is
    said of another document, and left out. Raises nothing."""
    links: dict[str, str] = {}
    target, relations, anchored = None, "", False
    for match in (*_TOKEN.finditer(", ".join(values)[:LENGTH_LIMIT]), None):
        if match is None or match[1] is not None:
            if target is not None and not anchored:
                for relation in relations.lower().split():
                    links.setdefault(relation, target)
            target, relations, anchored = match and match[1].strip(), "", False
        elif match[2].lower() == "rel":
            relations = relations or (match[3] if match[3] is not None else match[4])
        elif match[2].lower() == "anchor":
            anchored = True
    return links
