"""The rules of joins read literally, and the space of small graphs that they are tried on.

A graph is a letter per node for its kind, and per node the tuple of nodes that it points at; the first is the start.

====== ============================================================================================
a      activity, follows all its pointers
c      activity with one pointer and one error pointer: it may succeed or fail
p      follows all of at least two pointers: a parallel, or an inclusive whose conditions are all true
r l    join reachable, join all
1 2    join N of one, of two
e      end; says succeeded at even places, failed at odd ones, so that the order of movement shows
====== ============================================================================================

Every node is reached; the start is no join and no end; a join has two inputs or more; a cycle without an activity
is left out (R29), and so are graphs without a join.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

JOINS = "rl12"
ACTIVITIES = "ac"
Targets = tuple[tuple[int, ...], ...]


class Shape(NamedTuple):
    """A graph: `kinds` has a letter per node, `targets` what it points at."""

    kinds: str
    targets: Targets


@pytest.fixture(scope="session")
def naive_job() -> type[Naive]:
    """See `Naive`."""
    return Naive


@pytest.fixture(scope="session")
def small_graphs() -> Callable[..., Iterator[Shape]]:
    """See `_small_graphs`."""
    return _small_graphs


@pytest.fixture(scope="session")
def random_graph() -> Callable[[random.Random], Shape]:
    """See `_random_graph`."""
    return _random_graph


# -- the rules, read literally -------------------------------------------------------------------------------


class Naive:
    """A job as R2-R4, R13 and R14 describe it, sentence by sentence.

    At every look it searches the graph anew, with no bit mask, no counter and no rank that was computed before.
    """

    def __init__(self, kinds: str, targets: Targets) -> None:
        self.shape = Shape(kinds, targets)
        self.travelling: list[int] = []  # nodes of visits at rest, oldest first; only activities hold a token
        self.queues: dict[int, list[int]] = {
            join: [0] * len(self.inputs(join)) for join in range(len(kinds)) if kinds[join] in JOINS
        }
        self.incidents: set[int] = set()  # joins with an open one
        self.fired: list[
            tuple[int, tuple[int, ...]]
        ] = []  # joins in the order they fired, with the inputs taken
        self.ended = ""  # "" while it runs

    def copy(self) -> Naive:
        twin = Naive(*self.shape)
        twin.travelling = list(self.travelling)
        twin.queues = {join: list(queue) for join, queue in self.queues.items()}
        twin.incidents = set(self.incidents)
        twin.fired = list(self.fired)
        twin.ended = self.ended
        return twin

    # facts

    def start(self) -> None:
        self.move([(-1, 0)])

    def finish(self, node: int, *, failed: bool = False) -> None:
        self.travelling.remove(node)
        slots = [int(failed)] if self.shape.kinds[node] == "c" else range(len(self.shape.targets[node]))
        self.move([(node, slot) for slot in slots])

    def fire_by_hand(self, join: int) -> None:
        self.move(self.fire(join))

    def fail_by_hand(self, _join: int) -> None:
        self.end("failed by operator")

    def facts(self) -> list[tuple[str, int]]:
        """Everything that may happen next; which of two tokens at one activity finishes first is all the same."""
        facts = []
        for node in sorted(set(self.travelling)):
            facts += [("succeed", node)] + [("fail", node)] * (self.shape.kinds[node] == "c")
        return facts + [(answer, join) for join in sorted(self.incidents) for answer in ("fire", "give up")]

    # R2, R13: all tokens move first, in the order they set out

    def move(self, arrows: list[tuple[int, int]]) -> None:
        moving = deque(arrows)
        arrived = []
        while moving:
            source, slot = moving.popleft()
            node = 0 if source < 0 else self.shape.targets[source][slot]
            kind = self.shape.kinds[node]
            if kind == "e":
                self.end("succeeded by end" if node % 2 == 0 else "failed by end")
                return
            if kind in ACTIVITIES:
                arrived.append(node)
            elif kind in JOINS:
                self.queues[node][self.inputs(node).index((source, slot))] += 1
            else:
                moving.extend((node, slot) for slot in range(len(self.shape.targets[node])))
        self.travelling += arrived
        self.look()

    # R4: joins are looked at when all tokens have come to rest

    def look(self) -> None:
        ready = [join for join in self.queues if self.is_ready(join)]
        if ready:
            self.move(self.fire(self.first(ready)))  # its output comes to rest before the next look
            return
        while stuck := [join for join in self.queues if self.is_stuck(join)]:
            self.incidents.add(self.first(stuck))
        queued = any(any(queue) for queue in self.queues.values())
        if not self.travelling and not queued and not self.incidents:  # R14
            self.end("succeeded by exhausted")

    def is_ready(self, join: int) -> bool:
        queue = self.queues[join]
        if not any(queue):
            return False
        if self.shape.kinds[join] == "r":
            return all(count or not self.is_awaited(join, place) for place, count in enumerate(queue))
        return sum(map(bool, queue)) >= self.wanted(join)

    def is_stuck(self, join: int) -> bool:
        """A join all or N has a token, no incident, and cannot become ready any more.

        Whether an input can still get a token is R4's "awaited", for all kinds alike: a join `all` asks a person
        exactly when a join `reachable` in its place would fire with less. A token that is queued in another join
        gives no hope, also where that join could fire by itself later: it does not travel.
        """
        queue = self.queues[join]
        if not any(queue) or self.shape.kinds[join] == "r" or join in self.incidents:
            return False
        may_fill = sum(count > 0 or self.is_awaited(join, place) for place, count in enumerate(queue))
        return may_fill < self.wanted(join)

    def is_awaited(self, join: int, place: int) -> bool:
        """A travelling token leads there; those queued in a join with an open incident travel from its node."""
        return any(self.leads(node, join, place) for node in [*self.travelling, *self.incidents])

    def wanted(self, join: int) -> int:
        kind = self.shape.kinds[join]
        return {"r": 1, "l": len(self.queues[join])}.get(kind) or int(kind)

    def leads(self, node: int, join: int, place: int) -> bool:
        """Whether a path of pointers leads from a node to an input of a join, not passing through that join."""
        wanted = self.inputs(join)[place]
        seen = set()
        walk = [node]
        while walk:
            here = walk.pop()
            if here in seen or here == join:  # also at the beginning: it would pass through it
                continue
            seen.add(here)
            for slot, target in enumerate(self.shape.targets[here]):
                if (here, slot) == wanted:
                    return True
                walk.append(target)
        return False

    def inputs(self, join: int) -> list[tuple[int, int]]:
        return [
            (source, slot)
            for source, targets in enumerate(self.shape.targets)
            for slot, target in enumerate(targets)
            if target == join
        ]

    # R3

    def fire(self, join: int) -> list[tuple[int, int]]:
        queue = self.queues[join]
        self.fired.append((join, tuple(place for place, count in enumerate(queue) if count)))
        self.queues[join] = [max(0, count - 1) for count in queue]
        self.incidents.discard(join)
        if self.shape.kinds[join] in "12":
            self.cancel_rest(join)
        return [(join, slot) for slot in range(len(self.shape.targets[join]))]

    def cancel_rest(self, join: int) -> None:
        places = range(len(self.queues[join]))
        self.queues[join] = [0 for _ in places]
        self.travelling = [
            node for node in self.travelling if not any(self.leads(node, join, place) for place in places)
        ]
        for other in self.queues:
            if any(self.leads(other, join, place) for place in places):
                self.queues[other] = [0] * len(self.queues[other])
                self.incidents.discard(other)

    # R4: components in topological order, distance from the start, file order

    def first(self, joins: list[int]) -> int:
        return joins[0] if len(joins) == 1 else min(joins, key=self.ranking().index)

    def ranking(self) -> list[int]:
        nodes = range(len(self.shape.kinds))
        component = {
            here: frozenset({here} | (self.behind(here) & {n for n in nodes if here in self.behind(n)}))
            for here in nodes
        }
        ordered: list[int] = []
        while len(ordered) < len(nodes):
            free = [
                here
                for here in nodes
                if here not in ordered
                and all(
                    other in ordered or other in component[here]
                    for other in nodes
                    if component[here] & self.behind(other)
                )
            ]
            nearest = min(free, key=lambda here: min((self.distance(n), n) for n in component[here]))
            ordered += sorted(component[nearest], key=lambda here: (self.distance(here), here))
        return ordered

    def behind(self, node: int) -> set[int]:
        found: set[int] = set()
        walk = [node]
        while walk:
            for target in self.shape.targets[walk.pop()]:
                if target not in found:
                    found.add(target)
                    walk.append(target)
        return found

    def distance(self, node: int) -> int:
        near, steps = {0}, 0
        while node not in near:
            near |= {target for here in near for target in self.shape.targets[here]}
            steps += 1
        return steps

    # R13, R14

    def end(self, how: str) -> None:
        self.ended = how
        self.travelling = []
        self.queues = {join: [0] * len(queue) for join, queue in self.queues.items()}
        self.incidents = set()

    def view(self) -> dict[str, Any]:
        return {
            "travelling": sorted(self.travelling),
            "queued": {join: tuple(queue) for join, queue in self.queues.items() if any(queue)},
            "incidents": sorted(self.incidents),
            "fired": list(self.fired),
            "ended": self.ended,
        }


# -- the space ---------------------------------------------------------------------------------------------------


def _small_graphs(nodes: int, arrows: int, joins: int, *, shard: int = 0, shards: int = 1) -> Iterator[Shape]:
    """Yield graphs of so many nodes, at most so many arrows, at least so many joins.

    Three pointers at most leave the start, two any other node; targets are sorted. Of the graphs that differ only
    in the numbering of the nodes behind the start one is yielded: the least.
    """
    lists = [list(itertools.combinations_with_replacement(range(nodes), count)) for count in range(4)]
    choices = [lists[1] + lists[2] + lists[3]] + [lists[0] + lists[1] + lists[2]] * (nodes - 1)
    numberings = [(0, *rest) for rest in itertools.permutations(range(1, nodes))][1:]
    for number, targets in enumerate(_with_few_arrows(choices, arrows)):
        if number % shards != shard or len(_reached(targets)) < nodes:
            continue
        for kinds in itertools.product(*_letters(targets)):
            graph = Shape("".join(kinds), targets)
            if (
                sum(kind in JOINS for kind in kinds) >= joins
                and not _has_idle_cycle(*graph)
                and not any(_renumbered(graph, numbering) < graph for numbering in numberings)
            ):
                yield graph


def _with_few_arrows(choices: list[Any], arrows: int) -> Iterator[Targets]:
    if not choices:
        yield ()
        return
    for first in choices[0]:
        if len(first) <= arrows:
            for rest in _with_few_arrows(choices[1:], arrows - len(first)):
                yield (first, *rest)


def _letters(targets: Targets) -> list[str]:
    """The kinds that each node may have; a join has two inputs or more, with fewer there is nothing to wait for."""
    pointed_at = Counter(itertools.chain(*targets))
    return [
        "a"
        + "c" * (len(own) == 2)
        + "p" * (len(own) >= 2)
        + "e" * (not own and node > 0)
        + JOINS * (pointed_at[node] >= 2 and node > 0)
        for node, own in enumerate(targets)
    ]


def _reached(targets: Targets) -> set[int]:
    found = {0}
    walk = [0]
    while walk:
        for target in targets[walk.pop()]:
            if target not in found:
                found.add(target)
                walk.append(target)
    return found


def _has_idle_cycle(kinds: str, targets: Targets) -> bool:
    left = {node for node, kind in enumerate(kinds) if kind not in "ac"}
    while True:  # take away what points at nothing that is left
        done = {node for node in left if not left & set(targets[node])}
        if not done:
            return bool(left)
        left -= done


def _renumbered(graph: Shape, numbering: tuple[int, ...]) -> Shape:
    kinds = [""] * len(numbering)
    targets: list[tuple[int, ...]] = [()] * len(numbering)
    for old, new in enumerate(numbering):
        kinds[new] = graph.kinds[old]
        targets[new] = tuple(sorted(numbering[target] for target in graph.targets[old]))
    return Shape("".join(kinds), tuple(targets))


def _random_graph(chance: random.Random) -> Shape:
    """Draw a larger graph, its pointers in any order and its nodes in any file order behind the start."""
    while True:
        nodes = chance.randint(4, 8)
        targets = [
            tuple(chance.choices(range(nodes), k=chance.choice((1, 1, 2, 2, 3)))) for _ in range(nodes)
        ]
        for node in range(1, nodes):
            if chance.random() < 0.2:
                targets[node] = ()
        graph = Shape("".join(map(chance.choice, _letters(tuple(targets)))), tuple(targets))
        has_join = any(kind in JOINS for kind in graph.kinds)
        if has_join and len(_reached(graph.targets)) == nodes and not _has_idle_cycle(*graph):
            return graph
