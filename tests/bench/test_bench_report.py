"""What the bench says of its figures, what it warns of, and what it may be told."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import comparison, plot
from tests.bench.figures import Figures, percentile
from tests.bench.footprint import EVENT_BYTES, padded
from tests.bench.options import parse
from tests.bench.parts import PARTS
from tests.bench.report import flatness, table, write
from tests.bench.rows import PROCESSES, rows
from tests.bench.scenario import workflow
from tests.bench.size import Point

POINTS = [
    Point(10_000, 0, [1.0, 1.1, 0.9], [1.0, 1.02, 1.3], [1.1], [1.04]),
    Point(1_000_000, 3_000_000, [1.0], [1.07], [1.2], [1.15]),
]


def _measured() -> Figures:
    figures = Figures()
    for end in ("", "_guarded"):
        for name in ("longspan", "handwritten"):
            figures.take({f"{name}{end}": [30_000.0, 28_000.0, 29_000.0]})
        figures.add(f"to_handwritten{end}", 2.5 if end else 6.5)
        figures.add(f"share{end}", 0.2 if end else 0.4)
        for process in PROCESSES:
            figures.add(f"cpu{end}:{process}", 12.5)
    for name in ("ceiling", "bytes_sent", "bytes_read", "events_per_commit"):
        figures.add(name, 75_000.0)
    return figures


def test_a_percentile_is_a_figure_or_lies_between_two() -> None:
    assert percentile([7.0], 99) == 7.0
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 50) == 3.0
    assert percentile([float(figure) for figure in range(101)], 99) == pytest.approx(99.0)
    assert percentile([10.0, 20.0], 75) == pytest.approx(17.5)


def test_the_table_of_throughput_has_ratio_share_and_limits_in_each_row() -> None:
    text = table(_measured(), 10, 10)
    assert "| Longspan | 29,000 | 28,000 to 30,000 | 6.50 | 6.0 | 0.40 | 0.35 |" in text
    assert "| Longspan, guards | 29,000 | 28,000 to 30,000 | 2.50 | 2.0 | 0.20 |  |" in text
    assert "| Longspan | 12.5 | 12.5 | 12.5 | 12.5 | 50.0 |" in text
    assert {line.count("|") for line in text.splitlines() if "29,000" in line or "median" in line} == {8}


def test_the_table_leaves_out_what_was_not_measured() -> None:
    text = table(Figures({"visible_p50_ms": [3.25], "left:outbox": [0.0]}), 10, 10)
    assert "p50 | 3.2 ms | 5 ms |" in text
    assert "outbox 0" in text
    assert "hand-written" not in text
    assert "idle" not in text
    assert table(Figures(), 10, 10) == ""


def test_every_row_of_the_table_has_a_key_of_its_own_and_a_shape_that_fits() -> None:
    made = rows(10, 10)
    assert len({row.key for row in made}) == len(made)
    assert all(re.search(r"\d", row.shape.format(12.5)) for row in made)


def test_the_table_of_flat_cost_has_the_median_of_each_point() -> None:
    lines = flatness(POINTS).splitlines()
    assert lines[3] == "| 10,000 open workflows | 1.00 | 1.02 | 1.10 | 1.04 | 1.20 |"
    assert lines[4] == "| 1,000,000 open and 3,000,000 ended | 1.00 | 1.07 | 1.20 | 1.15 | 1.20 |"


def test_a_table_goes_between_its_markers_and_nothing_else_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- one: begin -->\nold\n<!-- one: end -->\nafter\n")
    write(page, "one", "| new |")
    assert page.read_text() == "before\n<!-- one: begin -->\n| new |\n<!-- one: end -->\nafter\n"
    with pytest.raises(ValueError, match="two: begin"):
        write(page, "two", "text")


def test_only_a_ratio_that_fell_by_more_than_is_tolerated_is_told() -> None:
    stored = {"share": 0.4, "scale_out": 1.9, "to_handwritten": 6.0}
    assert comparison.fallen(stored, {"share": 0.33, "scale_out": 2.5, "to_handwritten": 4.81}, 0.2) == []
    (line,) = comparison.fallen(stored, {"share": 0.31, "scale_out": 1.9}, 0.2)
    assert line == "Longspan to the ceiling, plain chart: 0.31, stored 0.4, 23% less (tolerated: 20%)"


def test_a_run_is_compared_with_what_a_run_before_it_has_stored(tmp_path: Path) -> None:
    path = tmp_path / "ratios.json"
    comparison.store(_measured(), path)
    assert json.loads(path.read_text())["ratios"] == {
        "to_handwritten": 6.5,
        "to_handwritten_guarded": 2.5,
        "share": 0.4,
    }
    stored = comparison.read(path)
    assert comparison.compare(_measured(), stored) == ["None of 3 ratios fell by more than 20% of what is stored."]
    (line,) = comparison.compare(Figures({"share": [0.1]}), stored)
    assert line.startswith("WARNING Longspan to the ceiling")


@pytest.mark.parametrize("text", ["", "[]", '{"ratios": {"share": "none"}, "tolerance": 0.1}', '{"ratios": {}}'])
def test_stored_ratios_that_cannot_be_read_are_told_with_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "ratios.json").write_text(text)
    with pytest.raises(ValueError, match=r"ratios\.json holds no ratios.*scripts/bench --quick --write"):
        comparison.read(tmp_path / "ratios.json")


def test_the_stored_ratios_are_of_names_that_a_run_measures() -> None:
    stored = json.loads(comparison.STORED.read_text())
    assert set(stored["ratios"]) == set(comparison.NAMES)
    assert 0 < stored["tolerance"] < 1


def test_the_plot_has_a_dot_for_each_point_and_is_the_same_each_time() -> None:
    drawn = plot.draw(POINTS)
    assert drawn == plot.draw(list(POINTS))
    ElementTree.fromstring(drawn)  # noqa: S314  it is our own drawing
    assert drawn.count("<circle") == 2 * (len(POINTS) + 1) + 2, (
        "two curves that begin at 1, and two dots that explain them"
    )
    assert "prefers-color-scheme: dark" in drawn


def test_an_event_of_the_memory_measurement_has_exactly_the_bytes_that_it_says() -> None:
    for fields in map(padded, workflow("w-000000-12", 7, 0)):
        assert sum(len(part.encode()) for pair in fields.items() for part in pair) == EVENT_BYTES
        json.loads(fields["data"])


@pytest.mark.parametrize(
    ("arguments", "table_name", "rounds", "workflows"),
    [
        ([], "main", 5, 8_000),
        (["--quick", "--write"], "main", 1, 2_000),
        (["--quick", "--compare"], "main", 1, 2_000),
        (["--only", "memory", "--rounds", "2"], "main", 2, 8_000),
        (["--api"], "api", 5, 1_000_000),
        (["--size", "--quick"], "size", 1, 50_000),
        (["--size", "--workflows", "2000"], "size", 5, 2_000),
    ],
)
def test_each_table_has_defaults_of_its_own(arguments: list[str], table_name: str, rounds: int, workflows: int) -> None:
    options = parse(arguments)
    assert (options.table, options.rounds, options.workflows) == (table_name, rounds, workflows)
    assert set(options.only or PARTS) <= set(PARTS)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--api", "--size"], "not allowed with"),
        (["--api", "--compare"], "main table"),
        (["--only", "nothing"], "invalid choice"),
        (["--ended", "5"], "--ended is for --size"),
        (["--only", "scale", "--write"], "whole tables"),
        (["--size", "--quick", "--write"], "whole tables"),
        (["--rounds", "0"], "1 or more"),
    ],
)
def test_wrong_options_are_refused_with_the_reason(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        parse(arguments)
    assert raised.value.code == 2
    assert why in capsys.readouterr().err
