"""The Link header of RFC 8288, as systems write it."""

import time

import pytest

from longspan.polling.links import LENGTH_LIMIT, read_links
from longspan.polling.pages import set_parameters


@pytest.mark.parametrize(
    ("values", "links"),
    [
        (
            ['<https://api.example/runs?page=2>; rel="next", <https://api.example/runs?page=9>; rel="last"'],
            {"next": "https://api.example/runs?page=2", "last": "https://api.example/runs?page=9"},
        ),
        (["<b>;rel=prev", " < c >  ;  REL = next "], {"prev": "b", "next": "c"}),
        (['<a>; title="x; rel=\\"next\\" <z>"; rel="first Next"'], {"first": "a", "next": "a"}),
        (['<a>; rel="prev"; rel="next"', '<b>; rel="next"', '<c>; rel="next"'], {"prev": "a", "next": "b"}),
        (['<a>; rel="next"; anchor="#other"', "<a,b;c>; rel=up"], {"up": "a,b;c"}),
        (['<>; rel="next"'], {"next": ""}),
        (["nonsense", "<a", "; rel=next", "<a>", "", "<<>>;;=", '<a>; rel="next'], {}),
        ([], {}),
    ],
)
def test_links_are_read_by_their_relation(values: list[str], links: dict[str, str]) -> None:
    assert read_links(values) == links


@pytest.mark.parametrize("unit", ["<", "<a>;", ';a="', "; ", '<a>;a="\\', "=", "<a>; rel=next, "])
def test_a_header_without_end_costs_little(unit: str) -> None:
    began = time.process_time()
    read_links([unit * LENGTH_LIMIT])
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/runs", "http://h/runs?page=a%26b%2F%C3%A4"),
        ("http://h/runs?page=1&q=a%20b&page", "http://h/runs?q=a%20b&page=a%26b%2F%C3%A4"),
        ("http://h?p%61ge=1&pages=3", "http://h?pages=3&page=a%26b%2F%C3%A4"),
    ],
)
def test_parameters_take_the_place_of_those_that_are_called_so(url: str, expected: str) -> None:
    assert set_parameters(url, {"page": "a&b/ä"}) == expected
