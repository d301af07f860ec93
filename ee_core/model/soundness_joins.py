"""Joins that cannot fire by themselves: two that face each other, and one whose inputs exclude each other.

Of two that face each other each has a token and waits for what only the other's firing can bring. No job hangs by it: of
two joins `reachable` the one of lower rank fires with what it has, and joins that want more open an incident (R4). But
nobody draws it on purpose.

Two inputs come together only when a token was split: somewhere two pointers of one node were followed, of which one led
to this input and the other to that, neither through the join. Where no node does so, a join of `all` never has both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ee_core.model.graph import NO_INPUT, Graph
from ee_core.model.paths import turned_round
from ee_core.model.workflow import Workflow

# A warning must not cost more than a moment.
_MAX_PAIRS = 20_000  # looked at
_MAX_WALKS = 200  # pairs whose ways are walked
_MAX_STEPS = 500_000  # of looking for inputs that come together


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


def find_exclusive(graph: Graph, branches: Sequence[Sequence[int]]) -> dict[int, tuple[int, int]]:
    """Find the joins of which two inputs never have a token at the same time.

    Args:
        graph: Its joins and inputs.
        branches: Per node the arrows that tokens may follow at the same time.

    Returns:
        Per such join the first two of these inputs, as arrows; empty when it would take too long to know.
    """
    together = _find_together(graph, branches)
    if together is None:
        return {}
    found = {}
    for join in graph.joins:
        for place, one in enumerate(graph.inputs[join]):
            others = graph.inputs[join][place + 1 :]
            met = together[graph.input_of[one]]
            apart = next((other for other in others if not met >> graph.input_of[other] & 1), None)
            if apart is not None:
                found[join] = (one, apart)
                break
    return found


def _find_together(graph: Graph, branches: Sequence[Sequence[int]]) -> list[int] | None:
    """Return per input the mask of those that may have a token with it; None when that takes too long."""
    found = [0] * sum(map(len, graph.inputs))
    steps = 0
    for arrows in branches:
        masks = [_inputs_behind(graph, arrow) for arrow in arrows]
        for place, mask in enumerate(masks):
            others = 0
            for number, other in enumerate(masks):
                others |= other if number != place else 0
            steps += len(masks)
            left = mask if others else 0
            while left:
                found[(left & -left).bit_length() - 1] |= others
                left &= left - 1
                steps += 1
            if steps > _MAX_STEPS:
                return None
    return found


def _inputs_behind(graph: Graph, arrow: int) -> int:
    """Return the mask of the inputs that a token which follows an arrow may come to before their join has fired."""
    own = graph.input_of[arrow]
    return graph.reach[graph.arrows[arrow].target] | (1 << own if own != NO_INPUT else 0)


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
