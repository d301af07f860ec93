"""A workflow as it is executed: everything a decision looks up, computed once per content and shared by its jobs.

Per node number: the node, its programs per pointer, the slots it follows when no expression decides, its input
template. The graph of joins is `graph`. It holds no job, and nothing in it ever changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ee_core.model import graph, template
from ee_core.model.expression import Program
from ee_core.model.graph import Graph
from ee_core.model.ids import NodeId, WorkflowHash
from ee_core.model.references import Path, find_references
from ee_core.model.template import BoundTemplate
from ee_core.model.workflow import Node, NodeKind, Workflow

_encoder = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Rendered:
    """An input with every expression evaluated."""

    value: Any
    hash: str  # hex SHA-256 of the canonical JSON: sorted keys, no white space
    size: int  # bytes of that JSON


@dataclass(frozen=True, slots=True, eq=False)
class CompiledWorkflow:
    """Tuples by node number; made by `compile_workflow`."""

    workflow: Workflow
    name: WorkflowHash
    graph: Graph
    nodes: tuple[Node, ...]
    programs: tuple[tuple[Program | None, ...], ...]  # per node and slot; None: no expression
    fixed: tuple[tuple[int, ...] | None, ...]  # slots followed whatever the context says; None: it decides
    templates: tuple[BoundTemplate | None, ...]  # of an activity's input; None: no activity, or a literal
    literals: tuple[Rendered | None, ...]  # of an activity's input without expressions
    secrets: tuple[tuple[Path, ...], ...]  # where an activity's input refers to secrets, rendered or not
    followers: tuple[frozenset[int], ...]  # nodes whose bot is `same_as` this node's

    @property
    def finishes_failed(self) -> bool:
        """Whether a failed token vanishes and its siblings go on (R11)."""
        return self.workflow.on_failure == "finish"


def compile_workflow(
    workflow: Workflow,
    name: WorkflowHash,
    compile: Callable[[str], Program],
) -> CompiledWorkflow:
    """Compile a workflow.

    Args:
        workflow: A sound one; what `soundness` refuses may fail here or later.
        name: The hash of its content.
        compile: Called once per different source; what it raises is passed on.

    Raises:
        WorkflowError: A pointer names no node.
        TemplateError: An input's ``${ }`` is not well formed.
    """
    built = graph.build(workflow)
    programs: dict[str, Program] = {}

    def program(source: str) -> Program:
        if source not in programs:
            programs[source] = compile(source)
        return programs[source]

    inputs = [_input(node, program) for node in workflow.nodes]
    followers: list[set[int]] = [set() for _ in workflow.nodes]
    for number, node in enumerate(workflow.nodes):
        if node.activity is not None and node.activity.bot.same_as:
            followers[built.index[NodeId(node.activity.bot.same_as)]].add(number)
    return CompiledWorkflow(
        workflow=workflow,
        name=name,
        graph=built,
        nodes=workflow.nodes,
        programs=tuple(
            tuple(program(pointer.when) if pointer.when else None for pointer in node.pointers)
            for node in workflow.nodes
        ),
        fixed=tuple(_fixed_slots(node) for node in workflow.nodes),
        templates=tuple(bound if isinstance(bound, BoundTemplate) else None for bound in inputs),
        literals=tuple(bound if isinstance(bound, Rendered) else None for bound in inputs),
        secrets=tuple(map(_references, inputs)),
        followers=tuple(map(frozenset, followers)),
    )


def to_rendered(value: Any) -> Rendered:
    """Measure and name an input.

    Raises:
        ValueError, TypeError, OverflowError: It is no JSON value.
    """
    body = _encoder.encode(value)
    return Rendered(value, hashlib.sha256(body).hexdigest(), len(body))


def _input(node: Node, program: Callable[[str], Program]) -> BoundTemplate | Rendered | None:
    if node.activity is None:
        return None
    parsed = template.parse(node.activity.input)
    bound = parsed.bind(program)
    return bound if parsed.sources else to_rendered(bound.render({}))


def _references(bound: BoundTemplate | Rendered | None) -> tuple[Path, ...]:
    if isinstance(bound, Rendered):
        return tuple(find_references(bound.value))
    return () if bound is None else bound.references


def _fixed_slots(node: Node) -> tuple[int, ...] | None:
    if node.kind in {NodeKind.PARALLEL, NodeKind.JOIN} or not node.pointers:
        return tuple(range(len(node.pointers)))
    always = [
        slot for slot, pointer in enumerate(node.pointers) if not pointer.when and not pointer.otherwise
    ]
    if node.kind is NodeKind.EXCLUSIVE:
        return (0,) if 0 in always else None
    if any(pointer.when for pointer in node.pointers):
        return None
    # only `otherwise` and unconditional pointers: the former are followed when there are none of the latter
    return tuple(always) or tuple(range(len(node.pointers)))
