"""Routes: which endpoint a path means, whatever an id holds."""

from collections.abc import Awaitable, Callable

import pytest
from starlette.responses import Response

from api.endpoint import Call, Endpoint
from api.problems import Problem
from api.routes import Routes


async def _never(call: Call) -> Response:
    raise AssertionError(call)


NEVER: Callable[[Call], Awaitable[Response]] = _never
PATHS = ("/", "/things", "/things/{id}", "/things/{id}/parts", "/things/all", "/other/all", "/files/{name...}")
ROUTES = Routes(Endpoint("GET", path, path, NEVER, None, ()) for path in PATHS)


@pytest.mark.parametrize(
    ("asked", "path", "values"),
    [
        (b"/", "/", {}),
        (b"/things", "/things", {}),
        (b"/things/7", "/things/{id}", {"id": "7"}),
        (b"/things/a%2Fb", "/things/{id}", {"id": "a/b"}),
        (b"/things/a%2Fb/parts", "/things/{id}/parts", {"id": "a/b"}),
        (b"/things/%252F", "/things/{id}", {"id": "%2F"}),
        (b"/things/%E2%82%AC+%3F%23%7B", "/things/{id}", {"id": "€+?#{"}),
        (b"/things/..", "/things/{id}", {"id": ".."}),
        (b"/things/all", "/things/all", {}),
        (b"/things/all/parts", "/things/{id}/parts", {"id": "all"}),
        (b"/files/a/b%2Fc", "/files/{name...}", {"name": "a/b/c"}),
    ],
)
def test_a_path_means_one_endpoint(asked: bytes, path: str, values: dict[str, str]) -> None:
    endpoints, found = ROUTES.find(asked)
    assert endpoints["GET"].path == path
    assert found == values


@pytest.mark.parametrize("asked", [b"/nothing", b"/things/", b"//things", b"/things/7/", b"/other/7", b"/things/7/x"])
def test_other_paths_mean_nothing(asked: bytes) -> None:
    assert ROUTES.find(asked)[0] == {}


@pytest.mark.parametrize("asked", [b"/things/%ff", b"/things/\xff"])
def test_a_path_that_is_no_text_is_a_problem(asked: bytes) -> None:
    with pytest.raises(Problem, match="UTF-8"):
        ROUTES.find(asked)


def test_two_endpoints_for_one_path_are_a_mistake() -> None:
    twice = Endpoint("GET", "/x", "", NEVER, None, ())
    with pytest.raises(ValueError, match="GET /x"):
        Routes((twice, Endpoint("GET", "/x", "", NEVER, None, ())))
