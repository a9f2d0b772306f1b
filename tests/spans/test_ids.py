from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spans import ids
from spans.ids import span_id, trace_id


def test_the_ids_of_a_known_run_never_change() -> None:
    trace = trace_id("default", "risk-calculation", "wf-42", 1)
    assert f"{trace:032x}" == blake2b(b"default\nrisk-calculation\nwf-42\n1", digest_size=16).hexdigest()
    assert f"{trace:032x}" == "dbd34292271e1426887979258817caf5"
    assert f"{span_id(trace, '', 0):016x}" == "0a55ebec726b1068"
    assert f"{span_id(trace, 'processor.processing', 2):016x}" == "f1d972b3da226efe"


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("ab"), st.text(max_size=3), st.integers(1, 3)), unique=True
    )
)
def test_different_runs_have_different_trace_ids(names: list[tuple[str, str, str, int]]) -> None:
    assert len({trace_id(*name) for name in names}) == len(names)


def test_an_all_zero_digest_is_hashed_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    class Zero:
        """A digest that is all zero for text and itself for digests."""

        def __init__(self, data: bytes, digest_size: int) -> None:
            self._data, self._size = data, digest_size

        def digest(self) -> bytes:
            return blake2b(self._data, digest_size=self._size).digest() if not any(self._data) else bytes(self._size)

    monkeypatch.setattr(ids, "blake2b", Zero)
    assert trace_id("default", "order", "o-1", 1) == int.from_bytes(blake2b(bytes(16), digest_size=16).digest())
