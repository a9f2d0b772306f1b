"""The search: runs are read from their journals and looked through span by span, up to a bound."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from api.service import Options
from api.tempo.conditions import Condition
from api.tempo.fields import Whole
from api.tempo.targets import aim, find_runs
from machines.attributes import AttributeValue
from machines.errors import SnapshotError
from spans.errors import PlanError
from spans.live import LiveTrace, live_trace
from spans.planned import PlannedSpan
from streams.client import Client
from streams.journals import OpenJournal, open_journals
from streams.keys import Keys

MOST_RUNS = 1_000
MOST_PAGES = 200
MOST_ENTRIES = 50_000  # of journals


class Wanted(NamedTuple):
    """What is searched for: spans that fulfil `condition`, in traces that reach into the time from `after_ns` to
    `before_ns` and last between two durations (ns). At most `limit` traces."""

    condition: Condition
    limit: int = 20
    after_ns: int | None = None
    before_ns: int | None = None
    shortest_ns: int | None = None
    longest_ns: int | None = None

    def takes(self, whole: Whole) -> bool:
        """Whether a trace reaches into the time and lasts as long as it should."""
        duration_ns = whole.end_ns - whole.start_ns
        return (
            (self.after_ns is None or whole.end_ns >= self.after_ns)
            and (self.before_ns is None or whole.start_ns < self.before_ns)
            and (self.shortest_ns is None or duration_ns >= self.shortest_ns)
            and (self.longest_ns is None or duration_ns <= self.longest_ns)
        )


@dataclass(slots=True)
class FoundTrace:
    """A trace with spans that were searched for: `matched` of its `spans`."""

    whole: Whole
    spans: list[PlannedSpan]
    matched: list[PlannedSpan]


@dataclass(slots=True)
class Finding:
    """What a search found, newest start first. `complete` is false where it ended at a bound; `runs` and `size`
    (bytes) say how much it read."""

    traces: list[FoundTrace] = field(default_factory=list)
    complete: bool = True
    runs: int = 0
    size: int = 0


def search(client: Client, keys: Keys, partitions: int, options: Options, wanted: Wanted, now_ns: int) -> Finding:
    """Traces with spans that fulfil a condition: those that run first, newest start first.

    Raises PatternError where a regular expression takes too long, redis.RedisError.
    """
    finding = Finding()
    found: dict[str, FoundTrace] = {}
    entries = 0
    for journal, workflow_id in _journals(client, keys, partitions, options, wanted, now_ns, finding):
        try:
            trace = live_trace(
                options.namespace, workflow_id, journal.header, journal.records, options.span_limits, now_ns
            )
        except (PlanError, SnapshotError):
            continue  # asked for by itself, it says why it cannot be told
        finally:
            finding.runs += 1
            finding.size += journal.size
            entries += journal.bookmark.entries
        _look_through(trace, options, wanted, found)
        if len(found) >= wanted.limit:
            break
        if finding.runs >= MOST_RUNS or entries >= MOST_ENTRIES:
            finding.complete = False
            break
    finding.traces = sorted(found.values(), key=lambda trace: -trace.whole.start_ns)
    return finding


def describe_whole(trace: LiveTrace, options: Options) -> Whole:
    """What the spans of a trace share; it must have some."""
    spans = [*trace.open, *trace.ended]
    return Whole(
        trace.trace_id,
        trace.root_name,
        min(span.start_ns for span in spans),
        max(span.end_ns for span in spans),
        describe_resource(options),
    )


def describe_resource(options: Options) -> Mapping[str, AttributeValue]:
    """The resource's attributes, which come from text, so that they are plain scalars."""
    return cast(Mapping[str, AttributeValue], options.resource.attributes)


def _journals(
    client: Client, keys: Keys, partitions: int, options: Options, wanted: Wanted, now_ns: int, finding: Finding
) -> Iterator[tuple[OpenJournal, str]]:
    target = aim(wanted.condition, describe_resource(options), wanted.before_ns)
    pages = find_runs(client, keys, partitions, target, wanted.after_ns, now_ns // 1_000_000)
    for number, runs in enumerate(pages):
        if number == MOST_PAGES:
            finding.complete = False
            return
        journals = open_journals(client, keys, partitions, runs) if runs else []
        for (workflow_id, _), journal in zip(runs, journals, strict=True):
            if isinstance(journal, OpenJournal):
                yield journal, workflow_id


def _look_through(trace: LiveTrace, options: Options, wanted: Wanted, found: dict[str, FoundTrace]) -> None:
    spans = trace.spans
    if not spans:
        return
    whole = describe_whole(trace, options)
    if not wanted.takes(whole):
        return
    matched = [span for span in spans if wanted.condition.fits(span, whole)]
    if not matched:
        return
    known = found.setdefault(trace.trace_id, FoundTrace(whole, [], []))
    known.whole = known.whole.including(whole)  # a parent and its children are one trace
    known.spans += spans
    known.matched += matched
