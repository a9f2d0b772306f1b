"""Sending runs once more: at its rate, in order, and never unclear about how far it has come."""

from collections.abc import Iterator

from spans.answer import Delivered, Partly, Unavailable
from spans.errors import PlanError
from spans.redelivery import Again, Progress, Redelivery
from tests.spans.export_runs import Endpoint


class Clock:
    """Time passes only while somebody waits."""

    def __init__(self) -> None:
        self.ms = 0.0

    def now_ms(self) -> int:
        return int(self.ms)

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float | None = None) -> bool:
        self.ms += (timeout or 0.0) * 1_000
        return False


def span(number: int) -> bytes:
    return b"\x0a\x10" + bytes(16) + b"\x12\x08" + number.to_bytes(8)


def again(name: str, *sizes: int, skipped: int = 0) -> Again:
    pieces = [[span(number) for number in range(size)] for size in sizes]
    return Again((name,), 0, name, 1, iter(pieces), skipped)


def broken(name: str, *sizes: int) -> Again:
    def pieces() -> Iterator[list[bytes]]:
        yield from again(name, *sizes).pieces
        raise PlanError(name, 1, "it does not end")

    return Again((name,), 0, name, 1, pieces())


def send(endpoint: Endpoint, *runs: Again, rate: int = 0) -> tuple[Redelivery, list[Progress], Clock]:
    clock = Clock()
    redelivery = Redelivery(endpoint, clock.now_ms, lambda: 1.0, rate=rate, patience_ms=5_000)
    return redelivery, list(redelivery.send(runs, clock)), clock


def test_it_keeps_to_its_rate() -> None:
    endpoint = Endpoint()
    redelivery, _, clock = send(endpoint, *(again(f"wf-{number}", 5) for number in range(20)), rate=10)
    assert redelivery.account.spans == 100
    assert 8_000 <= clock.ms <= 10_000
    assert all(len(request) <= 10 for request in endpoint.requests)


def test_a_run_is_sent_whole_and_a_long_one_piece_by_piece() -> None:
    endpoint = Endpoint()
    redelivery, progress, _ = send(endpoint, again("small", 3), again("long", 2_000, 2_000, 7), again("last", 2))
    assert [len(request) for request in endpoint.requests] == [2_003, 2_009]
    assert progress[1].mark == ("small",)
    assert progress[1].within == ("long", 1)
    assert progress[1].spans == 2_000
    assert progress[-1] == Progress(("last",), None, 0)
    assert (redelivery.account.runs, redelivery.account.is_clean) == (3, True)


def test_what_was_sent_of_a_run_is_passed_over() -> None:
    endpoint = Endpoint()
    send(endpoint, again("long", 2_000, 10, skipped=2_004))
    assert endpoint.requests == [[span(number) for number in range(4, 10)]]


def test_of_a_run_that_breaks_it_says_what_was_sent_and_goes_on() -> None:
    redelivery, progress, _ = send(Endpoint(), broken("bad", 4), broken("worse"), again("good", 1))
    assert [failure["workflow"] for failure in redelivery.account.failures] == ["bad", "worse"]
    assert redelivery.account.failures[0]["reason"].endswith("its first 4 spans are sent, the others are not")
    assert (redelivery.account.runs, redelivery.account.spans, progress[-1].mark) == (1, 5, ("good",))


def test_it_waits_for_an_endpoint_that_is_away_but_not_for_ever() -> None:
    away = Unavailable("HTTP 503 busy")
    redelivery, progress, _ = send(Endpoint(away, away, Delivered()), again("wf", 2))
    assert (redelivery.account.spans, redelivery.account.halted) == (2, "")
    redelivery, progress, clock = send(Endpoint(*[away] * 50), again("wf", 2))
    assert redelivery.account.halted == "the endpoint is away: HTTP 503 busy"
    assert 5_000 <= clock.ms < 20_000
    assert not [step for step in progress if step.mark]


def test_what_is_accepted_in_part_is_no_success() -> None:
    redelivery, _, _ = send(Endpoint(Partly(1, "too old")), again("wf", 2))
    assert (redelivery.account.refused, redelivery.account.spans) == (1, 1)
    assert not redelivery.account.is_clean
