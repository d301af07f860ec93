"""Findings that need to know where paths lead: what is never reached, what runs for ever, what waits for itself.

The half of `soundness` that looks at the whole graph; the codes are explained there. The workflow given has its
start, no id twice, and no pointer to nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ee_core.model.events import ON_ERROR
from ee_core.model.finding import Finding, Severity
from ee_core.model.graph import Graph, build
from ee_core.model.paths import components, distances, gathered
from ee_core.model.soundness_joins import find_exclusive, find_facing
from ee_core.model.workflow import Node, NodeKind, Workflow

_WORKING = 1  # the bit of "an activity is reached"; joins have the bits above
_MAX_STEPS = 2_000_000  # of looking for cut branches: a warning must not cost more than a second


@dataclass(frozen=True, slots=True)
class _Map:
    workflow: Workflow
    graph: Graph
    successors: list[list[int]]
    component_of: list[int]
    is_reached: list[bool]

    def node(self, number: int) -> Node:
        return self.workflow.nodes[number]

    def reached(self, kind: NodeKind) -> list[int]:
        return [n for n, node in enumerate(self.workflow.nodes) if node.kind is kind and self.is_reached[n]]


def check_paths(workflow: Workflow) -> Iterator[Finding]:
    """Yield the findings of a workflow whose names are in order."""
    graph = build(workflow)
    successors = [[graph.arrows[arrow].target for arrow in arrows] for arrows in graph.out]
    component_of = [0] * len(successors)
    for number, component in enumerate(components(successors)):
        for node in component:
            component_of[node] = number
    is_reached = [steps is not None for steps in distances(successors, [graph.start])]
    ways = _Map(workflow, graph, successors, component_of, is_reached)
    yield from _check_reached(ways)
    forks = [_branches(ways, node) for node in range(len(successors))]
    branches = [[graph.arrows[arrow].target for arrow in arrows] for arrows in forks]
    facing = list(find_facing(workflow, graph, successors, branches, component_of))
    yield from _check_joins(ways, {join for pair in facing for join in pair}, find_exclusive(graph, forks))
    yield from _check_facing(ways, facing)
    yield from _check_cycles(ways)
    yield from _check_ends(ways)


def _check_reached(ways: _Map) -> Iterator[Finding]:
    graph = ways.graph
    for number, node in enumerate(ways.workflow.nodes):
        is_bare_join = node.kind is NodeKind.JOIN and not graph.inputs[number]  # has its own finding
        if ways.is_reached[number] or not graph.takes_part[number] or is_bare_join:
            continue
        text = f"no path leads from the start {ways.workflow.start!r} to node {node.id!r}"
        severity: Severity = "warning" if ways.workflow.scope == "export" else "error"
        yield Finding("EE-W106", severity, node.id, None, text, "point at it, or leave it out")


def _check_joins(ways: _Map, facing: set[int], exclusive: dict[int, tuple[int, int]]) -> Iterator[Finding]:
    for number, node in enumerate(ways.workflow.nodes):
        if node.kind is not NodeKind.JOIN:
            continue
        inputs = ways.graph.inputs[number]
        wanted = node.join if isinstance(node.join, int) else len(inputs)
        if not inputs:
            if number != ways.graph.start:  # a join as the start has its own finding
                text = f"nothing points at join {node.id!r}"
                yield Finding("EE-W107", "error", node.id, None, text, "point at it, or leave it out")
        elif not 1 <= wanted <= len(inputs):
            text = f"join {node.id!r} wants {wanted} tokens and has {len(inputs)} inputs"
            yield Finding("EE-W109", "error", node.id, None, text, f"say 1 to {len(inputs)}, or all")
        elif len(inputs) == 1:
            text = f"join {node.id!r} has one input, and so nothing to join"
            yield Finding("EE-W108", "warning", node.id, None, text, "point the other branches at it too")
        elif node.join != "reachable" and number not in facing and _without_itself(ways, number) < wanted:
            text = f"join {node.id!r} can be filled only with its own output, which comes back in a cycle"
            hint = "use join: reachable, or let fewer tokens do"
            yield Finding("EE-W118", "warning", node.id, None, text, hint)
        elif node.join != "reachable" and wanted == len(inputs) and number in exclusive:
            yield from _tell_exclusive(ways, node, exclusive[number])


def _tell_exclusive(ways: _Map, join: Node, inputs: tuple[int, int]) -> Iterator[Finding]:
    sources = [ways.graph.arrows[arrow].source for arrow in inputs]
    if not all(ways.is_reached[source] for source in sources):
        return  # has its own finding
    one, other = (repr(ways.node(source).id) for source in sources)
    what = f"{one} and {other}" if one != other else f"two pointers of {one}"
    text = f"join {join.id!r} waits for {what}, but a job never comes from both: the ways to them exclude each other"
    hint = "use join: reachable, which waits for what can still come"
    yield Finding("EE-W124", "warning", join.id, None, text, hint)


def _check_facing(ways: _Map, pairs: list[tuple[int, int]]) -> Iterator[Finding]:
    for join, other in pairs:
        text = (
            f"joins {ways.node(join).id!r} and {ways.node(other).id!r} may each wait for the other's output"
        )
        hint = "lead the branches of one of them past the other"
        yield Finding("EE-W123", "warning", ways.node(join).id, None, text, hint)


def _without_itself(ways: _Map, join: int) -> int:
    """Count the inputs that are on no cycle through the join: no output of its own ever comes there."""
    sources = (ways.graph.arrows[arrow].source for arrow in ways.graph.inputs[join])
    return sum(ways.component_of[source] != ways.component_of[join] for source in sources)


def _check_cycles(ways: _Map) -> Iterator[Finding]:
    """Look for cycles in what remains when activities are taken out: only there does a job ever wait."""
    passes = [
        ways.is_reached[number] and node.kind is not NodeKind.ACTIVITY
        for number, node in enumerate(ways.workflow.nodes)
    ]
    idle = [
        [target for target in targets if passes[target]] if passes[number] else []
        for number, targets in enumerate(ways.successors)
    ]
    for component in components(idle):
        if len(component) > 1 or component[0] in idle[component[0]]:
            names = ", ".join(repr(ways.node(number).id) for number in component[:5])
            more = f" and {len(component) - 5} more" if len(component) > 5 else ""
            text = f"a cycle through {names}{more} has no activity, and would run for ever"
            yield Finding(
                "EE-W110", "error", ways.node(component[0]).id, None, text, "put an activity into the cycle"
            )


def _check_ends(ways: _Map) -> Iterator[Finding]:
    if not ways.reached(NodeKind.END):
        text = "no end can be reached; the job will finish when no token is left"
        yield Finding("EE-W113", "warning", ways.workflow.start, None, text, "add an end")
    for end, fork in _cut_branches(ways).items():
        text = (
            f"end {ways.node(end).id!r} finishes the job while another branch from {ways.node(fork).id!r}"
            " may still be at work"
        )
        yield Finding("EE-W117", "warning", ways.node(end).id, None, text, "join the branches before the end")


def _cut_branches(ways: _Map) -> dict[int, int]:
    """Return the ends that a branch may come to without a join that another, working branch comes to as well.

    Maps each such end to the first node, in file order, where the two branches part.
    """
    marks = [_WORKING if node.kind is NodeKind.ACTIVITY else 0 for node in ways.workflow.nodes]
    for place, join in enumerate(ways.graph.joins):
        marks[join] = _WORKING << place + 1
    masks = gathered(ways.successors, marks)
    found: dict[int, int] = {}
    steps = 0
    for fork in range(len(masks)):
        branches = [ways.graph.arrows[arrow].target for arrow in _branches(ways, fork)]
        counts = Counter(masks[branch] for branch in branches)
        for mask in counts:
            if not mask & _WORKING:
                continue
            others = [branch for branch in branches if counts[mask] > (masks[branch] == mask)]
            seen = _without_joins(ways, others, marks, mask)
            steps += len(seen)
            for end in seen:
                if ways.node(end).kind is NodeKind.END:
                    found.setdefault(end, fork)
            if steps > _MAX_STEPS:
                return found
    return found


def _branches(ways: _Map, fork: int) -> list[int]:
    """Return the arrows that tokens may follow at the same time: no error pointer, no otherwise, none of a choice."""
    node = ways.node(fork)
    if not ways.is_reached[fork] or node.kind in (NodeKind.EXCLUSIVE, NodeKind.END):
        return []
    slots = ((arrow, ways.graph.arrows[arrow].slot) for arrow in ways.graph.out[fork])
    return [arrow for arrow, slot in slots if slot != ON_ERROR and not node.pointers[slot].otherwise]


def _without_joins(ways: _Map, starts: list[int], marks: list[int], mask: int) -> set[int]:
    """Return what is reached from the starts without touching a join of the mask."""
    seen: set[int] = set()
    walk = list(starts)
    while walk:
        node = walk.pop()
        if node not in seen and not marks[node] & mask & ~_WORKING:
            seen.add(node)
            walk.extend(ways.successors[node])
    return seen
