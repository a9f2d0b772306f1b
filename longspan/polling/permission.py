"""What the sources of machines may reach: documents are not trusted with every host, variable and file there is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from longspan.errors import WRONG_USE, LongspanError
from machines.machine import Machine
from machines.source import Request, Source
from machines.url_template import UrlTemplate, find_host_fault

_PORTS = {"http": 80, "https": 443}


class SourceError(LongspanError):
    """Sources that cannot be polled as things are set; `problems` lists all of them, one line each."""

    exit_status = WRONG_USE

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join(["the sources cannot be polled:", *problems]))


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be asked and read: `hosts` as LONGSPAN_SOURCE_HOSTS has them, names of `variables` of `environment`,
    and whatever lies in the directory `files`."""

    hosts: tuple[str, ...]
    variables: frozenset[str]
    files: Path
    environment: Mapping[str, str]

    def base_of(self, template: UrlTemplate) -> str:
        """The beginning of a template's URLs: its own, or what its variable holds."""
        if template.variable is None:
            return template.base
        return self.environment.get(template.variable, "").strip().rstrip("/")

    def allows_host(self, base: str) -> bool:
        """Whether the host at the beginning of a URL is one of those that may be asked."""
        parts = urlsplit(base)
        host = (parts.hostname or "").lower()
        port = parts.port or _PORTS.get(parts.scheme, 0)
        return any(_fits(pattern, host, port) for pattern in self.hosts)

    def allows_file(self, name: str) -> bool:
        """Whether a file lies in the directory of those that may be read, also where links lead."""
        return Path(name).resolve().is_relative_to(self.files)


def find_problems(machine: Machine, source: Source, permission: Permission) -> list[str]:
    """All that keeps a machine's source from being polled, a line each."""
    requests = [("source", source.request)]
    if source.collection is not None:
        requests.append(("source.list", source.collection.request))
    return [
        f"{machine.origin}: {place}.{problem}"
        for place, request in requests
        for problem in _request_problems(request, permission)
    ]


def _request_problems(request: Request, permission: Permission) -> Iterator[str]:
    variable = request.url.variable
    if variable is None:
        if not permission.allows_host(request.url.base):
            yield (
                f"url: {urlsplit(request.url.base).netloc} may not be asked: add it to LONGSPAN_SOURCE_HOSTS, or begin "
                "the url with a variable of LONGSPAN_SOURCE_VARIABLES"
            )
    elif fault := _variable_fault(variable, permission):
        yield f"url: {fault}"
    elif fault := find_host_fault(permission.base_of(request.url)):
        yield f"url: the variable {variable} {fault}"
    elif any(sign in permission.base_of(request.url) for sign in "?#{}"):
        yield f"url: the variable {variable} must hold the beginning of a URL, without ?, # and braces"
    for name, value in request.headers.items():
        if value.kind == "variable" and (fault := _variable_fault(value.value, permission)):
            yield f"headers.{name}: {fault}"
        elif value.kind == "file" and not permission.allows_file(value.value):
            yield f"headers.{name}: {value.value} does not lie in {permission.files} (LONGSPAN_SOURCE_FILES)"


def _variable_fault(name: str, permission: Permission) -> str | None:
    if name not in permission.variables:
        return f"the variable {name} may not be read: add it to LONGSPAN_SOURCE_VARIABLES"
    if not permission.environment.get(name, "").strip():
        return f"the variable {name} is not set"
    return None


def _fits(pattern: str, host: str, port: int) -> bool:
    if pattern == "*":
        return True
    named = urlsplit(f"//{pattern}")
    if named.port is not None and named.port != port:
        return False
    name = named.hostname or ""
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
