import json
from pathlib import Path

from tests.longspan.processes import longspan


def test_the_shipped_machines_are_listed() -> None:
    text = longspan("machines", settings={}).stdout
    for name in ("risk-calculation", "ci-pipeline", "order"):
        assert name in text
    machines = json.loads(longspan("machines", "--json", settings={}).stdout)
    order = next(machine for machine in machines if machine["machine"] == "order")
    assert order["starts_on"] == ["com.example.shop.order.placed"]
    assert "payment.waiting" in order["states"]
    assert order["deadlines"]["payment"]["after_seconds"] == 1800


def test_validation_tells_every_problem_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "machine: a\nversion: none\nchart:\n  states:\n    x: {final: true}\nnonsense: 1\n"
    )
    done = longspan("machines", "--validate", str(tmp_path), settings={})
    assert done.returncode == 1
    assert "a.yaml:2" in done.stdout
    assert "a.yaml:6" in done.stdout
    told = json.loads(longspan("machines", "--validate", str(tmp_path), "--json", settings={}).stdout)
    assert told["valid"] is False
    assert {problem["line"] for problem in told["problems"]} >= {2, 6}
    assert longspan("machines", str(tmp_path), settings={}).returncode == 2


def test_right_machines_are_called_valid() -> None:
    done = longspan("machines", "--validate", settings={})
    assert (done.returncode, done.stdout[:6]) == (0, "valid:")


def test_a_machine_is_drawn() -> None:
    done = longspan("machines", "--draw", "order", settings={})
    assert done.stdout.startswith("stateDiagram-v2")
    unknown = longspan("machines", "--draw", "odrer", settings={})
    assert unknown.returncode == 1
    assert "order" in unknown.stderr


def test_a_machine_is_drawn_as_svg_which_goes_with_draw_only() -> None:
    done = longspan("machines", "--draw", "order", "--svg", settings={})
    assert done.stdout.startswith("<svg ")
    assert 'data-state="payment.waiting"' in done.stdout
    told = json.loads(longspan("machines", "--draw", "order", "--svg", "--json", settings={}).stdout)
    assert (told["machine"], told["svg"].strip()) == ("order", done.stdout.strip())
    wrong = longspan("machines", "--svg", settings={})
    assert (wrong.returncode, "--svg goes with --draw" in wrong.stderr) == (2, True)
