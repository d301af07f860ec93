"""Joins over all small graphs: the model against R2-R4, R13 and R14 read sentence by sentence.

The naive job and the space of graphs are in conftest.py. Each graph is executed in every order in which its
activities can finish and its incidents can be answered, by both, and after each fact both must say the same: which
joins fired, in which order, with which inputs; which tokens travel and where; what is queued; what is stuck; how it
ended.

`SPACES` says which sizes are complete, and how many graphs that is. What these leave out - pointers that are not
in order, the last rule of the rank, which is the order in the file - is in the random sample.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from ee_core.model.compiled import compile_workflow
from ee_core.model.decide import decide
from ee_core.model.events import Choice, EndedBy, Error, JoinFired, Record
from ee_core.model.evolve import apply
from ee_core.model.facts import (
    AnyFact,
    ExecuteCommanded,
    OperatorCommanded,
    ResponseKind,
    ResponseReceived,
)
from ee_core.model.graph import NO_INPUT, Graph, build
from ee_core.model.ids import JobId, NodeId, WorkflowHash
from ee_core.model.job import Job
from ee_core.model.paths import gathered
from ee_core.model.workflow import Activity, Node, NodeKind, Pointer, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.model.expression import Scope


# -- the model -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Always:
    """The condition of an inclusive that follows all its pointers."""

    source: str
    references: tuple[str, ...] = ()

    def evaluate(self, scope: Scope) -> bool:
        return True


KINDS = {"a": NodeKind.ACTIVITY, "c": NodeKind.ACTIVITY, "p": NodeKind.PARALLEL, "e": NodeKind.END}
WORK = Activity(type="noop", stateless=True)
HASH = WorkflowHash("0" * 64)


def to_node(shape: Any, number: int) -> Node:
    letter = shape.kinds[number]
    targets = [NodeId(f"n{target}") for target in shape.targets[number]]
    kind = KINDS.get(letter, NodeKind.JOIN)
    if letter == "p" and number % 2:
        kind = NodeKind.INCLUSIVE
    when = "true" if kind is NodeKind.INCLUSIVE else ""
    return Node(
        id=NodeId(f"n{number}"),
        kind=kind,
        pointers=tuple(Pointer(target, when=when) for target in (targets[:1] if letter == "c" else targets)),
        on_error=targets[1] if letter == "c" else None,
        activity=WORK if kind is NodeKind.ACTIVITY else None,
        join={"r": "reachable", "l": "all"}.get(letter) or (int(letter) if letter.isdigit() else "reachable"),
        outcome="succeeded" if number % 2 == 0 else "failed",
    )


def to_workflow(shape: Any) -> Workflow:
    nodes = tuple(to_node(shape, number) for number in range(len(shape.kinds)))
    return Workflow(name="w", start=nodes[0].id, nodes=nodes)


class Real:
    """The same job in the model; every fact is decided, then its events are applied."""

    def __init__(self, job: Job, fired: list[tuple[int, tuple[int, ...]]], facts: int = 0) -> None:
        self.job = job
        self.fired = fired
        self.facts = facts

    @classmethod
    def of(cls, shape: Any, spoil: Callable[[Graph], Graph]) -> Real:
        compiled = compile_workflow(to_workflow(shape), HASH, Always)
        return cls(Job.blank(JobId("j"), replace(compiled, graph=spoil(compiled.graph))), [])

    def copy(self) -> Real:
        return Real(self.job.fork(), list(self.fired), self.facts)

    def start(self) -> None:
        self.tell(ExecuteCommanded(at_us=0, workflow=HASH, name="w", digest="d"))

    def finish(self, node: int, *, failed: bool = False) -> None:
        visit = next(visit for visit in self.job.live.values() if visit.node == node)
        answer = ResponseReceived(
            at_us=self.facts,
            bot=None,
            visit=visit.id,
            attempt=1,
            fence=None,
            kind=ResponseKind.FAILED if failed else ResponseKind.SUCCEEDED,
            error=Error("no", "it failed") if failed else None,
        )
        self.tell(answer)

    def fire_by_hand(self, join: int, choice: Choice = Choice.FIRE_JOIN) -> None:
        self.tell(
            OperatorCommanded(
                at_us=self.facts, id=f"o{self.facts}", incident=self.job.stuck[join], choice=choice
            )
        )

    def fail_by_hand(self, join: int) -> None:
        self.fire_by_hand(join, Choice.FAIL)

    def tell(self, fact: AnyFact) -> None:
        events = decide(self.job, fact)
        assert isinstance(events, tuple)
        self.facts += 1
        apply(self.job, Record(self.job.id, self.job.next_index, fact.at_us, events))
        # A join that is failed by hand becomes a visit too, one that fails: it has not fired.
        self.fired += [
            (int(event.visit[1:].partition("#")[0]), event.inputs)
            for event in events
            if isinstance(event, JoinFired) and self.job.ended_by is not EndedBy.OPERATOR
        ]

    def view(self) -> dict[str, Any]:
        job = self.job
        running = not job.is_finished  # what waits in a finished job is of no consequence
        return {
            "travelling": sorted(visit.node for visit in job.live.values()) if running else [],
            "queued": {j: tuple(map(len, q.by_place)) for j, q in sorted(job.queues.items())}
            if running
            else {},
            "incidents": sorted(job.stuck) if running else [],
            "fired": self.fired,
            "ended": "" if running else f"{job.outcome} by {job.ended_by}",
        }

    def check(self) -> None:
        """What is kept by increments is what a count would give, and no job hangs in its joins."""
        job = self.job
        if job.workflow is None or job.is_finished:
            return
        graph = job.workflow.graph
        travelling = [*(visit.node for visit in job.live.values()), *job.stuck]
        assert job.classes == Counter(graph.class_of[node] for node in travelling)
        assert job.queued == sum(len(queue) for queues in job.queues.values() for queue in queues.by_place)
        for join, queues in job.queues.items():
            bits = (
                1 << graph.first_input[join] + place for place, queue in enumerate(queues.by_place) if queue
            )
            assert queues.filled == sum(bits)
        assert job.live or job.stuck


# -- the comparison --------------------------------------------------------------------------------------------

MOST_TOKENS = 6  # a cycle that forks has no end: a state with more is not followed further
MOST_FACTS = 10  # in one story
MOST_STATES = 80  # of one graph


def as_it_is(graph: Graph) -> Graph:
    return graph


def compare(naive: Any, spoil: Callable[[Graph], Graph] = as_it_is) -> int:
    """Execute a graph in every order, by both; return the number of facts told.

    Two orders that lead to the same tokens, queues and incidents go on alike, and are followed on once.
    """
    shape = naive.shape
    to_do: list[tuple[Any, Real, list[tuple[str, int]]]] = [(naive, Real.of(shape, spoil), [])]
    seen: set[str] = set()
    told = 0
    while to_do:
        naive, real, story = to_do.pop()
        for job in (naive, real):
            tell(job, *(story[-1] if story else ("start", 0)))
        told += 1
        expected = naive.view()
        assert real.view() == expected, f"{shape} after {story}"
        real.check()
        state = repr({**expected, "fired": None})
        tokens = len(naive.travelling) + sum(map(sum, naive.queues.values()))
        if (
            state not in seen
            and tokens <= MOST_TOKENS
            and len(story) < MOST_FACTS
            and len(seen) < MOST_STATES
        ):
            seen.add(state)
            *others, last = naive.facts() or [None]
            to_do += [(naive.copy(), real.copy(), [*story, fact]) for fact in others]
            to_do += [(naive, real, [*story, last])] if last else []
    return told


def tell(job: Any, what: str, node: int) -> None:
    match what:
        case "start":
            job.start()
        case "succeed" | "fail":
            job.finish(node, failed=what == "fail")
        case "fire":
            job.fire_by_hand(node)
        case "give up":
            job.fail_by_hand(node)


def check_graph(naive: Any) -> None:
    """The masks and the ranks, computed once, against a search for each."""
    graph = build(to_workflow(naive.shape))
    nodes = range(len(naive.shape.kinds))
    for join, queue in naive.queues.items():
        for place in range(len(queue)):
            bit = 1 << graph.first_input[join] + place
            assert [bool(graph.reach[node] & bit) for node in nodes] == [
                naive.leads(node, join, place) for node in nodes
            ], f"{naive.shape}: input {place} of {join}"
    assert sorted(nodes, key=graph.rank.__getitem__) == naive.ranking(), f"{naive.shape}"


# -- the rules by hand: what the naive job itself is held against -------------------------------------------------


@pytest.fixture
def told(naive_job):
    """Tell a naive job some facts."""

    def tell_all(kinds, targets, *facts):
        naive = naive_job(kinds, targets)
        for what, node in [("start", 0), *facts]:
            tell(naive, what, node)
        return naive

    return tell_all


def test_a_join_reachable_waits_for_all_that_come(told):
    graph = "paar", ((1, 2), (3,), (3,), ())

    assert told(*graph, ("succeed", 1)).fired == []
    assert told(*graph, ("succeed", 1), ("succeed", 2)).view() == {
        **{"travelling": [], "queued": {}, "incidents": []},
        **{"fired": [(3, (0, 1))], "ended": "succeeded by exhausted"},
    }


def test_a_join_reachable_does_not_wait_for_a_branch_that_was_skipped(told):
    graph = "pcara", ((1, 2), (3, 4), (3,), (), ())

    assert told(*graph, ("succeed", 2), ("fail", 1)).fired == [(3, (1,))]
    assert told(*graph, ("fail", 1)).fired == []


def test_a_join_of_one_cancels_what_could_still_come_to_it_and_nothing_else(told):
    naive = told("paa1aa", ((1, 2, 5), (3,), (3,), (4,), (), ()), ("succeed", 1))

    assert naive.fired == [(3, (0,))]
    assert naive.travelling == [5, 4]


def test_a_join_all_that_cannot_be_filled_asks_a_person(told):
    naive = told("pcala", ((1, 2), (3, 4), (3,), (), ()), ("succeed", 2), ("fail", 1))

    assert naive.incidents == {3}
    tell(naive, "fire", 3)
    assert naive.fired == [(3, (1,))]
    assert naive.travelling == [4]


def test_of_two_joins_that_wait_for_each_other_the_one_of_lower_rank_asks(told):
    naive = told("pllaa", ((1, 2), (3,), (4,), (2,), (1,)))

    assert naive.incidents == {1}
    tell(naive, "fire", 1)
    tell(naive, "succeed", 3)
    assert naive.fired == [(1, (0,)), (2, (0, 1))]


def test_the_first_end_in_the_order_of_movement_decides(told):
    assert told("ppee", ((1, 2), (3, 3), (), ())).ended == "succeeded by end"
    assert told("pepe", ((2, 1), (), (3, 3), ())).ended == "failed by end"


# -- the tests ---------------------------------------------------------------------------------------------------

SHARDS = 16
SPACES = {  # nodes, most arrows, least joins: how many graphs
    (2, 5, 1): 56,
    (3, 7, 1): 4_064,
    (4, 7, 1): 117_910,
    (5, 6, 1): 52_726,
    (5, 7, 3): 30_464,
}


def test_all_graphs_of_two_nodes(small_graphs, naive_job):
    assert sum(compare(naive_job(*graph)) > 0 for graph in small_graphs(2, 5, 1)) == SPACES[2, 5, 1]


@pytest.mark.parametrize("seed", range(4))
def test_a_sample_of_larger_graphs(random_graph, naive_job, seed):
    chance = random.Random(seed)
    for _ in range(80):
        graph = random_graph(chance)
        check_graph(naive_job(*graph))
        compare(naive_job(*graph))


@pytest.mark.enumeration
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_all_small_graphs(small_graphs, naive_job, shard):
    for space in SPACES:
        for graph in small_graphs(*space, shard=shard, shards=SHARDS):
            check_graph(naive_job(*graph))
            compare(naive_job(*graph))


@pytest.mark.enumeration
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("space", "size"), SPACES.items())
def test_the_spaces_have_the_sizes_that_are_written(small_graphs, space, size):
    assert sum(1 for _ in small_graphs(*space)) == size


def with_reach(graph: Graph, reach: list[int]) -> Graph:
    classes = tuple(dict.fromkeys(reach))
    return replace(
        graph, reach=tuple(reach), classes=classes, class_of=tuple(classes.index(mask) for mask in reach)
    )


def paths_pass_through_the_join(graph: Graph) -> Graph:
    successors = [[graph.arrows[arrow].target for arrow in arrows] for arrows in graph.out]
    return with_reach(graph, gathered(successors, [direct(graph, node) for node in range(len(graph.nodes))]))


def only_the_nearest_joins_are_reached(graph: Graph) -> Graph:
    return with_reach(graph, [mask & direct(graph, node) for node, mask in enumerate(graph.reach)])


def direct(graph: Graph, node: int) -> int:
    return sum(1 << graph.input_of[arrow] for arrow in graph.out[node] if graph.input_of[arrow] != NO_INPUT)


def the_last_is_looked_at_first(graph: Graph) -> Graph:
    return replace(graph, joins=graph.joins[::-1], rank=tuple(-rank for rank in graph.rank))


@pytest.mark.parametrize(
    "spoil", [paths_pass_through_the_join, only_the_nearest_joins_are_reached, the_last_is_looked_at_first]
)
def test_a_spoilt_graph_is_found_out_by_the_sample(random_graph, naive_job, spoil):
    chance = random.Random(0)
    with pytest.raises(AssertionError):
        for _ in range(400):
            compare(naive_job(*random_graph(chance)), spoil)
