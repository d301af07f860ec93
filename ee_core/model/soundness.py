"""Whether a workflow can be executed, and what about it may surprise: findings about nodes and pointers.

Every finding stands for itself: what one of them broke is not reported again as something else. Expressions,
bots and plugins are not looked at here, files and lines are not known here. A workflow with an error must not be
started; a workflow with warnings may.

======== ======== ==============================================================================================
code     severity meaning
======== ======== ==============================================================================================
EE-W101  error    there is no start
EE-W102  error    the start names no node
EE-W103  error    a second node of kind start
EE-W104  error    a node id comes twice
EE-W105  error    a pointer leads to no node
EE-W106  error    the start does not lead to the node (a warning in the export form: drawings keep leftovers)
EE-W107  error    nothing points at the join
EE-W108  warning  only one pointer leads to the join
EE-W109  error    the join wants more tokens than it has inputs, or none
EE-W110  error    a cycle without an activity (R29)
EE-W111  error    `same_as` names no node, or one that has no bot
EE-W112  error    a pointer leads out of an end
EE-W113  warning  no end can be reached: the job finishes when no token is left (R14)
EE-W114  error    `otherwise` comes twice in a node
EE-W115  error    `otherwise` together with a condition
EE-W116  warning  every pointer has a condition: none may be true (R6)
EE-W117  warning  an end may cut off an activity of a parallel branch (R13)
EE-W118  warning  the join may wait for its own output
EE-W119  error    a member of the node does not belong to its kind, or is missing
EE-W120  warning  a condition is never looked at: the node follows every pointer
EE-W121  error    the start is a join: the first token comes from no pointer
EE-W122  warning  a pointer is never followed: one before it, or beside an `otherwise`, is always true
EE-W123  warning  two joins may each wait for the other
EE-W124  warning  the join waits for inputs that exclude each other
======== ======== ==============================================================================================
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from ee_core.model.events import ON_ERROR
from ee_core.model.finding import Finding
from ee_core.model.graph import targets_of
from ee_core.model.ids import NodeId
from ee_core.model.soundness_paths import check_paths
from ee_core.model.workflow import Node, NodeKind, Workflow

__all__ = ["Finding", "check"]

_MAX_SUGGESTIONS = 20  # comparing words is slow, and nobody reads more
_FOLLOWS_ALL = (NodeKind.PARALLEL, NodeKind.JOIN)


_FOLLOWING: Final = ("EE-W106", "EE-W113")  # what a pointer that leads nowhere may bring about


def check(workflow: Workflow) -> tuple[Finding, ...]:
    """Return all findings: those about the workflow first, then by node in file order, then by code."""
    nodes: dict[NodeId, Node] = {}
    for node in workflow.nodes:
        nodes.setdefault(node.id, node)
    words = _Words()
    findings = [*_check_start(workflow, nodes, words), *_check_ids(workflow)]
    findings += _check_targets(nodes, words)
    findings += _check_same_as(nodes, words)
    for node in nodes.values():
        findings += _check_kind(node)
        findings += _check_conditions(node, is_native=workflow.scope == "native")
    if workflow.start in nodes:
        is_broken = any(finding.code == "EE-W105" for finding in findings)
        findings += [
            finding
            for finding in check_paths(_mended(workflow, nodes))
            if not (is_broken and finding.code in _FOLLOWING)  # mend the pointer, and they may be gone
        ]
    place: dict[NodeId | None, int] = {None: -1} | {node: number for number, node in enumerate(nodes)}
    return tuple(sorted(findings, key=lambda finding: (place[finding.node], finding.code)))


def _mended(workflow: Workflow, nodes: Mapping[NodeId, Node]) -> Workflow:
    """Return the workflow with the first of two equal ids, and without pointers that lead nowhere."""
    return msgspec.structs.replace(
        workflow,
        nodes=tuple(
            msgspec.structs.replace(
                node,
                pointers=tuple(pointer for pointer in node.pointers if pointer.to in nodes),
                on_error=node.on_error if node.on_error in nodes else None,
            )
            for node in nodes.values()
        ),
    )


class _Words:
    """Finds the word that was probably meant."""

    def __init__(self) -> None:
        self._left = _MAX_SUGGESTIONS

    def nearest(self, word: str, words: Iterable[str], cure: str) -> str:
        self._left -= 1
        near = difflib.get_close_matches(word, list(words), n=1) if self._left >= 0 else []
        return f"did you mean {near[0]!r}?" if near else cure


def _check_start(workflow: Workflow, nodes: Mapping[NodeId, Node], words: _Words) -> Iterator[Finding]:
    if not workflow.start:
        yield Finding(
            "EE-W101", "error", None, None, "the workflow has no start", "say which node comes first"
        )
    elif workflow.start not in nodes:
        text = f"the start {workflow.start!r} is no node of the workflow"
        yield Finding(
            "EE-W102",
            "error",
            None,
            None,
            text,
            words.nearest(workflow.start, nodes, "name one of its nodes"),
        )
    elif nodes[workflow.start].kind is NodeKind.JOIN:
        text = f"the start {workflow.start!r} is a join, and the first token comes from no pointer"
        yield Finding("EE-W121", "error", workflow.start, None, text, "start at another kind of node")
    starts = [node.id for node in nodes.values() if node.kind is NodeKind.START]
    for node in starts[1:]:
        text = f"node {node!r} is a second start beside {starts[0]!r}"
        yield Finding(
            "EE-W103", "error", node, None, text, "keep one; let it point at several nodes if need be"
        )


def _check_ids(workflow: Workflow) -> Iterator[Finding]:
    for node, count in Counter(node.id for node in workflow.nodes).items():
        if count > 1:
            text = f"the id {node!r} is given to {count} nodes"
            yield Finding("EE-W104", "error", node, None, text, "give every node its own id")


def _check_targets(nodes: Mapping[NodeId, Node], words: _Words) -> Iterator[Finding]:
    for node in nodes.values():
        for slot, target in targets_of(node):
            if target not in nodes:
                what = "the error pointer" if slot == ON_ERROR else f"pointer {slot + 1}"
                text = f"{what} of node {node.id!r} leads to {target!r}, which is no node"
                hint = words.nearest(target, nodes, "name a node of the workflow")
                yield Finding("EE-W105", "error", node.id, slot, text, hint)


def _check_kind(node: Node) -> Iterator[Finding]:
    is_activity = node.kind is NodeKind.ACTIVITY
    if is_activity and node.activity is None:
        text = f"node {node.id!r} is an activity that says not what to do"
        yield Finding("EE-W119", "error", node.id, None, text, "name its activity type")
    if not is_activity and (node.activity is not None or node.on_error is not None):
        text = f"node {node.id!r} is of kind {node.kind} and has {'a type' if node.activity else 'an error pointer'}"
        yield Finding("EE-W119", "error", node.id, None, text, "only an activity may have it: leave it out")
    if node.kind is NodeKind.END and node.pointers:
        text = f"node {node.id!r} is an end, and a pointer leads out of it"
        yield Finding("EE-W112", "error", node.id, 0, text, "an end finishes the job: leave the pointer out")


def _check_conditions(node: Node, *, is_native: bool) -> Iterator[Finding]:
    pointers = list(enumerate(node.pointers))
    for slot, _ in [(slot, pointer) for slot, pointer in pointers if pointer.otherwise][1:]:
        text = f"node {node.id!r} says otherwise twice"
        yield Finding("EE-W114", "error", node.id, slot, text, "keep one, give the other a condition")
    for slot, pointer in pointers:
        if pointer.otherwise and pointer.when:
            text = f"pointer {slot + 1} of node {node.id!r} says otherwise and has the condition {pointer.when!r}"
            yield Finding("EE-W115", "error", node.id, slot, text, "leave one of the two out")
        elif node.kind in _FOLLOWS_ALL and (pointer.when or pointer.otherwise):
            text = (
                f"node {node.id!r} of kind {node.kind} follows pointer {slot + 1} whatever its condition says"
            )
            yield Finding(
                "EE-W120", "warning", node.id, slot, text, "use kind inclusive, or leave the condition out"
            )
    is_routed = node.kind not in (*_FOLLOWS_ALL, NodeKind.END)
    if is_routed:
        yield from _check_never_followed(node)
    if is_routed and pointers and all(pointer.when and not pointer.otherwise for _, pointer in pointers):
        text = f"no pointer of node {node.id!r} may be true; the job would then wait for a person (NoBranchTaken)"
        hint = "add an otherwise" if is_native else "see that one of the expressions is always true"
        yield Finding("EE-W116", "warning", node.id, None, text, hint)


def _check_never_followed(node: Node) -> Iterator[Finding]:
    pointers = list(enumerate(node.pointers))
    always = next((slot for slot, each in pointers if not each.when and not each.otherwise), None)
    if always is None:
        return
    for slot, pointer in pointers:
        is_behind = node.kind is NodeKind.EXCLUSIVE and slot > always
        if is_behind or pointer.otherwise:
            text = f"pointer {slot + 1} of node {node.id!r} is never followed: pointer {always + 1} has no condition"
            hint = f"give pointer {always + 1} a condition, or make it the otherwise"
            yield Finding("EE-W122", "warning", node.id, slot, text, hint)


def _check_same_as(nodes: Mapping[NodeId, Node], words: _Words) -> Iterator[Finding]:
    with_bot = [
        node.id for node in nodes.values() if node.activity is not None and not node.activity.stateless
    ]
    for node in nodes.values():
        named = NodeId(node.activity.bot.same_as) if node.activity is not None else NodeId("")
        other = nodes.get(named)
        if not named or (other is not None and other.activity is not None and not other.activity.stateless):
            continue
        why = "is no node" if other is None else "has no bot"
        text = f"node {node.id!r} wants the same bot as {named!r}, which {why}"
        hint = words.nearest(named, with_bot, "name an activity that a bot carries out")
        yield Finding("EE-W111", "error", node.id, None, text, hint)
