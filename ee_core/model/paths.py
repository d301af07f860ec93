"""Paths in a directed graph of integers: distances, components, orders; all iterative, all (nearly) linear.

A graph is a sequence of successor lists, its nodes are the places in that sequence. Nothing here knows what a
node means; `graph` and `soundness` do.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence

Successors = Sequence[Sequence[int]]


def distances(successors: Successors, starts: Iterable[int]) -> list[int | None]:
    """Return per node the number of steps from the nearest start, None where no path leads."""
    found: list[int | None] = [None] * len(successors)
    queue = deque((start, 0) for start in starts)
    while queue:
        node, steps = queue.popleft()
        if found[node] is None:
            found[node] = steps
            queue.extend((target, steps + 1) for target in successors[node])
    return found


def turned_round(successors: Successors) -> list[list[int]]:
    """Return the graph with every arrow turned round."""
    sources: list[list[int]] = [[] for _ in successors]
    for node, targets in enumerate(successors):
        for target in targets:
            sources[target].append(node)
    return sources


def finish_order(successors: Successors) -> list[int]:
    """Return all nodes as a depth-first walk leaves them: without cycles, each after its successors."""
    seen = [False] * len(successors)
    left: list[int] = []
    for root in range(len(successors)):
        walk = [] if seen[root] else [(root, iter(successors[root]))]
        seen[root] = True
        while walk:
            node, targets = walk[-1]
            target = next((target for target in targets if not seen[target]), None)
            if target is None:
                left.append(node)
                walk.pop()
            else:
                seen[target] = True
                walk.append((target, iter(successors[target])))
    return left


def components(successors: Successors) -> list[list[int]]:
    """Return the strongly connected components, in a topological order; nodes of one rise.

    Source: S. R. Kosaraju's two walks; M. Sharir, "A strong-connectivity algorithm", 1981.
    """
    sources = turned_round(successors)
    taken = [False] * len(successors)
    found: list[list[int]] = []
    for root in reversed(finish_order(successors)):
        if taken[root]:
            continue
        taken[root] = True
        component = [root]
        for node in component:  # grows while it is walked
            for source in sources[node]:
                if not taken[source]:
                    taken[source] = True
                    component.append(source)
        found.append(sorted(component))
    return found


def gathered(successors: Successors, marks: Sequence[int]) -> list[int]:
    """Return per node the union of the bit masks of all nodes that paths lead to, its own included."""
    masks = [0] * len(successors)
    for component in reversed(components(successors)):
        mask = 0
        for node in component:
            mask |= marks[node]
            for target in successors[node]:
                mask |= masks[target]
        for node in component:
            masks[node] = mask
    return masks


def component_order(successors: Successors, keys: Sequence[int]) -> list[list[int]]:
    """Return the components in the one topological order that the nodes' keys decide.

    Among the components whose predecessors are all placed, the one with the lowest key of a node comes next;
    so the order follows from the graph and the keys alone, not from how a walk goes.

    Args:
        successors: The graph.
        keys: One per node, all different.
    """
    parts = components(successors)
    part_of = {node: number for number, part in enumerate(parts) for node in part}
    targets = [
        {part_of[target] for node in part for target in successors[node]} - {number}
        for number, part in enumerate(parts)
    ]
    blocked_by = [0] * len(parts)
    for part_targets in targets:
        for target in part_targets:
            blocked_by[target] += 1
    lowest = [min(keys[node] for node in part) for part in parts]
    free = [(lowest[number], number) for number, blocks in enumerate(blocked_by) if not blocks]
    heapq.heapify(free)
    ordered: list[list[int]] = []
    while free:
        _, number = heapq.heappop(free)
        ordered.append(parts[number])
        for target in targets[number]:
            blocked_by[target] -= 1
            if not blocked_by[target]:
                heapq.heappush(free, (lowest[target], target))
    return ordered
