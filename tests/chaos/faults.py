"""How each kind of fault is done to a stage. Each takes as long as the fault lasts and leaves everything well again."""

import signal
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from streams.scripts import ACKNOWLEDGE, CLAIM, COMMIT, HOLD, RENEW, ROUTE
from tests.chaos.collector import Mood
from tests.chaos.schedule import EVERYBODY, GUEST, Fault
from tests.chaos.stage import GAVE_UP, Place, Stage

SCRIPTS = [script._hash.encode() for script in (ACKNOWLEDGE, CLAIM, COMMIT, HOLD, RENEW, ROUTE)]
STOP_SECONDS = 40  # longer than it takes to give up a server that does not answer
# The signal itself ends a worker that has not come so far yet that it could end in order; and it gives up by itself
# where it finds no server when it starts.
ENDS = (0, -signal.SIGTERM, GAVE_UP)
MOODS: dict[str, Mood] = {"refuse": "refusing", "slow": "slow", "lose-spans": "forgetful"}


def inflict(stage: Stage, fault: Fault) -> None:
    """Do it, and undo it when it has lasted long enough or the stage is taken down."""
    begin_seconds = time.monotonic()
    if fault.kind == "guest":
        _visit(stage, stage.places[GUEST], fault.seconds)
    elif fault.worker == EVERYBODY:
        _TO_ALL[fault.kind](stage, fault.seconds)
    else:
        place = stage.places[fault.worker]
        with place.turn:
            stage.hurry()
            stage.stopping.wait(fault.delay_seconds)
            begin_seconds = time.monotonic()
            _TO_WORKER[fault.kind](stage, place, fault.seconds)
    stage.disturbed(fault.kind, fault.worker, begin_seconds)


def _kill(stage: Stage, place: Place, seconds: float) -> None:
    place.process.kill()
    stage.stopping.wait(seconds)
    place.process.start()


def _kill_parent(stage: Stage, place: Place, seconds: float) -> None:
    place.process.kill_parent()
    stage.stopping.wait(seconds)
    place.process.start()


def _kill_exporter(stage: Stage, place: Place, seconds: float) -> None:
    del stage, seconds
    place.process.kill_exporter()


def _suspend(stage: Stage, place: Place, seconds: float) -> None:
    place.process.suspend()
    stage.stopping.wait(seconds)
    place.process.resume()


def _suspend_exporter(stage: Stage, place: Place, seconds: float) -> None:
    place.process.suspend_exporter()
    stage.stopping.wait(seconds)
    place.process.resume()


def _cut(stage: Stage, place: Place, seconds: float) -> None:
    place.link.cut()
    stage.stopping.wait(seconds)
    place.link.heal()


def _stall(stage: Stage, place: Place, seconds: float) -> None:
    place.link.stall()
    stage.stopping.wait(seconds)
    place.link.heal()


def _lose_answers(stage: Stage, place: Place, seconds: float) -> None:
    place.link.lose_answers(SCRIPTS)
    stage.stopping.wait(seconds)
    place.link.heal()


def _roll(stage: Stage, place: Place, seconds: float) -> None:
    _stop(place)
    stage.stopping.wait(seconds)
    place.process.start()


def _stop(place: Place) -> None:
    status = place.process.stop(STOP_SECONDS)
    assert status in ENDS, f"worker {place.name} ended with status {status}"


def _visit(stage: Stage, guest: Place, seconds: float) -> None:
    with guest.turn:
        guest.process.start()
        stage.stopping.wait(seconds)
        _stop(guest)


def _restart_redis(stage: Stage, seconds: float) -> None:
    stage.server.kill()
    stage.stopping.wait(seconds)
    stage.server.start()


def _kill_clients(stage: Stage, seconds: float) -> None:
    del seconds
    _ask(stage, "CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")


def _flush_scripts(stage: Stage, seconds: float) -> None:
    del seconds
    _ask(stage, "SCRIPT", "FLUSH")


def _ask(stage: Stage, *command: str) -> None:
    """Nothing where the server is away at this moment."""
    try:
        with stage.server.client() as client:
            client.execute_command(*command)
    except RedisError:
        return


def _mood(mood: Mood) -> Callable[[Stage, float], None]:
    def be(stage: Stage, seconds: float) -> None:
        stage.endpoint.mood = mood
        stage.stopping.wait(seconds)
        stage.endpoint.mood = "good"

    return be


_TO_WORKER: dict[str, Callable[[Stage, Place, float], None]] = {
    "kill": _kill,
    "kill-parent": _kill_parent,
    "kill-exporter": _kill_exporter,
    "suspend": _suspend,
    "suspend-exporter": _suspend_exporter,
    "cut": _cut,
    "stall": _stall,
    "lose-answers": _lose_answers,
    "roll": _roll,
    "leave": _roll,
}
_TO_ALL: dict[str, Callable[[Stage, float], None]] = {
    "restart-redis": _restart_redis,
    "kill-clients": _kill_clients,
    "flush-scripts": _flush_scripts,
    **{kind: _mood(mood) for kind, mood in MOODS.items()},
}
