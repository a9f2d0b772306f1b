"""Whatever a system answers: told once, shown with the workflow, tried again, and over when it is well."""

import logging
import threading
from functools import partial

import pytest

from tests.longspan.polling.field import Field, at
from tests.support.system import Answer, System, tells

LOAD = ("load", 1, None)
KNOWN = ["submitted", "load_began"]


def _stage(**more: object) -> Answer:
    return tells({"stages": [{"name": "load", "began": at(1)} | more]})


BAD: dict[str, tuple[Answer, str, str]] = {
    "missing": (Answer(404, b"no such workflow"), "status-404", "404"),
    "failing": (Answer(500, b"{}"), "status-500", "500"),
    "html": (Answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}), "no-json", "text/html"),
    "cut": (Answer(200, b'{"stages": [{"name": "lo'), "no-json", "cannot be read as JSON"),
    "bytes": (Answer(200, b"\xff\xfe"), "no-json", "cannot be read as JSON"),
    "deep": (Answer(200, b"[" * 100_000), "no-json", "cannot be read as JSON"),
    "packed": (Answer(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), "no-json", "packed as gzip"),
    "other": (Answer(200, b'{"jobs": []}'), "schema", "stages"),
    "time": (_stage(began="yesterday"), "schema", "began"),
    "future": (_stage(began="2126-01-01T00:00:00Z"), "future", "2126-01-01T00:00:00Z"),
    "elsewhere": (Answer(302, b"", {"Location": "http://169.254.169.254/latest"}), "redirect", "169.254.169.254"),
    "circle": (Answer(302, b"", {"Location": "/workflows/circle"}), "redirect", "on and on"),
    "half": (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"), "no-http", "broke off"),
    "ssh": (Answer(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "no-http", "no answer of HTTP"),
    "nothing": (Answer(raw=b""), "broken", "connection broke"),
    "large": (Answer(200, b"x" * (9 * 1024 * 1024)), "too-large", "8388608 bytes"),
}


def test_bad_answers_are_told_once_and_are_over_with_good_ones(field: Field, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "longspan.poll")
    field.use(backoff="100ms")
    worker = field.worker()
    field.start(*BAD)
    for name, (answer, _, _) in BAD.items():
        field.system.answers[f"/workflows/{name}"] = answer
    with field.polling() as polling:
        for name, (_, kind, words) in BAD.items():
            trouble = field.settled(worker, partial(field.trouble, name))
            assert (name, trouble.kind) == (name, kind)
            assert words in trouble.detail
            field.settled(worker, partial(_asked_again, field, name))
            told = [record.getMessage() for record in caplog.records]
            assert told.count(f"workflow {name}: polling: {trouble.detail}") == 1
        for name in BAD:
            field.tell(name, LOAD)
        field.settled(worker, lambda: all(field.types(name) == KNOWN and not field.trouble(name) for name in BAD))
        assert not polling.statistics.troubled
    told = [record.getMessage() for record in caplog.records]
    assert sum("polled again without trouble" in line for line in told) == len(BAD)


def _asked_again(field: Field, name: str) -> bool:
    return field.system.times_asked(f"/workflows/{name}") >= 3


@pytest.mark.parametrize(("after", "kind"), [("0", "status-429"), ("1", "status-503")])
def test_a_system_that_asks_for_rest_gets_it_and_is_asked_again(field: Field, after: str, kind: str) -> None:
    field.use(backoff="100ms")
    worker = field.worker()
    field.start("wf-1")
    field.system.answers["/workflows/wf-1"] = Answer(int(kind[-3:]), b"", {"Retry-After": after})
    with field.polling() as polling:
        trouble = field.settled(worker, lambda: field.trouble("wf-1"))
        assert (trouble.kind, list(polling.statistics.hosts)) == (kind, [field.system.url])
        field.tell("wf-1", LOAD)
        field.settled(worker, lambda: field.types("wf-1") == KNOWN and not polling.statistics.hosts)


def test_a_system_that_never_answers_keeps_nobody_from_a_deadline(field: Field) -> None:
    field.use(timeout="100ms")
    worker = field.worker()
    field.start("wf-1")
    field.system.answers["/workflows/wf-1"] = Answer(held=threading.Event())
    with field.polling():
        trouble = field.settled(worker, lambda: field.trouble("wf-1"))
        assert (trouble.kind, trouble.detail) == ("timeout", "no answer within 100 ms")
        field.site.pass_ms(worker, 3_600_000)
        field.settled(worker, lambda: field.site.status("wf-1") == "timeout")
    assert field.trouble("wf-1") is None  # it has ended: nobody polls it any more


def test_a_status_that_goes_backwards_is_journaled_as_rejected_once(field: Field) -> None:
    worker = field.worker()
    field.start("wf-1")
    field.tell("wf-1", ("load", 1, 3))
    with field.polling() as polling:
        field.settled(worker, lambda: len(field.types("wf-1")) == 3)
        field.tell("wf-1", ("load", 5, None))
        field.settled(worker, lambda: len(field.types("wf-1")) == 4)
        unchanged = polling.statistics.answers["stages", "unchanged"]
        field.settled(worker, lambda: polling.statistics.answers["stages", "unchanged"] >= unchanged + 3)
    results = [record.result for record in field.site.records("wf-1")]
    assert results == ["applied", "applied", "applied", "rejected"]


def test_an_event_from_the_future_waits_until_its_time_has_come_and_overtakes_nothing(field: Field) -> None:
    worker = field.worker()
    field.start("wf-1")
    field.tell("wf-1", ("load", 1, 3_600 + 120), ("sum", 2, None))
    with field.polling():
        trouble = field.settled(worker, lambda: field.trouble("wf-1"))
        field.settled(worker, lambda: len(field.types("wf-1")) == 3)
    assert "load_ended is said to be of" in trouble.detail
    assert field.types("wf-1") == ["submitted", "load_began", "sum_began"]


def test_a_host_that_is_down_is_asked_by_one_and_left_alone_by_all_others(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    field.use(backoff="1m", concurrency=1)
    worker = field.worker()
    names = [f"wf-{number}" for number in range(60)]
    field.start(*names)
    with System() as down:
        field.environment["SYSTEM_URL"] = down.url
    with field.polling() as polling:  # nobody listens there any more
        field.settled(worker, lambda: all(field.trouble(name) is not None for name in names))
        assert polling.statistics.answers["stages", "failed"] <= 4
        assert list(polling.statistics.hosts) == [down.url]
    warned = [record.getMessage() for record in caplog.records if record.name == "longspan.poll"]
    assert sum("is left alone for a while" in line for line in warned) == 1
    assert sum("polling:" in line for line in warned) == 5
    assert sum("more workflows have the same trouble" in line for line in warned) == 1


def test_what_a_former_poller_told_is_taken_back_by_its_successor(field: Field) -> None:
    worker = field.worker()
    field.start("wf-1", "wf-2")
    with field.polling():
        field.settled(worker, lambda: field.trouble("wf-1") and field.trouble("wf-2"))
    field.site.emit(field.site.event("wf-2", "expire"))
    field.tell("wf-1", LOAD)
    with field.polling():
        field.settled(worker, lambda: field.trouble("wf-1") is None)
        left = field.site.of("wf-2").troubles
        field.settled(worker, lambda: not field.site.client.exists(left))


def test_a_trouble_that_moves_to_another_poller_is_neither_told_again_nor_lost(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    worker = field.worker()
    names = ["wf-0", "wf-1", "wf-4", "wf-5"]  # one in each partition
    field.start(*names)
    with field.polling() as first:
        kept = {name: field.settled(worker, partial(field.trouble, name)) for name in names}
        with field.polling() as second:
            field.settled(worker, lambda: second.statistics.answers["stages", "failed"] >= 3)
            field.settled(worker, lambda: first.statistics.polled["stages"] + second.statistics.polled["stages"] == 4)
            assert second.statistics.polled["stages"] == sum(second.statistics.troubled.values())
            assert {name: field.trouble(name) for name in names} == kept
    told = [record.getMessage() for record in caplog.records]
    assert sum("polling:" in line for line in told) == len(names)
