"""The static side of joins: who points where, what a token may still reach, which join goes first (R1, R3, R4).

Built once per workflow and shared by its jobs. Nodes, arrows and join inputs are numbers: a node is its place in
the file, an arrow its place in `Graph.arrows`, a join input the place of its bit in the masks. It knows no token
and no job; `tokens` moves those over it.

**What a token may still reach.** Bit *i* of `Graph.reach[n]` is set iff pointers lead from node *n* to input *i*
without passing through the join that the input belongs to. A path passes through a join when it goes on behind
it, whether it came to the join or begins at it. So

* the node of a join reaches none of its own inputs. A token stands at a join's node only as one that is queued
  in the join while the join has an open incident (R4). It is before the join, and whatever it may do later, the
  join must fire first. Were the join's own queue to await its own output, a join in a cycle could "still become
  ready" by its own firing, its incident would be gone, its tokens would stop to travel, and it would be stuck
  again, for ever;
* a pointer from a join to itself is an input that nothing awaits: only the join's own output can fill it;
* a pointer from an ordinary node to itself changes nothing.

A join that has fired is no token at rest: its visit is routed in the same decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ee_core.errors import WorkflowError
from ee_core.model.events import ON_ERROR
from ee_core.model.ids import NodeId
from ee_core.model.paths import component_order, distances, finish_order
from ee_core.model.workflow import Node, NodeKind, Workflow

NO_INPUT = -1  # in `Graph.input_of`: the arrow ends at no join


class Arrow(NamedTuple):
    """One pointer; two pointers from one node to another are two arrows."""

    source: int
    slot: int  # place in the node's pointers, or `ON_ERROR`
    target: int


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, arrows and join inputs of one workflow; all per-node tuples are in file order."""

    nodes: tuple[NodeId, ...]
    index: Mapping[NodeId, int]  # the other way round
    start: int
    takes_part: tuple[bool, ...]  # False: points at the start and nothing points to it (R1)
    arrows: tuple[Arrow, ...]  # by source, then slot, `ON_ERROR` last
    out: tuple[tuple[int, ...], ...]  # per node its arrows: `out[n][slot]`, the error pointer last
    joins: tuple[int, ...]  # nodes of kind join, lowest rank first: the order they are looked at
    rank: tuple[int, ...]  # per node, 0 first, no two equal
    inputs: tuple[tuple[int, ...], ...]  # per node its inputs as arrows, in their order; () for all but joins
    first_input: tuple[int, ...]  # per node the bit of its first input; the others follow
    input_of: tuple[int, ...]  # per arrow the bit of its input, or `NO_INPUT`
    own: tuple[int, ...]  # per node the mask of its own inputs; 0 for all but joins
    reach: tuple[int, ...]  # per node the mask of the inputs that a token at it may still reach
    classes: tuple[int, ...]  # the different masks of `reach`, in file order of their first node
    class_of: tuple[int, ...]  # per node the place of its mask in `classes`


def build(workflow: Workflow) -> Graph:
    """Build the graph of a workflow.

    Raises:
        WorkflowError: The start or a pointer names no node, or a node id comes twice. `soundness` says it better.
    """
    nodes = tuple(node.id for node in workflow.nodes)
    index = {node: number for number, node in enumerate(nodes)}
    if len(index) != len(nodes):
        raise WorkflowError(f"workflow {workflow.name!r} names a node twice; give every node its own id")
    arrows = tuple(
        Arrow(number, slot, _find(workflow, index, target))
        for number, node in enumerate(workflow.nodes)
        for slot, target in targets_of(node)
    )
    start = _find(workflow, index, workflow.start)
    takes_part = _takes_part(len(nodes), start, arrows)
    out: list[list[int]] = [[] for _ in nodes]
    inputs: list[list[int]] = [[] for _ in nodes]
    for number, arrow in enumerate(arrows):
        out[arrow.source].append(number)
        if takes_part[arrow.source] and workflow.nodes[arrow.target].kind is NodeKind.JOIN:
            inputs[arrow.target].append(number)
    successors = [[arrows[number].target for number in numbers] for numbers in out]
    rank = _rank(successors, start)
    first_input, input_of, own = _number(inputs, len(arrows))
    reach = _reach(successors, [[input_of[number] for number in numbers] for numbers in out], own)
    classes = tuple(dict.fromkeys(reach))
    place = {mask: number for number, mask in enumerate(classes)}
    return Graph(
        nodes=nodes,
        index=index,
        start=start,
        takes_part=takes_part,
        arrows=arrows,
        out=tuple(map(tuple, out)),
        joins=tuple(
            sorted(
                (n for n, node in enumerate(workflow.nodes) if node.kind is NodeKind.JOIN),
                key=rank.__getitem__,
            )
        ),
        rank=rank,
        inputs=tuple(map(tuple, inputs)),
        first_input=first_input,
        input_of=input_of,
        own=own,
        reach=reach,
        classes=classes,
        class_of=tuple(place[mask] for mask in reach),
    )


def targets_of(node: Node) -> list[tuple[int, NodeId]]:
    """Return slot and target of each pointer of a node, the error pointer last."""
    targets = [(slot, pointer.to) for slot, pointer in enumerate(node.pointers)]
    return targets if node.on_error is None else [*targets, (ON_ERROR, node.on_error)]


def _find(workflow: Workflow, index: Mapping[NodeId, int], node: NodeId) -> int:
    if node not in index:
        raise WorkflowError(f"workflow {workflow.name!r} points at {node!r}, which is no node of it")
    return index[node]


def _takes_part(count: int, start: int, arrows: tuple[Arrow, ...]) -> tuple[bool, ...]:
    pointed_at = {arrow.target for arrow in arrows}
    point_at_start = {arrow.source for arrow in arrows if arrow.target == start}
    return tuple(node in pointed_at or node not in point_at_start for node in range(count))


def _number(
    inputs: list[list[int]], arrow_count: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Give every join input a bit: joins in file order, the inputs of one side by side."""
    first_input, own, bit = [], [], 0
    input_of = [NO_INPUT] * arrow_count
    for numbers in inputs:
        first_input.append(bit)
        own.append(((1 << len(numbers)) - 1) << bit)
        for arrow in numbers:
            input_of[arrow] = bit
            bit += 1
    return tuple(first_input), tuple(input_of), tuple(own)


def _reach(successors: list[list[int]], input_bits: list[list[int]], own: tuple[int, ...]) -> tuple[int, ...]:
    """Return the least masks with: a node has the inputs it points at and the masks of its targets, less its own.

    Taking a join's own inputs out at the join, and nowhere else, is what keeps paths from passing through it.
    Targets first, so a graph without cycles needs one round; each nested cycle may need one more.
    """
    masks = [0] * len(successors)
    order = finish_order(successors)
    changed = True
    while changed:
        changed = False
        for node in order:
            mask = 0
            for target, bit in zip(successors[node], input_bits[node], strict=True):
                mask |= masks[target]
                if bit != NO_INPUT:
                    mask |= 1 << bit
            mask &= ~own[node]
            if mask != masks[node]:
                masks[node] = mask
                changed = True
    return tuple(masks)


def _rank(successors: list[list[int]], start: int) -> tuple[int, ...]:
    """Return the place of each node in R4's static order.

    Components in topological order, inside one the distance from the start, then file order. Where the order of
    two components is free, the same two rules decide, by the node of each that comes first. Nodes without a path
    from the start come last, and their pointers order nothing: no token ever follows them.
    """
    nearness = distances(successors, [start])
    followed = [
        targets if steps is not None else [] for targets, steps in zip(successors, nearness, strict=True)
    ]
    far = len(successors)  # further than any path
    by_distance = sorted(
        range(len(successors)), key=lambda node: (far if (steps := nearness[node]) is None else steps, node)
    )
    keys = [0] * len(successors)
    for place, node in enumerate(by_distance):
        keys[node] = place
    rank = [0] * len(successors)
    place = 0
    for component in component_order(followed, keys):
        for node in sorted(component, key=keys.__getitem__):
            rank[node] = place
            place += 1
    return tuple(rank)
