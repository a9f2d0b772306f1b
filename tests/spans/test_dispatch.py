"""What happens to spans by what the endpoint says; the endpoint is a list of answers or a rule here."""

import logging
from collections.abc import Callable, Sequence
from itertools import chain, pairwise

import pytest

from spans.answer import Answer, Delivered, Partly, Refused, Unavailable
from spans.backoff import Backoff
from spans.dispatch import Dispatch, Refusal, Stop
from spans.parcel import Parcel
from streams.outbox import OutboxItem
from tests.spans.pauses import Pauses


class Endpoint:
    """Answers by a rule over the spans of a request, and remembers requests; `accepted` are the spans it took."""

    def __init__(self, rule: Callable[[Sequence[bytes]], Answer]) -> None:
        self.rule = rule
        self.requests: list[list[bytes]] = []
        self.accepted: list[bytes] = []

    def send(self, spans: Sequence[bytes]) -> Answer:
        """Answer one request."""
        self.requests.append(list(spans))
        answer = self.rule(spans)
        if isinstance(answer, Delivered):
            self.accepted += spans
        return answer


def in_turn(*answers: Answer) -> Callable[[Sequence[bytes]], Answer]:
    """These answers, then acceptance."""
    waiting = list(answers)
    return lambda _: waiting.pop(0) if waiting else Delivered()


def span(number: int) -> bytes:
    """Stands for an encoded span of trace `number`."""
    return b"\x0a\x10" + number.to_bytes(16) + b"rest of span"


def parcel(workflow: str, *spans: bytes, partition: int = 0) -> Parcel:
    return Parcel(partition, OutboxItem(workflow, 1, 9, True), list(spans), b"state", unsettled=len(spans))


class Clock:
    """Milliseconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


def deliver(sending: Dispatch, parcels: Sequence[Parcel], stop: Stop) -> list[Refusal]:
    """Send parcels to the end; all that was refused."""
    return list(chain.from_iterable(sending.deliver(parcels, stop)))


def dispatch(endpoint: Endpoint, clock: Clock | None = None) -> Dispatch:
    return Dispatch(endpoint, clock or Clock(), lambda: 1.0)


def test_all_parcels_go_in_one_request() -> None:
    endpoint = Endpoint(in_turn())
    sending = dispatch(endpoint)
    parcels = [parcel("a", span(1), span(1)), parcel("b"), parcel("c", span(2), partition=1)]
    assert deliver(sending, parcels, Pauses()) == []
    assert endpoint.requests == [[span(1), span(1), span(2)]]
    assert [one.unsettled for one in parcels] == [0, 0, 0]
    assert (sending.tally.sent, sending.tally.requests) == (3, 1)


def test_nothing_to_send_is_no_request() -> None:
    endpoint = Endpoint(in_turn())
    assert deliver(dispatch(endpoint), [parcel("a")], Pauses()) == []
    assert endpoint.requests == []


def test_a_refused_request_is_halved_down_to_the_bad_span_and_all_others_arrive_once() -> None:
    bad = span(99)
    endpoint = Endpoint(lambda spans: Refused(400, "bad id") if bad in spans else Delivered())
    sending = dispatch(endpoint)
    good = [span(number) for number in range(20)]
    parcels = [parcel("a", *good[:5]), parcel("b", good[5], bad, *good[6:9]), parcel("c", *good[9:], partition=3)]
    refusals = deliver(sending, parcels, Pauses())
    fields = {"status": "400", "reason": "bad id", "workflow": "b", "run": "1", "trace_ids": f"{99:032x}"}
    assert refusals == [Refusal(0, bad, fields)]
    assert sorted(endpoint.accepted) == sorted(good)
    assert [one.unsettled for one in parcels] == [0, 0, 0]
    assert (sending.tally.sent, sending.tally.refused) == (20, 1)
    assert good[:5] in endpoint.requests, "the spans of an innocent run stay together"


def test_a_request_that_is_too_large_arrives_in_parts() -> None:
    endpoint = Endpoint(lambda spans: Refused(413, "too large") if len(spans) > 3 else Delivered())
    spans = [span(number) for number in range(10)]
    assert deliver(dispatch(endpoint), [parcel("a", *spans)], Pauses()) == []
    assert endpoint.accepted == spans


def test_when_everything_is_refused_every_span_is_kept() -> None:
    endpoint = Endpoint(lambda _: Refused(422, "no"))
    spans = [span(number) for number in range(7)]
    refusals = deliver(dispatch(endpoint), [parcel("a", *spans[:3]), parcel("b", *spans[3:])], Pauses())
    assert [refusal.span for refusal in refusals] == spans


def test_a_partial_success_is_noted_and_never_sent_again() -> None:
    endpoint = Endpoint(in_turn(Partly(2, "too old")))
    sending = dispatch(endpoint)
    (note,) = deliver(sending, [parcel("a", span(1), span(1), partition=4), parcel("b", span(2))], Pauses())
    assert note == Refusal(
        4,
        b"",
        {"status": "200", "reason": "too old", "rejected": "2", "spans": "3", "trace_ids": f"{1:032x} {2:032x}"},
    )
    assert len(endpoint.requests) == 1
    assert (sending.tally.sent, sending.tally.rejected) == (1, 2)


def waits(*answers: Answer) -> tuple[Dispatch, Endpoint, list[float]]:
    """Deliver one span to who gives these answers, then accepts; the seconds that passed between requests."""
    stop, passed = Pauses(most=10_000), list[float]()
    rule = in_turn(*answers)

    def note(spans: Sequence[bytes]) -> Answer:
        passed.append(sum(stop.seconds))
        return rule(spans)

    endpoint = Endpoint(note)
    sending = dispatch(endpoint)
    deliver(sending, [parcel("a", span(1))], stop)
    return sending, endpoint, [round(after - before, 3) for before, after in pairwise(passed)]


def test_while_the_endpoint_is_unavailable_the_same_request_is_tried_with_growing_waits() -> None:
    sending, endpoint, seconds = waits(*[Unavailable("HTTP 503")] * 12)
    assert endpoint.requests == [[span(1)]] * 13
    assert seconds == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]
    assert sending.tally.retries == 12
    assert sending.tally.unavailable_since_ms is None


def test_retry_after_is_honoured_up_to_an_hour() -> None:
    _, _, seconds = waits(Unavailable("HTTP 429", 17.0), Unavailable("HTTP 429", 0.0), Unavailable("HTTP 429", 1e9))
    assert seconds == [17.0, 0.2, 3600.0]


def test_a_wait_that_was_broken_off_goes_on_with_the_next_parcels() -> None:
    endpoint, clock, stop = Endpoint(in_turn(Unavailable("HTTP 503", 10.0))), Clock(), Pauses()
    sending = dispatch(endpoint, clock)
    assert list(sending.deliver([parcel("a", span(1))], stop, lambda: sum(stop.seconds) < 4)) == []
    assert sum(stop.seconds) == 4
    clock.now_ms += 2_000
    deliver(sending, [parcel("b", span(2))], stop)
    assert sum(stop.seconds) == 8
    assert endpoint.requests == [[span(1)], [span(2)]]


def test_it_is_asked_before_each_request_whether_it_may_begin() -> None:
    endpoint, asked = Endpoint(in_turn(Refused(413, "too large"))), list[int]()

    def allowed() -> bool:
        asked.append(len(endpoint.requests))
        return len(endpoint.requests) < 2

    parcels = [parcel("a", span(1)), parcel("b", span(2))]
    assert list(dispatch(endpoint).deliver(parcels, Pauses(), allowed)) == [[]]
    assert asked == [0, 1, 2]
    assert [one.unsettled for one in parcels] == [0, 1]


def test_waits_are_spread_over_their_upper_half() -> None:
    assert Backoff(lambda: 0.0).next_wait() == 0.05
    assert Backoff(lambda: 1.0).next_wait() == 0.1


def test_after_a_success_the_waits_begin_again() -> None:
    endpoint = Endpoint(in_turn(Unavailable("x"), Unavailable("x"), Delivered(), Unavailable("x")))
    sending, stop = dispatch(endpoint), Pauses()
    deliver(sending, [parcel("a", span(1))], stop)
    deliver(sending, [parcel("b", span(2))], stop)
    assert stop.seconds == [0.1, 0.2, 0.1]


def test_a_stop_during_an_outage_leaves_the_rest_unsettled() -> None:
    endpoint = Endpoint(lambda spans: Unavailable("HTTP 503"))
    parcels = [parcel("a", span(1)), parcel("b", span(2))]
    assert deliver(dispatch(endpoint), parcels, Pauses(most=2)) == []
    assert [one.unsettled for one in parcels] == [1, 1]
    assert len(endpoint.requests) == 2


def test_a_stop_amid_halves_knows_what_has_arrived() -> None:
    rule = in_turn(Refused(400, "bad"), Delivered(), Unavailable("gone"))
    parcels = [parcel("a", span(1)), parcel("b", span(2))]
    deliver(dispatch(Endpoint(rule)), parcels, Pauses(most=1))
    assert [one.unsettled for one in parcels] == [0, 1]


def test_an_outage_is_two_lines_in_the_log_whatever_its_length(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()

    def rule(_: Sequence[bytes]) -> Answer:
        clock.now_ms += 500
        return Unavailable("Connection refused") if len(endpoint.requests) < 40 else Delivered()

    endpoint = Endpoint(rule)
    with caplog.at_level(logging.INFO):
        deliver(dispatch(endpoint, clock), [parcel("a", span(1))], Pauses())
    assert caplog.messages == [
        "The OTLP endpoint is unavailable (Connection refused). Spans wait in the outbox.",
        "The OTLP endpoint is available again after 19.5 s.",
    ]


def test_a_hiccup_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        dispatch(Endpoint(in_turn(Unavailable("reset")))).deliver([parcel("a", span(1))], Pauses())
    assert caplog.messages == []


def test_another_reason_is_told(caplog: pytest.LogCaptureFixture) -> None:
    rule = in_turn(*[Unavailable("one")] * 3, *[Unavailable("two")] * 3)
    with caplog.at_level(logging.WARNING):
        deliver(dispatch(Endpoint(rule)), [parcel("a", span(1))], Pauses())
    assert [line.partition("(")[2][:3] for line in caplog.messages] == ["one", "two"]


def test_refusals_of_one_kind_are_told_once_in_ten_minutes(caplog: pytest.LogCaptureFixture) -> None:
    endpoint, clock = Endpoint(lambda spans: Refused(400, f"bad id {spans[0].hex()}")), Clock()
    sending = dispatch(endpoint, clock)
    with caplog.at_level(logging.WARNING):
        deliver(sending, [parcel("a", *map(span, range(9)))], Pauses())
        assert len(caplog.messages) == 1
        clock.now_ms += 600_000
        deliver(sending, [parcel("a", span(1))], Pauses())
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("The OTLP endpoint refuses spans, they are kept aside: HTTP 400 bad id")
    first = vars(caplog.records[0])
    assert [first[name] for name in ("workflow_id", "run", "trace_id")] == ["a", 1, f"{0:032x}"]
    assert sending.tally.refused == 10
