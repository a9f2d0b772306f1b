"""URL templates of sources: what of a URL is fixed, and where a workflow's id and attributes go."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import msgspec

from machines.errors import TemplateError

LONGEST_URL = 8_000  # characters: servers take no more

_BASE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}(?=[/?]|$)")
_PART = re.compile(r"\{([^{}]*)\}")
_ATTRIBUTE = "attributes."


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """A URL with places to fill in.

    `base` is the scheme and host that the text begins with, `https://risk.example:8443`; it is empty where `variable`
    names the environment variable that holds the beginning. `rest` is what follows, with `{id}` and
    `{attributes.name}` in it.
    """

    text: str
    base: str
    variable: str | None
    rest: str

    def fill(self, base: str, workflow_id: str, attributes: Mapping[str, object]) -> str:
        """The URL for a workflow; `base` is the beginning. Values are percent-encoded. Raises TemplateError."""

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            value = workflow_id if name == "id" else attributes.get(name.removeprefix(_ATTRIBUTE))
            return quote(_as_text(name, value), safe="")

        filled = base.rstrip("/") + _PART.sub(replace, self.rest)
        if any(segment in (".", "..") for segment in urlsplit(filled).path.split("/")):
            raise TemplateError("the URL would have a segment '.' or '..', which leads elsewhere")
        if len(filled) > LONGEST_URL:
            raise TemplateError(f"the URL would be longer than {LONGEST_URL} characters")
        return filled


def read_template(text: str) -> UrlTemplate:
    """The template of a text that `find_faults` has nothing against."""
    match = _BASE.match(text)
    if match:
        return UrlTemplate(text, "", match[1], text[match.end() :])
    parts = urlsplit(text)
    base = f"{parts.scheme}://{parts.netloc}"
    return UrlTemplate(text, base, None, text[len(base) :])


def find_faults(text: str, attributes: tuple[str, ...], *, of_workflow: bool) -> Iterator[str]:
    """What is wrong with the text of a template. A template `of_workflow` is filled in for one workflow each."""
    if not re.fullmatch(r"[!-~]+", text) or re.search(r'[#\\"<>^`|]', text):
        yield "holds characters that a URL cannot have, such as spaces or '#': percent-encode them"
        return
    match = _BASE.match(text)
    rest = text[match.end() :] if match else text
    if "$" in rest:
        yield "can take a variable only as its beginning, up to a '/': ${RISK_URL}/workflows/{id}"
        return
    if match is None:
        fault = find_host_fault(text)
        if fault:
            yield fault
            return
    names = _PART.findall(rest)
    if re.search(r"[{}]", _PART.sub("", rest)):
        yield "has a brace without its partner"
    for name in names:
        if not of_workflow:
            yield f"has {{{name}}}, but a list is asked for all workflows at once"
        elif name.startswith(_ATTRIBUTE):
            if name.removeprefix(_ATTRIBUTE) not in attributes:
                yield f"has {{{name}}}, but `attributes` does not name {name.removeprefix(_ATTRIBUTE)}"
        elif name != "id":
            yield f"has {{{name}}}: only {{id}} and {{attributes.NAME}} can be filled in"
    if of_workflow and not names:
        yield "is the same for every workflow: put {id} where a workflow's id goes"


def find_host_fault(text: str) -> str | None:
    """What is wrong with the scheme and host at the beginning of a URL; None where they are well."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "has no host and port that can be read"
    if parts.scheme not in ("http", "https"):
        return "must begin with http://, https:// or a variable: ${RISK_URL}/workflows/{id}"
    if "@" in parts.netloc:
        return "must not hold a user or password: give them as a header, from a file or a variable"
    if not parts.hostname or "{" in parts.netloc or port == 0:
        return "must name a host, in which nothing is filled in"
    return None


def _as_text(name: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    raise TemplateError(f"the URL needs {name}, which the workflow does not have as text or number")
