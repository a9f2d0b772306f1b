import json
from pathlib import Path

from streams.client import connect
from tests.longspan.processes import longspan

LINE = '{"type": "com.example.started", "subject": "wf-1", "data": {"n": %d}}'


def entries(settings: dict[str, str]) -> list[dict[str, str]]:
    with connect(settings["LONGSPAN_REDIS_URL"]) as client:
        found = client.call("XRANGE", f"{settings['LONGSPAN_PREFIX']}:events", "-", "+")
    return [
        {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)} for _, flat in found
    ]


def test_one_event_is_sent_by_arguments(settings: dict[str, str]) -> None:
    arguments = ["emit", "com.example.risk.submitted", "wf-42", "--machine", "risk-calculation", "--sequence", "1"]
    arguments += ["--data", '{"portfolio":"FX"}', "--id", "e-1", "--source", "/risk", "--extension", "note=a=b"]
    done = longspan(*arguments, "--time", "2026-11-22T16:00:00Z", "--json", settings=settings)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["id"], told["subject"]) == ("e-1", "wf-42")
    assert told["position"].partition("-")[0].isdigit()
    assert entries(settings) == [
        {
            "id": "e-1",
            "time": "2026-11-22T16:00:00Z",
            "type": "com.example.risk.submitted",
            "subject": "wf-42",
            "machine": "risk-calculation",
            "sequence": "1",
            "data": '{"portfolio":"FX"}',
            "source": "/risk",
            "note": "a=b",
        }
    ]


def test_a_wrong_argument_is_named_and_nothing_is_sent(settings: dict[str, str]) -> None:
    for option, value in (("--time", "noon"), ("--data", "[1]"), ("--sequence", "x"), ("--extension", "x")):
        done = longspan("emit", "t", "s", option, value, settings=settings)
        assert done.returncode == 2
        assert option.removeprefix("--") in done.stderr
    assert entries(settings) == []


def test_wrong_lines_are_reported_by_number_and_the_others_sent_in_order(
    settings: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    lines = [LINE % 1, "rubbish", "", LINE % 2, '{"type": "t"}', LINE % 3]
    file.write_text("\n".join(lines))
    done = longspan("emit", str(file), settings=settings)
    assert done.returncode == 1
    assert "line 2: event: is not a JSON object" in done.stderr
    assert "line 5: subject: is missing" in done.stderr
    assert "3 sent, 2 refused" in done.stderr
    sent = [json.loads(entry["event"])["data"]["n"] for entry in entries(settings)]
    assert sent == [1, 2, 3]


def test_many_lines_come_through_stdin(settings: dict[str, str]) -> None:
    lines = "\n".join(LINE % number for number in range(1_203))
    done = longspan("emit", settings=settings, stdin=lines)
    assert done.stdout == "1203 sent\n"
    assert [json.loads(entry["event"])["data"]["n"] for entry in entries(settings)] == list(range(1_203))


def test_a_file_that_is_not_there_is_wrong_use(settings: dict[str, str]) -> None:
    done = longspan("emit", "no-such-file", settings=settings)
    assert done.returncode == 2
    assert "no-such-file cannot be read" in done.stderr
