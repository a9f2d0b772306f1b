"""The catalog: which machines there are, and loading them from files, directories and classes."""

from dataclasses import replace
from pathlib import Path

import pytest

from machines.catalog import EXAMPLES, Catalog, load_catalog
from machines.documents import read_document
from machines.machine import Machine
from machines.problems import CatalogError, MachineDocumentError

TEXT = """machine: NAME
version: VERSION
starts_on: [com.x.NAME.started, com.x.any]
chart:
  states:
    a: {transitions: [{event: go, target: b}]}
    b: {final: true}
"""


def _text(name: str, version: int = 1) -> str:
    return TEXT.replace("NAME", name).replace("VERSION", str(version))


def _machine(name: str, version: int = 1) -> Machine:
    return read_document(_text(name, version), "yaml", f"{name}-{version}.yaml")


def _errors(*sources: Path | str) -> list[str]:
    with pytest.raises(MachineDocumentError) as caught:
        load_catalog([str(source) for source in sources])
    return str(caught.value).splitlines()


def test_machines_are_found_by_name_version_and_starting_event() -> None:
    first, second, other = _machine("b"), _machine("b", 2), _machine("a")
    catalog = Catalog([second, other, first])
    assert list(catalog) == [other, first, second]
    assert len(catalog) == 3
    assert catalog.get("b", 1) is first
    assert catalog.get("b", 3) is None
    assert catalog.latest("b") is second
    assert catalog.latest("c") is None
    assert catalog.starting("com.x.b.started") == (second,)
    assert catalog.starting("com.x.any") == (other, second)
    assert catalog.starting("com.x.none") == ()


def test_an_event_type_that_only_an_older_version_starts_on_starts_nothing() -> None:
    older = replace(_machine("a"), starts_on=("com.x.old",))
    assert Catalog([older, _machine("a", 2)]).starting("com.x.old") == ()


def test_two_machines_with_one_name_and_version_are_refused() -> None:
    with pytest.raises(CatalogError) as caught:
        Catalog([_machine("a"), replace(_machine("a"), origin="elsewhere.yaml")])
    assert str(caught.value) == "machine a version 1 is defined twice: in a-1.yaml and in elsewhere.yaml"


def test_no_sources_give_an_empty_catalog() -> None:
    assert list(load_catalog([])) == []


def test_a_directory_gives_its_documents_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(_text("one"))
    (tmp_path / "two.yml").write_text(_text("two"))
    (tmp_path / "three.scxml").write_text('<scxml name="three"><final id="a"/></scxml>')
    (tmp_path / "one.jsonl").write_text("not a machine")
    (tmp_path / ".hidden.yaml").write_text("not a machine")
    (tmp_path / "inside.yaml").mkdir()
    assert [machine.name for machine in load_catalog([str(tmp_path)])] == ["one", "three", "two"]
    assert load_catalog([str(tmp_path / "one.yaml")]).latest("one") is not None


def test_the_origin_is_the_file(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(_text("one"))
    assert [machine.origin for machine in load_catalog([str(path)])] == [str(path)]


def test_all_that_is_wrong_in_all_sources_is_told_at_once(tmp_path: Path) -> None:
    empty, one, two, text = tmp_path / "empty", tmp_path / "one.yaml", tmp_path / "two.json", tmp_path / "x.txt"
    empty.mkdir()
    one.write_text(_text("one") + "foo: 1\nbar: 1\n")
    two.write_text("{")
    text.write_text("")
    missing = tmp_path / "missing"
    assert _errors(empty, one, two, text, missing) == [
        f"{empty}: holds no machine documents (.yaml, .yml, .json, .scxml)",
        f"{one}:8: unknown key 'foo'",
        f"{one}:9: unknown key 'bar'",
        f"{two}:1: this is not JSON: Expecting property name enclosed in double quotes",
        f"{text}: is no machine document: the name must end in .yaml, .yml, .json, .scxml",
        f"{missing}: there is no such file or directory, and it is not a module:Class either",
    ]


def test_the_same_name_and_version_in_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("# a comment\n" + _text("a"))
    two.write_text(_text("a"))
    assert _errors(tmp_path) == [f"{two}:2: machine a version 1 is already defined in {one}:2"]


def test_a_file_that_is_given_twice_is_loaded_once(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(_text("one"))
    assert len(load_catalog([str(tmp_path), str(tmp_path / "one.yaml")])) == 1


def test_a_name_that_no_file_can_have_is_told() -> None:
    assert _errors("a\x00b") == ["a\x00b: there is no such file or directory, and it is not a module:Class either"]


def test_the_shipped_examples_load() -> None:
    assert [(machine.name, machine.version) for machine in load_catalog([str(EXAMPLES)])] == [
        ("ci-pipeline", 1),
        ("order", 1),
        ("risk-calculation", 1),
        ("risk-workflow", 1),
        ("valuation", 1),
        ("valuation-shard", 1),
    ]
