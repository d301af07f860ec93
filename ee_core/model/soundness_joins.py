"""Joins that face each other: each has a token and waits for what only the other's firing can bring.

No job hangs by it: of two joins `reachable` the one of lower rank fires with what it has, and joins that want more open an
incident (R4). But nobody draws it on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ee_core.model.graph import Graph
from ee_core.model.paths import turned_round
from ee_core.model.workflow import Workflow

# A warning must not cost more than a moment.
_MAX_PAIRS = 20_000  # looked at
_MAX_WALKS = 200  # pairs whose ways are walked


def find_facing(
    workflow: Workflow,
    graph: Graph,
    successors: Sequence[Sequence[int]],
    branches: Sequence[Sequence[int]],
    component_of: Sequence[int],
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of joins that may wait for each other, the one that comes first in the file first.

    Args:
        workflow: Whose graph it is.
        graph: Its joins and inputs.
        successors: Per node where pointers lead.
        branches: Per node where its tokens may go at the same time.
        component_of: Per node the number of its strongly connected component.
    """
    joins = sorted(graph.joins)
    pairs = (
        (join, other)
        for place, join in enumerate(joins)
        for other in joins[place + 1 :]
        if component_of[join] == component_of[other]
    )
    sources = turned_round(successors)
    facing = (
        (join, other)
        for join, other in islice(pairs, _MAX_PAIRS)
        if _waits_for(workflow, graph, join, other) and _waits_for(workflow, graph, other, join)
    )
    for join, other in islice(facing, _MAX_WALKS):
        if _come_together(sources, branches, join, other):
            yield join, other


def _waits_for(workflow: Workflow, graph: Graph, join: int, other: int) -> bool:
    """Say whether a join with a token may wait for an input that the other's output leads to."""
    fed = graph.reach[other] & graph.own[join]
    rule = workflow.nodes[join].join
    if not fed or isinstance(rule, str):
        return bool(fed)
    return (graph.own[join] & ~fed).bit_count() < rule


def _come_together(
    sources: Sequence[Sequence[int]], branches: Sequence[Sequence[int]], join: int, other: int
) -> bool:
    """Say whether two branches of one node lead to the two joins, each past the other one."""
    before, after = _all_before(sources, join, other), _all_before(sources, other, join)
    return any(
        one in before and two in after
        for targets in branches
        for place, one in enumerate(targets)
        for number, two in enumerate(targets)
        if place != number
    )


def _all_before(sources: Sequence[Sequence[int]], target: int, avoided: int) -> set[int]:
    """Return the nodes from which a path leads to one that does not touch another; the target is one of them."""
    found = {target}
    walk = [target]
    while walk:
        for source in sources[walk.pop()]:
            if source not in found and source != avoided:
                found.add(source)
                walk.append(source)
    return found
