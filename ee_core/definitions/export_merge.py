"""A changed workflow written into the export document that it once was: drawing data and unknown members stay.

A node that did not change is not touched. Of one that did its pointers, texts and failure are written anew, and its other
members stay; what was no part of the workflow, as labels and leftovers, stays too.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.export_document import make_nodes, make_start
from ee_core.definitions.parameters import get_member, read_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import Node, Workflow

_SAME_TYPES: Final = (  # types that a kind of ours is written as, left as they are
    frozenset({"", "start", "exclusive"}),
    frozenset({"activity", "statelessactivity", "trigger"}),
    frozenset({"parallel"}),
    frozenset({"end"}),
)


def find_node_list(document: Any) -> list[Any]:
    """Return the list of nodes of a document that `export.find_nodes` finds one in."""
    if isinstance(document, list):
        return document
    inner = get_member(document, "content")
    content = inner if isinstance(inner, dict | list) else document
    if isinstance(content, list):
        return content
    found = get_member(content, "workflow")
    return found if isinstance(found, list) else list(get_member(content, "nodes") or [])


def merge(
    document: Any, bindings: Any, first: Workflow, now: Workflow, ids: Mapping[NodeId, str]
) -> tuple[Any, dict[str, Any], list[str]]:
    """Write a workflow into the document that it was made of.

    Args:
        document: The export document.
        bindings: Those it was loaded with, or None.
        first: The workflow it was converted to, before any change.
        now: The workflow as it is.
        ids: Per node of `first` its id in the document.

    Returns:
        The new document, the new bindings, and what could not be taken over.
    """
    document = copy.deepcopy(document)
    nodes = find_node_list(document)
    by_id = {
        str(get_member(node, "id") or get_member(node, "key")): node
        for node in nodes
        if isinstance(node, dict)
    }
    here = {node: by_id[name] for node, name in ids.items() if name in by_id}
    made = make_nodes(now, ids, {node: _activity_id(each) for node, each in here.items()})
    before = {node.id: node for node in first.nodes}
    after = {node.id: node for node in now.nodes}
    gone = [each for node, each in here.items() if node not in after]
    nodes[:] = [node for node in nodes if not any(node is each for each in gone)]
    for name, node in after.items():
        if name not in here:
            nodes.append(made.nodes[name])
        elif node != before.get(name):
            _update(here[name], made.nodes[name], node, before.get(name), made.notes)
    if now.start != first.start:
        if first.start in here and first.start in after:
            _put(here[first.start], "type", "Exclusive")
        nodes.append(make_start(ids.get(now.start, now.start)))
    changed = {_bound_as(made.nodes[name]) for name, node in after.items() if node != before.get(name)}
    mine = {key: value for key, value in made.bindings.items() if key in changed}
    return document, {**(bindings or {}), **mine}, made.notes


def _activity_id(node: dict[str, Any]) -> str:
    found = (
        get_member(node, "activityId") or read_parameters(node).get("activityid") or get_member(node, "id")
    )
    return str(found)


def _bound_as(made: dict[str, Any]) -> str:
    return _activity_id(made) if "parameters" in made else ""


def _put(node: dict[str, Any], name: str, value: Any) -> None:
    """Set a member, in the letter case that it has."""
    key = next((each for each in node if each.lower() == name.lower()), name)
    node[key] = value


def _update(
    old: dict[str, Any], made: dict[str, Any], node: Node, before: Node | None, notes: list[str]
) -> None:
    if before is None or before.pointers != node.pointers:
        pointers = get_member(old, "pointers")
        known = [each for each in pointers if isinstance(each, dict)] if isinstance(pointers, list) else []
        _put(old, "pointers", [_with_rest(each, known) for each in made["pointers"]])
    if before is None or (before.name, before.description) != (node.name, node.description):
        for key in ("name", "description"):
            if made.get(key) or get_member(old, key):
                _put(old, key, made.get(key, ""))
    was = str(get_member(old, "type") or "").strip().lower()
    wanted = made["Type"].lower()
    if not any({was, wanted} <= same for same in _SAME_TYPES):
        _put(old, "type", made["Type"])
    if node.activity is None:
        return
    if before is None or before.activity is None or before.activity.fail_job != node.activity.fail_job:
        _put_parameter(old, "FailOnError", "bool", "true" if node.activity.fail_job else "false")
    if was == "trigger" and before is not None and before.activity != node.activity:
        notes.append(f"node {node.name or node.id!r}: change the parameters of the Trigger by hand")


def _with_rest(made: dict[str, Any], known: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a pointer with the further members of an old one to the same node."""
    old = next((each for each in known if get_member(each, "pointsTo") == made["pointsTo"]), None)
    if old is None:
        return made
    rest = {key: value for key, value in old.items() if key.lower() != "expression"}
    return {**rest, **({"expression": made["expression"]} if "expression" in made else {})}


def _put_parameter(node: dict[str, Any], key: str, kind: str, value: str) -> None:
    parameters = get_member(node, "parameters")
    if isinstance(parameters, dict):
        _put(parameters, key, value)
        return
    entries = parameters if isinstance(parameters, list) else []
    found = next((each for each in entries if str(get_member(each, "key")).lower() == key.lower()), None)
    if found is not None:
        _put(found, "value", value)
    else:
        _put(node, "parameters", [*entries, {"key": key, "type": kind, "value": value}])
