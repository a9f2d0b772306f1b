"""A worker behind a sentinel: its primary is replaced, in order or by its death, and what is sent then goes on."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from longspan.receiver import Receiver
from machines.catalog import load_catalog
from streams.client import connect
from streams.keys import Keys
from tests.journey.running import NAMESPACE, is_drained, worker
from tests.journey.test_storm import EXAMPLES, watched
from tests.journey.traffic import Fields, random_traffic
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Entry, Fold
from tests.oracle.spans import expected_spans
from tests.support.seeds import SEED
from tests.support.sentinel import Pair, running_pair
from tests.support.waiting import wait_for

WORKFLOWS = 12


@pytest.mark.parametrize("how", ["in order", "killed"])
def test_a_worker_follows_the_primary(receiver: Receiver, prefix: str, tmp_path: Path, how: str) -> None:
    catalog = load_catalog([str(EXAMPLES)])
    fold = Fold(catalog)
    traffic = random_traffic(list(catalog), WORKFLOWS, SEED, time.time_ns() - 10 * 60 * 10**9)
    half = len(traffic) // 2
    with running_pair(tmp_path / "servers") as pair, worker(pair, receiver, prefix, EXAMPLES, tmp_path) as process:
        for entries in (traffic[:half], traffic[half:]):
            if fold.workflows:
                replace_primary(pair, how)
            fold.feed(send(pair, prefix, entries))
            wait_for(watched(lambda: drained(pair, prefix), process.check), 60, every_seconds=0.05)
    wrong = differences(expected_spans(fold, NAMESPACE), receiver.spans)
    assert not wrong, f"LONGSPAN_SEED={SEED}: {report(wrong)}"


def replace_primary(pair: Pair, how: str) -> None:
    """Wait until the replica has everything, replace the primary, and wait until there is another."""
    former = pair.primary()
    with former.client() as client:
        assert client.execute_command("WAIT", 1, 3_000) == 1
    if how == "killed":
        former.kill()
    else:
        pair.fail_over()
    wait_for(lambda: pair.primary() is not former, 30, every_seconds=0.05)


def send(pair: Pair, prefix: str, entries: Sequence[Fields]) -> list[Entry]:
    """Append entries one by one, each again until it was taken, as producers do."""
    sent = []
    with connect(pair.url) as client:
        for fields in entries:
            flat = [part for pair_of in fields.items() for part in pair_of]

            def append(flat: Sequence[str] = flat) -> bytes | None:
                try:
                    return bytes(client.call("XADD", Keys(prefix).events, "*", *flat))
                except redis.RedisError:
                    return None

            position = wait_for(append, 30, every_seconds=0.05)
            assert position is not None
            sent.append(Entry(position.decode(), fields))
    return sent


def drained(pair: Pair, prefix: str) -> bool:
    """Whether everything has been delivered, as the primary of this moment says."""
    with pair.primary().client() as client:
        return is_drained(client, prefix)
