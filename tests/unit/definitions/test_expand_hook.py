"""A node type that only a plugin knows loads when the plugin writes it in the core's kinds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from ee_cel.language import CelLanguage

from ee_core.definitions import expand_with, load
from ee_core.errors import WorkflowError
from ee_core.hookspecs import hookimpl
from ee_core.local.env import SystemEnv
from ee_core.model.workflow import Activity, Node, NodeKind
from ee_core.registry import HookCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ee_core.contracts.hooks import NodeDraft, WorkflowDraft

NODES = [
    {"id": "s", "type": "Start", "pointers": [{"pointsTo": "p"}]},
    {"id": "p", "type": "Pause", "seconds": 5, "pointers": [{"pointsTo": "e"}]},
    {"id": "n", "type": "Label", "pointers": []},
    {"id": "e", "type": "End", "pointers": []},
]


class PausePlugin:
    @hookimpl
    def ee_expand_node(self, node: NodeDraft, workflow: WorkflowDraft) -> Sequence[Node] | None:
        if node.kind != "Pause":
            return None
        seconds = node.members["seconds"] / workflow.nodes.index(node)
        activity = Activity(type="noop", input={"output": seconds})
        return [Node(id=node.id, kind=NodeKind.ACTIVITY, pointers=node.pointers, activity=activity)]


class FailingPlugin:
    @hookimpl
    def ee_expand_node(self, node: NodeDraft) -> None:
        raise RuntimeError(f"no {node.kind} today")


@pytest.fixture
def load_with(activities):
    def load_with(*plugins: object):
        hooks = HookCalls(SystemEnv(), {f"p{place}": plugin for place, plugin in enumerate(plugins)})
        text = json.dumps(NODES).encode()
        return load(
            text, place="a.json", activities=activities, language=CelLanguage(), expand=expand_with(hooks)
        ).workflow

    return load_with


def test_a_plugins_node_type_becomes_what_the_plugin_writes(load_with) -> None:
    nodes = {node.id: node for node in load_with(PausePlugin()).nodes}

    assert set(nodes) == {"s", "p", "e"}  # the core's own answer for Label came after the plugin's None
    assert nodes["p"].activity is not None
    assert (nodes["p"].activity.type, nodes["p"].activity.input) == ("noop", {"output": 5.0})
    assert [pointer.to for pointer in nodes["s"].pointers] == ["p"]


def test_without_the_plugin_the_type_is_unknown(load_with) -> None:
    with pytest.raises(WorkflowError, match="unknown node type 'Pause'"):
        load_with()


def test_a_plugin_that_fails_is_named_where_the_node_stands(load_with) -> None:
    with pytest.raises(
        WorkflowError, match="plugin 'p0': hook ee_expand_node raised RuntimeError: no Pause today"
    ):
        load_with(FailingPlugin(), PausePlugin())
