"""Routes: which endpoint a path means. They are found on the path as it was sent, so that an id may contain a slash."""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from api.endpoint import Endpoint
from api.problems import Problem


class Routes:
    """A tree of path segments. Raises ValueError where two endpoints have the same method and path."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Node()
        for endpoint in endpoints:
            node = self._root
            for segment in endpoint.path.split("/")[1:]:
                node = node.grow(segment)
            if node.endpoints.setdefault(endpoint.method, endpoint) is not endpoint:
                raise ValueError(f"two endpoints for {endpoint.method} {endpoint.path}")

    def find(self, raw_path: bytes) -> tuple[Mapping[str, Endpoint], dict[str, str]]:
        """The endpoints of a path by method, none where there are none, and its parameters.

        Raises Problem 400 for a path that is not percent-encoded UTF-8.
        """
        try:
            parts = [unquote(part, errors="strict") for part in raw_path.decode("ascii").split("/")[1:]]
        except UnicodeDecodeError:
            raise Problem(400, "Wrong path", "the path is not percent-encoded UTF-8") from None
        values: dict[str, str] = {}
        node = _walk(self._root, parts, 0, values)
        return (node.endpoints if node else {}), values


class _Node:
    """Where a path may end or go on: by a literal segment, by any one, or by all that is left."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self.literal: dict[str, _Node] = {}
        self.one: dict[str, _Node] = {}
        self.rest: dict[str, _Node] = {}

    def grow(self, segment: str) -> "_Node":
        if not segment.startswith("{"):
            return self.literal.setdefault(segment, _Node())
        name = segment.strip("{}")
        if name.endswith("..."):
            return self.rest.setdefault(name.removesuffix("..."), _Node())
        return self.one.setdefault(name, _Node())


def _walk(node: _Node, parts: list[str], index: int, values: dict[str, str]) -> _Node | None:
    if index == len(parts):
        return node if node.endpoints else None
    part = parts[index]
    literal = node.literal.get(part)
    if literal is not None:
        found = _walk(literal, parts, index + 1, values)
        if found is not None:
            return found
    for name, following in node.one.items():
        if part and (found := _walk(following, parts, index + 1, values)) is not None:
            values[name] = part
            return found
    for name, following in node.rest.items():
        values[name] = "/".join(parts[index:])
        return following
    return None
