"""`eectl workflow graph --draw`: a workflow on a terminal, within its width."""

from __future__ import annotations

import json
import random
import re
import sys

import pytest
from rich.cells import cell_len

from ee_core.cli.drawing import draw
from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.config import Settings
from ee_core.definitions import load
from ee_core.errors import InputError
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry

ROUND = """\
ee: 1
name: round
start: both
nodes:
  both: {parallel: [pack, label]}
  pack: {activity: noop, next: ready, on_error: lost}
  label: {activity: noop, next: ready}
  ready: {join: all, next: again}
  again:
    exclusive:
      - {when: nodes.pack.visits < 3, next: both}
      - {otherwise: true, next: done}
  lost: {end: failed}
  done: {end: succeeded}
"""
LINES = "─│┌┐└┘╭╮╰╯├┤┬┴┼▼►◄┄┆◇"


def read(text):
    registry = Registry(Settings(), SystemEnv())
    activities = registry.installed_activities()
    return load(text.encode(), place="w", activities=activities, language=registry.open_expressions).workflow


def fan(count):
    """A workflow with so many branches side by side."""
    names = [f"branch_{number}" for number in range(count)]
    nodes = "".join(f"  {name}: {{activity: noop, next: meet}}\n" for name in names)
    return read(
        f"ee: 1\nname: fan\nstart: fork\nnodes:\n  fork: {{parallel: [{', '.join(names)}]}}\n{nodes}"
        "  meet: {join: all, next: done}\n  done: {end: succeeded}\n"
    )


def test_each_node_and_each_pointer_is_drawn():
    drawing = draw(read(ROUND), 80)

    words = re.findall(r"[a-z.]+", drawing)
    for word in ("both", "pack", "label", "ready", "again", "lost", "done"):
        assert words.count(word) == 1, word
    assert {"start", "parallel", "exclusive", "join", "noop", "failed", "succeeded"} <= set(words)
    assert {"error", "otherwise", "nodes.pack.visits"} <= set(words)
    assert "◄" in drawing, "the way back enters its node from the side"


@pytest.mark.parametrize("columns", [200, 80, 60, 45])
def test_a_drawing_is_never_wider_than_it_may_be(columns):
    for workflow in (read(ROUND), fan(2), fan(3)):
        drawing = draw(workflow, columns)

        assert max(map(cell_len, drawing.splitlines())) <= columns
        assert all(node.id in drawing for node in workflow.nodes)
        assert not re.search(r" $", drawing, re.MULTILINE)


def test_many_branches_are_drawn_from_the_left_where_that_is_narrower():
    assert "start" in draw(fan(4), 90).splitlines()[1]

    drawing = draw(fan(12), 90)

    assert all(line.startswith(("╭", "(", "╰", " ")) for line in drawing.splitlines())
    assert "start" not in drawing.splitlines()[1]


def test_what_cannot_be_drawn_so_narrow_says_how_wide_it_is():
    with pytest.raises(
        InputError, match=r"'fan' takes \d+ columns, and there are 20; make the terminal wider"
    ) as caught:
        draw(fan(6), 20)

    needed = int(re.search(r"COLUMNS=(\d+)", str(caught.value))[1])
    draw(fan(6), needed)
    with pytest.raises(InputError):
        draw(fan(6), needed - 1)


def test_what_the_package_cannot_draw_is_told_and_takes_no_more_than_its_share(monkeypatch):
    monkeypatch.setattr("ee_core.cli.drawing._MOST_BYTES", 256 << 20)
    chosen = random.Random(2)
    jumps = set(chosen.sample(range(40), 24))
    nodes = {f"n{at}": {"activity": "noop", "next": f"n{at + 1}"} for at in range(40)}
    for at in range(40):
        if at in jumps:
            nodes[f"n{at}"]["on_error"] = f"n{chosen.randrange(40)}"
    nodes["n40"] = {"end": "succeeded"}
    workflow = read(json.dumps({"ee": 1, "name": "tangle", "start": "n0", "nodes": nodes}))

    with pytest.raises(InputError, match="the ways of 'tangle' cross too much to be drawn; without --draw"):
        draw(workflow, 200)


def test_a_terminal_without_lines_gets_letters():
    drawing = draw(read(ROUND), 80, is_ascii=True)

    assert drawing.isascii()
    assert "again" in drawing


def test_wide_letters_and_marks_of_mermaid_stay_what_they_are():
    names = ['a "b" <c> #d; `e` &f', "日本語のノード", "x|y --> z", "\x1b[31mred"]
    nodes = {
        f"n{at}": {"activity": "noop", "name": name, "next": f"n{at + 1}"} for at, name in enumerate(names)
    }
    nodes["n4"] = {"end": "succeeded"}
    workflow = read(json.dumps({"ee": 1, "name": "marks", "start": "n0", "nodes": nodes}))

    drawing = draw(workflow, 40)

    for name in names[:3]:
        assert name in drawing
    assert "\x1b" not in drawing
    assert max(map(cell_len, drawing.splitlines())) <= 40


def test_the_command_draws_for_the_columns_there_are(tmp_path, monkeypatch, capsys):
    (tmp_path / "w.ee.yaml").write_text(ROUND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "50")

    assert run_command(["workflow", "graph", "w.ee.yaml", "--draw"]) == Exit.OK

    lines = capsys.readouterr().out.splitlines()
    assert any(mark in line for line in lines for mark in LINES)
    assert max(map(cell_len, lines)) <= 50


def test_without_the_package_it_says_how_to_install_it_and_mermaid_is_there_all_the_same(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "w.ee.yaml").write_text(ROUND)
    monkeypatch.setitem(sys.modules, "termaid", None)

    assert run_command(["workflow", "graph", str(tmp_path / "w.ee.yaml"), "--draw"]) == Exit.NOT_FOUND
    assert "pip install 'ee-core[graph]'" in capsys.readouterr().err
    assert run_command(["workflow", "graph", str(tmp_path / "w.ee.yaml")]) == Exit.OK
    assert capsys.readouterr().out.startswith("flowchart TD\n")
