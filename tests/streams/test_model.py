"""The protocol of lease and commit in any interleaving, and what becomes of it without each of its comparisons."""

import functools
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from streams.scripts import COMMIT, Script
from tests.streams.protocol import Protocol
from tests.streams.site import Site

EXAMPLES = 60
MOST_EXAMPLES = 1_000  # to find what breaks a weaker fence; a few dozen do
FENCE = {"nonce": "meta[1] ~= ARGV[1]", "etag": "meta[2] ~= ARGV[2]", "cursor": "meta[3] ~= ARGV[3]"}


class Weakened(Script):
    """The commit script with a fence that compares only this."""

    def __init__(self, kept: Sequence[str]) -> None:
        super().__init__("commit")
        whole = " or ".join(FENCE.values())
        assert whole in self._text
        self._text = self._text.replace(whole, " or ".join(FENCE[name] for name in kept) or "false")
        self._hash = sha1(self._text.encode(), usedforsecurity=False).hexdigest()


def search(site: Site, script: Script, examples: int, *phases: Phase) -> None:
    """Let hypothesis look for steps that break the protocol."""
    chosen = settings(max_examples=examples, stateful_step_count=40, deadline=None, phases=phases)
    machine: Any = functools.partial(
        Protocol, site, script._text
    )  # hypothesis takes any factory, and types only the class
    run_state_machine_as_test(machine, settings=chosen)


def test_any_interleaving_folds_each_event_once_and_in_order(site: Site) -> None:
    search(site, COMMIT, EXAMPLES, Phase.generate, Phase.shrink)


@pytest.mark.parametrize("kept", [("etag",), ("nonce", "etag"), ("etag", "cursor")], ids=" ".join)
def test_a_new_etag_with_each_claim_and_commit_would_be_fence_enough(
    kept: Sequence[str], valkey_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Weakened(kept)
    monkeypatch.setattr("streams.committing.COMMIT", script)
    search(valkey_site, script, EXAMPLES, Phase.generate)


@pytest.mark.parametrize("kept", [(), ("nonce",), ("cursor",), ("nonce", "cursor")], ids=" ".join)
def test_without_the_etag_some_interleaving_breaks_it(
    kept: Sequence[str], valkey_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Weakened(kept)
    monkeypatch.setattr("streams.committing.COMMIT", script)
    with pytest.raises(AssertionError):
        search(valkey_site, script, MOST_EXAMPLES, Phase.generate)
