"""The demo's receiver: counts every span by its ids, and hands over each trace when its workflow span has come."""

import queue
from collections import Counter

from longspan.received import ReceivedSpan
from longspan.receiver import ExportRequest, Receiver

_MOST_COUNTED = 1_000_000


class TraceReceiver(Receiver):
    """`finished` gives the spans of each finished trace once; `counts` says how often each (trace id, span id) came."""

    def __init__(self) -> None:
        super().__init__()
        self.finished: queue.SimpleQueue[list[ReceivedSpan]] = queue.SimpleQueue()
        self.counts: Counter[tuple[str, str]] = Counter()
        self._open: dict[str, list[ReceivedSpan]] = {}

    def keep(self, request: ExportRequest) -> None:
        """Sort the spans into their traces."""
        if len(self.counts) > _MOST_COUNTED:
            self.counts.clear()  # a demo that runs for days
            self._open.clear()
        for span in request.spans:
            self.counts[span.trace_id, span.span_id] += 1
            self._open.setdefault(span.trace_id, []).append(span)
        for span in request.spans:
            if "workflow.outcome" in span.attributes and not span.parent_id:  # a part's trace is its parent's
                self.finished.put(self._open.pop(span.trace_id, []))
