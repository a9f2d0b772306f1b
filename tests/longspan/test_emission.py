import json
import uuid

import pytest

from longspan.emission import Refused, prepare, prepare_line, prepare_lines
from machines.entries import Prepared
from machines.errors import EventError


def test_id_and_time_are_added_where_they_are_missing() -> None:
    event = prepare({"type": "com.example.started", "subject": "wf-1"}).event
    assert uuid.UUID(event.id)
    assert event.time_ns > 1_700_000_000 * 10**9
    again = prepare({"type": "com.example.started", "subject": "wf-1"}).event
    assert event.id != again.id


def test_what_is_given_is_kept() -> None:
    given = {"id": "e-1", "type": "t", "subject": "s", "time": "2026-11-22T16:00:00.5Z", "sequence": "4", "note": "x"}
    event = prepare(given).event
    assert (event.id, event.sequence, event.extensions) == ("e-1", 4, {"note": "x"})
    assert event.time_ns % 10**9 == 500_000_000


def test_the_text_of_data_in_a_line_is_not_changed() -> None:
    line = b'{"type": "t", "subject": "s", "data": {"amount": 1.50, "big": 123456789012345678901234567890}}'
    assert prepare_line(line).event.data == '{"amount": 1.50, "big": 123456789012345678901234567890}'


@pytest.mark.parametrize(
    ("line", "field"),
    [(b"[1]", "event"), (b"{", "event"), (b"\xff", "event"), (b'{"type": "t"}', "subject"), (b'{"id": 1}', "subject")],
)
def test_a_wrong_line_is_refused_with_its_field(line: bytes, field: str) -> None:
    with pytest.raises(EventError) as caught:
        prepare_line(line)
    assert caught.value.field == field


def test_lines_are_counted_and_blank_ones_left_out() -> None:
    good = json.dumps({"type": "t", "subject": "s"}).encode()
    answers = list(prepare_lines([good, b"\n", b"rubbish\n", good], first=10))
    assert [type(answer) for answer in answers] == [Prepared, Refused, Prepared]
    assert isinstance(answers[1], Refused)
    assert answers[1].line == 12
