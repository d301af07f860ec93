"""A workflow as nodes in the platform's export form, with the bindings that go beside it.

The form has fewer words than the native one. An `exclusive` is written with conditions that exclude each other; what
has no words at all is noted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.bare_words import map_expressions, to_bare_words
from ee_core.definitions.native_document import activity_members
from ee_core.model.workflow import NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import Node, Workflow

START: Final = "ee-start"  # no id of the native form has a dash


@dataclass(slots=True)
class ExportNodes:
    """The nodes by the workflow's own ids, in order; the bindings by activity id; what could not be taken over."""

    nodes: dict[NodeId, dict[str, Any]]
    bindings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def make_start(target: str) -> dict[str, Any]:
    """Return the node that the form begins with."""
    return {"id": START, "Type": "Start", "name": "start", "pointers": [{"pointsTo": target}]}


def make_nodes(
    workflow: Workflow, ids: Mapping[NodeId, str], activity_ids: Mapping[NodeId, str]
) -> ExportNodes:
    """Write a sound workflow's nodes.

    Args:
        workflow: One with either scope; expressions of the native scope are changed.
        ids: The nodes' ids in the form; their own where there is none.
        activity_ids: Likewise for the ids of their activities.
    """
    made = ExportNodes({})
    writer = _Writer(workflow, ids, made)
    if workflow.inputs:
        made.notes.append(f"the types and defaults of the inputs are left out: {', '.join(workflow.inputs)}")
    if workflow.on_failure != "stop":
        made.notes.append("on_failure: finish is left out")
    for node in workflow.nodes:
        made.nodes[node.id] = writer.write(node, activity_ids.get(node.id, ids.get(node.id, node.id)))
    return made


class _Writer:
    """Writes the nodes of one workflow."""

    def __init__(self, workflow: Workflow, ids: Mapping[NodeId, str], made: ExportNodes) -> None:
        self._is_native = workflow.scope == "native"
        self._ids = ids
        self._made = made
        self._inputs = Counter(pointer.to for node in workflow.nodes for pointer in node.pointers)

    def write(self, node: Node, activity_id: str) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": self._id(node.id),
            "Type": self._type(node),
            "name": node.name or str(node.id),
        }
        if node.description:
            made["description"] = node.description
        if node.activity is not None:
            made["parameters"] = [
                {"key": "ActivityId", "type": "string", "value": activity_id},
                {
                    "key": "FailOnError",
                    "type": "bool",
                    "value": "true" if node.activity.fail_job else "false",
                },
            ]
            self._bind(node, activity_id)
        made["pointers"] = [
            {"pointsTo": self._id(to), **({"expression": when} if when else {})}
            for to, when in self._pointers(node)
        ]
        self._note_lost(node)
        return made

    def _id(self, node: NodeId) -> str:
        return self._ids.get(node, node)

    def _type(self, node: Node) -> str:
        if node.kind is NodeKind.PARALLEL:
            # a Parallel with several pointers in would wait; what follows all of its pointers is an Exclusive too
            return "Parallel" if self._inputs[node.id] <= 1 else "Exclusive"
        return {
            NodeKind.START: "Start",
            NodeKind.ACTIVITY: "Activity",
            NodeKind.JOIN: "Parallel",
            NodeKind.END: "End",
        }.get(node.kind, "Exclusive")

    def _note(self, node: Node, text: str) -> None:
        self._made.notes.append(f"node {node.name or node.id!r}: {text}")

    def _note_lost(self, node: Node) -> None:
        if node.kind is NodeKind.JOIN and node.join != "reachable":
            self._note(node, f"join: {node.join} is left out; it waits for what can still come")
        if node.kind is NodeKind.END and node.outcome != "succeeded":
            self._note(node, f"end: {node.outcome} is left out; the job ends as succeeded")
        if node.on_error is not None:
            self._note(node, f"on_error: {node.on_error} is left out")

    def _pointers(self, node: Node) -> list[tuple[NodeId, str]]:
        written = [(each, self._rewrite(node, each.when) if each.when else "") for each in node.pointers]
        conditions = [when for _, when in written if when]
        made: list[tuple[NodeId, str]] = []
        before: list[str] = []
        for each, when in written:
            if each.otherwise:
                made.append((each.to, _none_of(conditions)))
            elif node.kind is not NodeKind.EXCLUSIVE:
                made.append((each.to, when))
            else:
                made.append(
                    (
                        each.to,
                        " && ".join(
                            filter(None, [_none_of(before), f"({when})" if before and when else when])
                        ),
                    )
                )
                if not when:
                    break  # nothing behind it is ever followed
                before.append(when)
        return made

    def _rewrite(self, node: Node, source: str) -> str:
        if not self._is_native:
            return source
        made, lost = to_bare_words(source)
        for name in dict.fromkeys(lost):
            self._note(node, f"{name} in {source!r} has no words in this form; change the expression by hand")
        if made != source:
            self._note(
                node, f"{source!r} is written as {made!r}, which the last output with that key answers"
            )
        return made

    def _bind(self, node: Node, activity_id: str) -> None:
        activity = node.activity
        if activity is None or not activity.type:
            return
        members = activity_members(
            activity, {each: self._id(each) for each in self._made.nodes} | dict(self._ids)
        )
        if "with" in members:
            members["with"] = map_expressions(members["with"], lambda source: self._rewrite(node, source))
        self._made.bindings[activity_id] = {"activity": activity.type, **members}


def _none_of(conditions: list[str]) -> str:
    return " && ".join(f"!({each})" for each in conditions)
