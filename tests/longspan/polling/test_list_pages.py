"""Collections of several pages: all of them are read, none is lost by another, and nobody is led astray."""

import logging
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from streams.troubles import Trouble, read_list_trouble
from tests.longspan.polling.field import Field, at
from tests.streams.site import PARTITIONS
from tests.support.system import Answer, Asked, System, tells

PAGE = 2
NAMES = [f"wf {number}/ü" for number in range(5)]
LISTED = [{"each": "runs", "type": "com.example.stage.submitted", "subject": "{id}", "time": "submitted"}]


def _list(**more: Any) -> dict[str, Any]:
    return {"url": "${SYSTEM_URL}/runs?size=2", "interval": "100ms", "events": LISTED} | more


class Book:
    """A collection of pages behind `/runs`: what is on the page with an index, and whatever leads to the next."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.total = len(names)

    def page(self, offset: int, **more: Any) -> dict[str, Any]:
        """What a page says, with more beside it."""
        found = self.names[offset : offset + PAGE]
        return {"runs": [{"id": name, "submitted": at(0)} for name in found], "total": self.total, **more}

    def has_more(self, offset: int) -> bool:
        """Whether it is not the last."""
        return offset + PAGE < len(self.names)


def _offset(asked: Asked, name: str) -> int:
    return int(parse_qs(urlsplit(asked.path).query).get(name, ["0"])[0].removeprefix("t/&"))


def _answer_all(field: Field, answer: Any) -> None:
    """Let every page of the collection be answered by one function."""
    field.system.otherwise = lambda asked: answer(asked) if asked.path.startswith("/runs") else None


def _by_link(asked: Asked) -> Answer:
    book, offset = Book(NAMES), _offset(asked, "from")
    links = {"Link": f'</runs?from={offset + PAGE}>; title="<a>, b"; rel="last NEXT"'} if book.has_more(offset) else {}
    return tells(book.page(offset), **links)


def _by_reference(asked: Asked) -> Answer:
    book, offset = Book(NAMES), _offset(asked, "from")
    return tells(book.page(offset, links={"next": f"?from={offset + PAGE}" if book.has_more(offset) else None}))


def _by_token(asked: Asked) -> Answer:
    book, offset = Book(NAMES), _offset(asked, "continue")
    return tells(book.page(offset, metadata={"continue": f"t/&{offset + PAGE}" if book.has_more(offset) else ""}))


def _by_offset(asked: Asked) -> Answer:
    return tells(Book(NAMES).page(_offset(asked, "offset")))


@pytest.mark.parametrize(
    ("following", "answer", "last"),
    [
        ("context().links.next", _by_link, "/runs?from=4"),
        ("links.next", _by_reference, "/runs?from=4"),
        ({"continue": "metadata.continue"}, _by_token, f"/runs?size=2&continue={quote('t/&4', safe='')}"),
        ({"offset": "context().items < total && context().items"}, _by_offset, "/runs?size=2&offset=4"),
    ],
    ids=["link-header", "relative-reference", "token", "offset"],
)
def test_every_page_starts_its_workflows(field: Field, following: object, answer: Any, last: str) -> None:
    field.use(list=_list(next=following), interval="1m")
    worker = field.worker()
    _answer_all(field, answer)
    with field.polling() as polling:
        field.settled(worker, lambda: all(field.site.view(name) for name in NAMES))
        field.settled(worker, lambda: field.system.times_asked(last) >= 2)
        assert not polling.statistics.troubled_lists
    asked = [one for one in field.system.asked if one.path.startswith("/runs")]
    assert len({one.path for one in asked}) == 3
    assert not any("If-None-Match" in one.headers for one in asked)  # one page that is as before says nothing of others
    assert all(field.types(name)[:1] == ["submitted"] for name in NAMES)


def test_no_more_pages_are_read_than_are_set_and_that_is_said_once(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    field.use(list=_list(next="links.next", pages=2), interval="1m")
    worker = field.worker()
    _answer_all(field, _by_reference)
    with field.polling() as polling:
        field.settled(worker, lambda: field.system.times_asked("/runs?from=2") >= 3)
        assert polling.statistics.troubled_lists == {}
    assert not field.system.times_asked("/runs?from=4")
    assert field.site.view(NAMES[3])
    assert sum("more than 2 pages" in record.getMessage() for record in caplog.records) == 1


def test_a_list_with_the_newest_first_is_read_only_as_far_as_it_is_new(field: Field) -> None:
    field.use(list=_list(next="context().new && links.next"), interval="1m")
    worker = field.worker()
    _answer_all(field, _by_reference)
    with field.polling():
        field.settled(worker, lambda: field.system.times_asked("/runs?size=2") >= 4)
    assert field.system.times_asked("/runs?from=4") == 1
    assert field.system.times_asked("/runs?from=2") == 1
    assert all(field.site.view(name) for name in NAMES)


def _list_trouble(field: Field) -> Trouble | None:
    return read_list_trouble(field.site.client, field.site.keys, PARTITIONS, "stages")


def test_a_page_that_fails_loses_nothing_of_those_before_it_and_is_tried_again(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "longspan.poll")
    field.use(list=_list(next="context().new && links.next"), interval="1m", backoff="100ms")
    worker = field.worker()
    well = [False]

    def answer(asked: Asked) -> Answer:
        failing = _offset(asked, "from") == PAGE and not well[0]
        return Answer(500, b"no") if failing else _by_reference(asked)

    _answer_all(field, answer)
    with field.polling() as polling:
        trouble = field.settled(worker, lambda: _list_trouble(field))
        assert trouble.kind == "status-500"
        field.settled(worker, lambda: field.site.view(NAMES[1]))
        field.settled(worker, lambda: field.system.times_asked("/runs?from=2") >= 3)
        assert field.site.view(NAMES[2]) is None
        assert polling.statistics.troubled_lists == {("stages", "status-500"): 1}
        assert not polling.statistics.troubled
        well[0] = True
        field.settled(worker, lambda: all(field.site.view(name) for name in NAMES) and not _list_trouble(field))
    told = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("the list of stages: polling:") for line in told) == 1
    assert told.count("the list of stages: polled again without trouble (status-500)") == 1


@pytest.mark.parametrize(
    ("following", "words"),
    [
        ("http://169.254.169.254/latest", "elsewhere, at 'http://169.254.169.254:80'"),
        ("//other.example/runs?from=2", "elsewhere, at 'http://other.example:80'"),
        ("http://[/", "no URL"),
        ("/runs?from=2\r\nX-Evil: 1", "characters that a URL cannot have"),
        ("/runs?size=2#again", "read already"),
        ("/runs?" + "x" * 9_000, "longer than 8000"),
        (7, "the number 7, not a URL"),
    ],
)
def test_a_next_page_that_cannot_be_is_told_once_and_not_asked_for(
    field: Field, caplog: pytest.LogCaptureFixture, following: object, words: str
) -> None:
    field.use(list=_list(next="following"), interval="1m", backoff="100ms")
    worker = field.worker()
    _answer_all(field, lambda _: tells(Book(NAMES).page(0, following=following)))
    with System() as elsewhere, field.polling():
        trouble = field.settled(worker, lambda: _list_trouble(field))
        field.settled(worker, lambda: field.system.times_asked("/runs?size=2") >= 3)
        assert not elsewhere.asked
    assert (trouble.kind, words in trouble.detail) == ("next", True), trouble
    assert {asked.path for asked in field.system.asked if asked.path.startswith("/runs")} == {"/runs?size=2"}
    assert field.site.view(NAMES[1])
    assert sum("polling: next" in record.getMessage() for record in caplog.records) == 1


def test_the_trouble_of_a_list_is_taken_over_without_a_word_and_taken_back_when_it_is_well(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "longspan.poll")
    field.use(list=_list(), backoff="100ms")
    worker = field.worker()
    _answer_all(field, lambda _: Answer(404, b"no"))
    with field.polling():
        first = field.settled(worker, lambda: _list_trouble(field))
    with field.polling() as second:
        field.settled(worker, lambda: second.statistics.answers["stages", "failed"] >= 2)
        assert _list_trouble(field) == first
        assert sum("polling:" in record.getMessage() for record in caplog.records) == 1
        _answer_all(field, lambda _: tells({"runs": []}))
        field.settled(worker, lambda: not _list_trouble(field))
