from pathlib import Path

import msgspec
import pytest

from longspan import simulated_system
from longspan.errors import UseError
from longspan.simulated_events import tell_life
from longspan.simulated_system import FullError, System
from longspan.simulated_views import view_workflow
from machines.instants import format_instant, parse_instant
from tests.support.seeds import SEED

START_NS = parse_instant("2026-11-22T16:00:00Z")
HOUR_NS = 3_600 * 10**9


def test_one_workflow_in_ten_fails_and_stages_take_as_long_as_they_should() -> None:
    system = System(SEED, 1)
    lives = [system.find_or_start(f"wf-{number}", START_NS)[0] for number in range(3_000)]
    failed = [life for life in lives if life.history.stages[-1].error]
    assert 0.07 < len(failed) / len(lives) < 0.13
    assert {life.history.stages[-1].name for life in failed} == {"DataLoader", "Processor", "OutputGenerator"}
    for life in lives:
        for stage in life.history.stages[1:2]:
            assert stage.error or 300 <= stage.ended_seconds - stage.processing_seconds <= 900.01
    assert len({life.history for life in lives}) == len(lives)


def test_a_system_that_starts_again_with_its_file_tells_the_same(tmp_path: Path) -> None:
    file = tmp_path / "state"
    first = System(SEED, 60)
    first.keep_in(file)
    ids = [f"wf {number}\n" for number in range(5)]
    before = [view_workflow(first.find_or_start(each, START_NS)[0], START_NS + 8 * 10**9) for each in ids]
    first.close()
    with file.open("ab") as torn:
        torn.write(b'{"id": "half a li')
    for _ in range(2):  # what was torn is gone, and does not spoil what comes next
        again = System(SEED, 60)
        again.keep_in(file)
        lives = [again.find_or_start(each, START_NS + HOUR_NS) for each in ids]
        assert [is_new for _, is_new in lives] == [False] * 5
        assert [view_workflow(life, START_NS + 8 * 10**9) for life, _ in lives] == before
        again.find_or_start("another", START_NS)
        again.close()
    other = System(SEED + 1, 60)
    other.keep_in(file)
    assert [view_workflow(other.lives[each], START_NS + 8 * 10**9) for each in ids] != before
    other.close()


def test_a_file_that_is_something_else_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text('{"id": "a", "began_ns": 1}\nbuy milk\n')
    with pytest.raises(UseError, match=r"notes line 2 is not a workflow"):
        System(SEED, 60).keep_in(file)
    with pytest.raises(UseError, match="cannot be written"):
        System(SEED, 60).keep_in(tmp_path)


@pytest.mark.parametrize("told_long", [False, True])
def test_nothing_is_told_before_it_has_happened_and_nothing_that_was_told_changes(told_long: bool) -> None:
    system = System(SEED, 60, told_long)
    life, _ = system.find_or_start("wf-1", START_NS)
    told: dict[str, object] = {}
    for step in range(300):
        now_ns = START_NS + step * 10**8
        view = msgspec.to_builtins(view_workflow(life, now_ns))
        facts = {
            f"{entity['name']}.{key}": value
            for entity in view["entities"]
            for key, value in entity.items()
            if key.endswith("Time") and value is not None
        }
        assert facts.items() >= told.items()
        assert all(parse_instant(str(at)) <= now_ns for at in facts.values())
        told = facts
    assert view["status"] in ("Completed", "Failed")
    end = told[f"{view['entities'][-1]['name']}.endTime"]
    assert end == view["endTime"] == format_instant(life.seen_ns(life.history.length_seconds))
    lasted = parse_instant(view["endTime"]) - parse_instant(view["submittedTime"])
    assert lasted == pytest.approx(life.history.length_seconds * 1e9 / (1 if told_long else 60), abs=5_000)


def test_what_is_pushed_has_the_times_that_the_api_tells() -> None:
    system = System(SEED, 600)
    for number in range(50):
        life, _ = system.find_or_start(f"wf-{number}", START_NS)
        view = view_workflow(life, START_NS + HOUR_NS)
        told = [time for each in view.entities for time in (each.start_time, each.processing_time, each.end_time)]
        pushed = [fields[b"time"].decode() for _, fields in tell_life(life)]
        assert pushed == [view.submitted_time, *told]
        assert [seen_ns for seen_ns, _ in tell_life(life)] == list(map(parse_instant, pushed))


def test_the_oldest_makes_room_when_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_system, "MOST_WORKFLOWS", 3)
    system = System(SEED, 60)
    for each in ("b", "a", "c"):
        system.find_or_start(each, START_NS)
    with pytest.raises(FullError):
        system.find_or_start("d", START_NS + 10**9)
    system.find_or_start("d", START_NS + HOUR_NS)
    assert [life.id for life in system.page(None, 9)] == ["a", "c", "d"]
    assert [life.id for life in system.page("a", 1)] == ["c"]
    system.forget("c")
    system.forget("c")
    assert [life.id for life in system.page("a", 9)] == ["d"]
