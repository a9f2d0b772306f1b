"""The demo's processes and what is shown of them: server, receiver, worker, poller, simulation and board."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from longspan.arrived import TraceReceiver
from longspan.board import Board, Row
from longspan.demo_page import demo_page
from longspan.demo_processes import DemoProcess, demo_poller, demo_system, demo_worker
from longspan.embedded import open_lock, take_lock
from longspan.endpoint import Endpoint
from longspan.errors import UseError
from longspan.reckoning import Reckoning, reckon
from longspan.settings import Settings
from longspan.simulated_events import Fields
from longspan.simulation import Simulation
from longspan.store import Store, open_store
from longspan.waterfall import draw_waterfall

if TYPE_CHECKING:
    from streams.status import WorkflowView

_LOOK_SECONDS = 0.2
_SHOWN_AFTER_END_SECONDS = 2.0
_PATIENCE_SECONDS = 120.0  # with --once, after the last event was sent


class Stage:
    """Plays the demo on `board`; with `once` until its workflows have ended, otherwise until Ctrl-C."""

    def __init__(self, settings: Settings, endpoint: Endpoint, board: Board, *, speed: float, once: bool) -> None:
        # A server of the demo's own: whatever is set, it must not play in anybody's real data.
        self._settings = replace(
            settings,
            redis_url=None,
            data=settings.data / "demo",
            prefix="longspan",
            partitions=None,
            api_tokens=None,
            oidc_issuer=None,
            proxy_user_header=None,
        )
        self._endpoint = endpoint
        self._board = board
        self._speed = speed
        self._once = once
        self._ended: dict[str, float] = {}

    def play(self, workflows: int, seed: int) -> Reckoning:
        """Play this many workflows at once. Raises UseError when another demo runs, and what the server raises."""
        data = self._settings.data
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            data.mkdir(parents=True, exist_ok=True)
            if not take_lock(stack.enter_context(open_lock(data / "demo.lock"))):
                raise UseError(f"another demo runs already, with its data in {data}")
            own = self._endpoint.chosen or self._endpoint.url is None
            receiver = None if own else stack.enter_context(TraceReceiver())
            store = open_store(self._settings)
            stack.callback(store.client.close)
            worker = demo_worker(store.url, receiver.endpoint if receiver else None, data / "worker.log")
            simulation = Simulation(data / "demo.json", _sender(store), workflows, self._speed, seed, self._once)
            asked = stack.enter_context(demo_system(simulation.system))
            processes = [stack.enter_context(worker), stack.enter_context(demo_poller(store.url, asked, data))]
            page = stack.enter_context(demo_page(self._settings, store))
            self._introduce(page, store, asked, simulation)
            with self._board, _playing(simulation) as playing, contextlib.suppress(KeyboardInterrupt):
                self._watch(store, simulation, playing, processes, receiver, began)
            result = reckon(
                store,
                self._settings.namespace,
                simulation.performances.values(),
                receiver.counts if receiver else None,
                time.monotonic() - began,
            )
            result.out_of_order = simulation.out_of_order
            return result

    def _introduce(self, page: str, store: Store, asked: str, simulation: Simulation) -> None:
        say = self._board.say
        say(f"open      {page}  workflows while they run; the API is there too: {page}/docs")
        say(f"server    {store.shown}")
        if self._endpoint.chosen or self._endpoint.url is None:
            say(f"traces    go to {self._endpoint.shown}")
        else:
            say("traces    are received here; OTEL_EXPORTER_OTLP_ENDPOINT=http://host:4318 sends them to a Tempo")
        say(f"polled    every other workflow, at {asked}/workflows")
        say(f"time      runs {self._speed:g} times as fast: events carry simulated times, and end now")
        if simulation.continued:
            say(f"goes on   with {len(simulation.continued)} workflows of the last time")
        say("")

    def _watch(
        self,
        store: Store,
        simulation: Simulation,
        playing: "_Playing",
        processes: Sequence[DemoProcess],
        receiver: TraceReceiver | None,
        began: float,
    ) -> None:
        last_sent: float | None = None
        while True:
            for process in processes:
                process.check()
            playing.check()
            rows = self._look(store, simulation)
            self._show_traces(receiver)
            self._board.show_rows(rows, time.monotonic() - began)
            if self._once and not playing.is_alive():
                last_sent = last_sent or time.monotonic()
                all_ended = len(self._ended) == len(simulation.performances)
                if (all_ended and self._is_delivered(store)) or time.monotonic() - last_sent > _PATIENCE_SECONDS:
                    self._show_traces(receiver)
                    return
            time.sleep(_LOOK_SECONDS)

    def _look(self, store: Store, simulation: Simulation) -> list[Row]:
        from streams.status import find_workflow

        rows = []
        now = time.monotonic()
        for workflow_id, performance in list(simulation.performances.items()):
            if now - self._ended.get(workflow_id, now) > _SHOWN_AFTER_END_SECONDS:
                if not self._once:
                    simulation.forget(workflow_id)
                    del self._ended[workflow_id]
                continue
            view = find_workflow(store.client, store.keys, store.partitions or 1, workflow_id)
            if view is None:
                continue
            if view.snapshot.ended:
                self._ended.setdefault(workflow_id, now)
            now_ns = performance.start_ns + round(performance.elapsed_seconds(self._speed) * 1e9)
            rows.append(_row(view, performance.play.machine, now_ns))
        return rows

    @staticmethod
    def _is_delivered(store: Store) -> bool:
        """Whether nothing waits for the endpoint: what has left the outbox was received."""
        owned = [store.keys.of(partition).outbox for partition in range(store.partitions or 0)]
        return not any(store.client.call_all([("XLEN", key) for key in owned]))

    def _show_traces(self, receiver: TraceReceiver | None) -> None:
        while receiver is not None and not receiver.finished.empty():
            self._board.show_trace(draw_waterfall(receiver.finished.get()))


class _Playing(threading.Thread):
    """The simulation in a thread, which tells the main one when it fails."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(name="simulation", daemon=True)
        self.stop = threading.Event()
        self._simulation = simulation
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._simulation.run(self.stop)
        except Exception as error:  # carried to the main thread, which raises it
            self._error = error

    def check(self) -> None:
        """Raise what went wrong in it."""
        if self._error is not None:
            raise self._error


@contextlib.contextmanager
def _playing(simulation: Simulation) -> Iterator[_Playing]:
    thread = _Playing(simulation)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop.set()
        thread.join()


def _sender(store: Store) -> Callable[[Sequence[Fields]], None]:
    from streams import ingress

    def send(entries: Sequence[Fields]) -> None:
        ingress.emit(store.client, store.keys, entries)

    return send


def _row(view: "WorkflowView", machine: str, now_ns: int) -> Row:
    snapshot = view.snapshot
    inner = {
        path: entered_ns
        for path, entered_ns in snapshot.states.items()
        if not any(other.startswith(f"{path}.") for other in snapshot.states)
    }
    latest = max(inner.values(), default=None)
    seconds = None if latest is None or snapshot.ended else max(0.0, (now_ns - latest) / 1e9)
    children = snapshot.children
    parts = f" ({children.ended} of {children.started} parts ended)" if children.started and inner else ""
    return Row(view.id, machine, ", ".join(inner) + parts, seconds, snapshot.status)
