import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from longspan.receiver import Receiver
from tests.longspan.processes import children, clean_environment, is_alive, longspan, running
from tests.support.servers import Server
from tests.support.waiting import wait_for

STEPS = ("submitted", "loading", "loaded", "calculating", "calculated", "writing", "written")
RISK = [f"com.example.risk.{step}" for step in STEPS]


def send_risk(settings: dict[str, str], workflow_id: str) -> None:
    lines = "\n".join(json.dumps({"type": name, "subject": workflow_id}) for name in RISK)
    done = longspan("emit", "-", settings=settings, stdin=lines)
    assert done.returncode == 0, done.stderr


def carrier_of(pid: int) -> Callable[[], int]:
    return lambda: next(iter(children(pid)), 0)


def test_events_become_one_trace_and_sigterm_ends_it_in_order(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    with running("worker", settings=settings, log=tmp_path / "log") as worker:
        send_risk(settings, "wf-1")
        assert receiver.wait_until(lambda: len(receiver.spans) == 10)
        carrier = wait_for(carrier_of(worker.pid))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
        assert not is_alive(carrier)
    root = [span for span in receiver.spans if not span.parent_id]
    assert [(span.name, span.status) for span in root] == [("risk-calculation", "ok")]
    log = (tmp_path / "log").read_text()
    assert settings["LONGSPAN_REDIS_URL"] in log
    assert f"go to {receiver.endpoint}/v1/traces" in log
    assert "risk-calculation 1" in log


def test_ctrl_c_in_a_terminal_reaches_all_processes_and_ends_them_in_order(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with running("worker", settings=settings, log=tmp_path / "log") as worker:
        wait_for(carrier_of(worker.pid))
        wait_for(lambda: "traces of namespace" in (tmp_path / "log").read_text())
        os.killpg(worker.pid, signal.SIGINT)
        assert worker.wait(10) == 0


def test_a_second_signal_ends_it_at_once(settings: dict[str, str], valkey_server: Server, tmp_path: Path) -> None:
    with running("worker", settings=settings, log=tmp_path / "log") as worker:
        carrier = wait_for(carrier_of(worker.pid))
        wait_for(lambda: "traces of namespace" in (tmp_path / "log").read_text())
        os.kill(valkey_server.pid, signal.SIGSTOP)  # the batch in hand cannot be finished
        try:
            worker.send_signal(signal.SIGTERM)
            worker.send_signal(signal.SIGINT)
            assert worker.wait(5) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
            wait_for(lambda: not is_alive(carrier))
        finally:
            os.kill(valkey_server.pid, signal.SIGCONT)


def test_worker_and_carrier_give_way_to_others_and_the_embedded_server_does_not(tmp_path: Path) -> None:
    def niceness(pid: int) -> int:
        return os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0)

    settings = {"LONGSPAN_NICE": "3", "LONGSPAN_DATA": str(tmp_path / "data")}
    with running("worker", settings=settings, log=tmp_path / "log") as worker:
        wait_for(lambda: "traces of namespace" in (tmp_path / "log").read_text())
        assert niceness(worker.pid) == 3
        assert sorted(map(niceness, children(worker.pid))) == [0, 3]


def test_a_carrier_that_dies_is_started_again_to_route_and_export(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    with running("worker", settings=settings, log=tmp_path / "log") as worker:
        first = wait_for(carrier_of(worker.pid))
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: carrier_of(worker.pid)() not in (0, first))
        send_risk(settings, "wf-1")
        assert receiver.wait_until(lambda: len(receiver.spans) == 10)
    assert "the carrier ended with status -9" in (tmp_path / "log").read_text()


def test_the_carrier_ends_when_the_worker_is_killed(settings: dict[str, str], tmp_path: Path) -> None:
    with running("worker", settings=settings, log=tmp_path / "log") as worker:
        carrier = wait_for(carrier_of(worker.pid))
        worker.kill()
        wait_for(lambda: not is_alive(carrier))


def test_what_waits_at_the_start_is_folded_and_what_is_unsent_at_the_end_goes_next_time(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    nobody = settings | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    send_risk(settings, "wf-1")
    with running("worker", settings=nobody, log=tmp_path / "first") as worker:
        wait_for(lambda: '"ok"' in longspan("status", "--json", settings=settings).stdout)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    assert receiver.spans == []
    with running("worker", settings=settings, log=tmp_path / "second"):
        assert receiver.wait_until(lambda: len(receiver.spans) == 10)


def test_switched_off_traces_are_acknowledged_without_being_sent(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    off = settings | {"OTEL_TRACES_EXPORTER": "none"}
    with running("worker", settings=off, log=tmp_path / "log"):
        send_risk(settings, "wf-1")
        wait_for(lambda: '"ok"' in longspan("status", "--json", settings=settings).stdout)
        wait_for(lambda: "every finished trace has been accepted" in longspan("doctor", settings=off).stdout)
    assert receiver.spans == []
    assert "traces of namespace default go to nowhere" in (tmp_path / "log").read_text()


def test_everything_wrong_in_the_settings_comes_at_once_with_status_2() -> None:
    done = longspan(
        "worker",
        settings={
            "LONGSPAN_LEASE": "x",
            "LONGSPAN_NAMSPACE": "y",
            "OTEL_TRACES_EXPORTER": "console",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        },
    )
    assert done.returncode == 2
    for name in ("LONGSPAN_LEASE", "mean LONGSPAN_NAMESPACE", "OTEL_TRACES_EXPORTER=console", "PROTOCOL=grpc"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_only_the_exporter_can_judge_stops_the_worker_too(settings: dict[str, str]) -> None:
    done = longspan("worker", settings=settings | {"OTEL_SPAN_EVENT_COUNT_LIMIT": "many"})
    assert done.returncode == 2
    assert "OTEL_SPAN_EVENT_COUNT_LIMIT must be" in done.stderr


def test_another_number_of_partitions_is_a_wrong_setting(redis_server: Server, prefix: str) -> None:
    at_home = {"LONGSPAN_REDIS_URL": redis_server.url, "LONGSPAN_PREFIX": prefix}
    with redis_server.client() as client:
        client.hset(f"{prefix}:layout", mapping={"partitions": 16, "format": 1})
    done = longspan("worker", settings=at_home | {"LONGSPAN_PARTITIONS": "4"})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Set 16, or use another LONGSPAN_PREFIX" in done.stderr


def test_everything_wrong_in_the_machines_comes_at_once_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("machine: a\nversion: x\n")
    (tmp_path / "b.json").write_text("{")
    done = longspan("worker", "--machines", str(tmp_path), "--machines", "nowhere", settings={})
    assert done.returncode == 2
    for place in ("a.yaml", "b.json", "nowhere"):
        assert place in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_cannot_be_used_is_told_in_one_line_without_the_password(redis_server: Server) -> None:
    absent = longspan("worker", settings={"LONGSPAN_REDIS_URL": "redis://:secret@127.0.0.1:9/0"})
    refused = longspan("worker", settings={"LONGSPAN_REDIS_URL": redis_server.url.replace("//", "//me:secret@")})
    for done in (absent, refused):
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1, done.stderr
        assert "LONGSPAN_REDIS_URL" in done.stderr
        assert "secret" not in done.stderr
    assert "refused the credentials" in refused.stderr


def test_a_machine_of_the_users_own_module_is_found_where_the_worker_is_started(
    settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "machines.py").write_text("raise AssertionError('this is not our package')")
    (tmp_path / "lamps.py").write_text(
        "from statemachine import State\n"
        "from machines.python_form import WorkflowChart\n"
        "class Lamp(WorkflowChart):\n"
        "    machine = 'lamp'\n    version = 1\n"
        "    on = State(initial=True)\n    off = State(final=True)\n"
        "    switch = on.to(off)\n    outcomes = {'off': 'ok'}\n"
    )
    environment = clean_environment(**settings)
    command = [str(Path(sys.executable).with_name("longspan")), "machines", "lamps:Lamp"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "lamp" in done.stdout, done.stderr


def test_neither_process_loads_what_only_the_other_needs() -> None:
    worker = "from longspan.store import load_redis; load_redis(); import longspan.worker, longspan.composition\n"
    worker += (
        "import streams.worker, machines.catalog, sys; bad = {'opentelemetry', 'rich', 'requests'} & set(sys.modules)\n"
    )
    carrier = "import longspan.carrier, streams.routing, spans.export, spans.delivery, sys\n"
    carrier += "bad = {'statemachine', 'jsonschema', 'yaml', 'rich'} & set(sys.modules)\n"
    for code in (worker, carrier):
        subprocess.run([sys.executable, "-c", code + "assert not bad, bad"], check=True, env=clean_environment())
