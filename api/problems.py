"""Problems: what is wrong with a request, or in the way of it, as RFC 9457 has it."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated

import msgspec
from starlette.responses import Response

MEDIA = "application/problem+json"
_NONE: Mapping[str, str] = MappingProxyType({})


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True, rename={"kind": "type"}):
    """A problem as it is sent. `kind` (sent as `type`) names the sort of problem, `instance` the path asked for,
    `field` the parameter, header or field of the body that is wrong."""

    kind: Annotated[str, msgspec.Meta(description="Names the sort of problem.")]
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str
    instance: Annotated[str, msgspec.Meta(description="The path that was asked for.")]
    field: Annotated[str, msgspec.Meta(description="The parameter, header or field that is wrong.")] | None = None


class Problem(Exception):  # noqa: N818  # what RFC 9457 calls it
    """Why a request is not answered as it asks; becomes `application/problem+json`."""

    def __init__(
        self, status: int, title: str, detail: str, *, field: str | None = None, headers: Mapping[str, str] = _NONE
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail = status, title, detail
        self.field, self.headers = field, headers

    @property
    def kind(self) -> str:
        """The `type` of the document: `about:blank` where the status says it all."""
        if self.title == HTTPStatus(self.status).phrase:
            return "about:blank"
        return "urn:longspan:problem:" + re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    def response(self, instance: str) -> Response:
        """The answer to a request for the path `instance`."""
        document = ProblemDocument(self.kind, self.title, self.status, self.detail, instance, self.field)
        return Response(msgspec.json.encode(document), self.status, self.headers, MEDIA)


def not_found(what: str, name: str, remedy: str) -> Problem:
    """404 for a thing of some sort, such as a workflow."""
    return Problem(404, "Not Found", f"there is no {what} {name!r}: {remedy}")


def wrong_parameter(field: str, detail: str) -> Problem:
    """400 for a query parameter; `detail` goes on where the name of the parameter ends."""
    return Problem(400, "Wrong parameter", f"{field} {detail}", field=field)
