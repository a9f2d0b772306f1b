"""Mermaid diagrams: the shipped machines as they are drawn, and names that Mermaid could stumble over."""

import re
from pathlib import Path

import pytest

from machines.catalog import EXAMPLES, load_catalog
from machines.diagram import draw_mermaid
from machines.documents import read_document
from machines.machine import Machine

DIAGRAMS = Path(__file__).parent / "diagrams"


@pytest.mark.parametrize("machine", list(load_catalog([str(EXAMPLES)])), ids=lambda machine: machine.name)
def test_a_shipped_machine_is_drawn_as_in_its_golden_file(machine: Machine) -> None:
    assert draw_mermaid(machine) == (DIAGRAMS / f"{machine.name}.mmd").read_text()


def test_every_golden_file_belongs_to_a_shipped_machine() -> None:
    names = {machine.name for machine in load_catalog([str(EXAMPLES)])}
    assert {path.stem for path in DIAGRAMS.iterdir()} == names


def test_every_transition_is_drawn_the_internal_ones_included() -> None:
    (machine,) = [machine for machine in load_catalog([str(EXAMPLES)]) if machine.name == "risk-calculation"]
    assert "    data_loader --> data_loader__failed : failed\n" in draw_mermaid(machine)


def test_ids_and_guards_that_are_no_plain_words_are_written_so_that_mermaid_can_read_them() -> None:
    text = """machine: m
chart:
  states:
    end: {transitions: [{event: go, target: on-hold, cond: "data.x == 'a;b' and data.n < 3"}]}
    on-hold: {transitions: [{event: "go:on", target: übrig}]}
    übrig: {final: true}
"""
    assert draw_mermaid(read_document(text, "yaml", "m")).splitlines()[2:] == [
        '    state "end" as s_end',
        '    state "on-hold" as s_on_2d_hold',
        '    state "übrig" as s__fc_brig',
        "    [*] --> s_end",
        "    s__fc_brig --> [*]",
        "    s_end --> s_on_2d_hold : go [data.x == 'a#59;b' and data.n #lt; 3]",
        "    s_on_2d_hold --> s__fc_brig : go#58;on",
    ]


def test_parallel_regions_and_history_are_drawn() -> None:
    text = """machine: m
chart:
  states:
    p:
      parallel: true
      transitions: [{event: done.state.p, target: z}, {event: pause, target: q}]
      states:
        r: {states: {a: {transitions: [{event: go, target: b}]}, b: {final: true}}}
        s:
          states: {c: {transitions: [{event: go, target: d}]}, d: {final: true}}
          history: {h: {transitions: [{target: c}]}}
    q: {transitions: [{event: resume, target: h}]}
    z: {final: true}
"""
    drawn = draw_mermaid(read_document(text, "yaml", "m"))
    assert re.search(r"state \"p\" as p \{.*state r \{.*--\n.*state s \{", drawn, re.DOTALL)
    assert 'state "H" as h' in drawn
    assert "q --> h : resume" in drawn
