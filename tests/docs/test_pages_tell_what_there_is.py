"""Lists in the pages are complete: rooms, plugins, states, keys of workflow files."""

from __future__ import annotations

import re
from importlib import metadata

import pytest

from ee_core.definitions import load
from ee_core.errors import WorkflowError
from ee_core.fleet.seats import BotState
from ee_core.model.events import Outcome
from ee_core.model.job import JobStatus, VisitStatus

NODES = """
ee: 1
name: keys
start: a
nodes:
  a: {%s}
  b: {end: succeeded}
"""
# A workflow with an unknown key in each place that has keys of its own: what is said names those that are known.
PLACES = {
    "the file": "ee: 1\nname: keys\nstart: b\nnodes: {b: {end: succeeded}}\nzzzzzz: 1\n",
    "an input": "ee: 1\nname: keys\nstart: b\ninputs: {n: {zzzzzz: 1}}\nnodes: {b: {end: succeeded}}\n",
    "an activity": NODES % "activity: noop, next: b, zzzzzz: 1",
    "a bot": NODES % "activity: noop, next: b, bot: {zzzzzz: 1}",
    "a timeout": NODES % "activity: noop, next: b, timeout: {zzzzzz: 1}",
    "a retry": NODES % "activity: noop, next: b, retry: {zzzzzz: 1}",
    "a join": NODES % "join: all, zzzzzz: 1",
    "a pointer": NODES % "exclusive: [{next: b, zzzzzz: 1}]",
}


def first_cells(text: str) -> list[str]:
    """The first cells of a text's tables, without their heads."""
    return [
        cell
        for table in re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
        for cell in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    ]


def test_every_room_and_plugin_is_in_the_architecture(section_of, repository):
    found = first_cells(section_of("architecture.md", "## The rooms"))

    rooms = {path.stem for path in (repository / "ee_core").iterdir() if path.suffix in {"", ".py"}}
    plugins = {path.parent.name for path in repository.glob("plugins/*/pyproject.toml")}
    assert sorted(found) == sorted((rooms - {"__init__", "__pycache__"}) | plugins)


def test_the_layers_are_those_that_are_checked(section_of, repository):
    picture = section_of("architecture.md", "## The rooms").partition("```mermaid")[2].partition("```")[0]
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.search(r"^layers = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)[1]

    assert re.findall(r'"([^"]+)"', picture) == [
        re.sub(r"[(),\"]", "", line).strip() for line in layers.splitlines()
    ]


def test_every_installed_plugin_is_on_the_first_page(section_of):
    rows = re.findall(
        r"^\| `(ee\.\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", section_of("index.md", "## Plugins"), re.MULTILINE
    )
    shown = {
        group: {name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)} for group, *cells in rows
    }

    installed = {
        group: {point.name for point in points}
        for group in metadata.entry_points().groups
        if group.startswith("ee.") and (points := metadata.entry_points(group=group))
    }
    assert shown == installed


@pytest.mark.parametrize("words", [BotState, VisitStatus, JobStatus, Outcome])
def test_every_state_is_among_the_concepts(words, docs):
    page = (docs / "concepts.md").read_text(encoding="utf-8")

    assert [word.value for word in words if f"*{word.value}*" not in page] == []


@pytest.mark.parametrize("place", PLACES)
def test_every_key_of_a_workflow_file_is_explained(place, docs):
    page = (docs / "workflows.md").read_text(encoding="utf-8")

    with pytest.raises(WorkflowError) as caught:
        load(PLACES[place].encode(), place="keys.ee.yaml", activities={}, language=lambda _: None)
    hints = [one.hint for one in caught.value.diagnostics if "zzzzzz" in one.message]

    keys = re.findall(r"\w+", hints[0].partition("known are")[2])
    assert keys
    assert [key for key in keys if not re.search(rf"`{key}[`:]", page)] == []
