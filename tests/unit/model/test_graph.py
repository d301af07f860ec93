from __future__ import annotations

import pytest

from ee_core.errors import WorkflowError
from ee_core.model.events import ON_ERROR
from ee_core.model.graph import NO_INPUT, Arrow, Graph, build
from ee_core.model.workflow import Node, NodeKind, Pointer, Workflow


def graph_of(
    start: str = "a", joins: str = "", on_error: dict[str, str] | None = None, **targets: str
) -> Graph:
    """Nodes are single letters; ``a="bc"`` points at b and c; those in `joins` are joins."""
    nodes = tuple(
        Node(
            id=name,
            kind=NodeKind.JOIN if name in joins else NodeKind.PARALLEL,
            pointers=tuple(Pointer(to) for to in to_all),
            on_error=(on_error or {}).get(name),
        )
        for name, to_all in targets.items()
    )
    return build(Workflow(name="w", start=start, nodes=nodes))


def reached(graph: Graph, node: str) -> set[str]:
    """The inputs that a token at the node may reach, each as ``source>join``."""
    mask = graph.reach[graph.index[node]]
    return {
        graph.nodes[arrow.source] + ">" + graph.nodes[arrow.target]
        for arrow, bit in zip(graph.arrows, graph.input_of, strict=True)
        if bit != NO_INPUT and mask >> bit & 1
    }


def test_arrows_are_ordered_by_source_then_slot_with_the_error_pointer_last():
    graph = graph_of(a="bc", b="c", c="", on_error={"a": "c"})

    assert graph.arrows == (Arrow(0, 0, 1), Arrow(0, 1, 2), Arrow(0, ON_ERROR, 2), Arrow(1, 0, 2))
    assert graph.out == ((0, 1, 2), (3,), ())
    assert graph.arrows[graph.out[0][ON_ERROR]].slot == ON_ERROR


def test_two_arrows_from_one_node_are_two_inputs_and_an_error_pointer_is_one():
    graph = graph_of(joins="c", a="bcc", b="c", c="", on_error={"b": "c"})

    assert [graph.arrows[number][:2] for number in graph.inputs[2]] == [(0, 1), (0, 2), (1, 0), (1, ON_ERROR)]
    assert graph.inputs[0] == graph.inputs[1] == ()
    assert [graph.input_of[number] for number in graph.inputs[2]] == [0, 1, 2, 3]
    assert graph.own == (0, 0, 0b1111)


def test_only_a_join_has_inputs():
    graph = graph_of(a="bb", b="")

    assert graph.inputs == ((), ())
    assert set(graph.input_of) == {NO_INPUT}


def test_a_node_that_points_at_the_start_and_that_nothing_points_to_takes_no_part():
    graph = graph_of(joins="c", start="s", x="sc", s="bc", b="c", c="", y="c")

    taking_no_part = [name for name, takes in zip(graph.nodes, graph.takes_part, strict=True) if not takes]
    assert taking_no_part == ["x"]
    assert [graph.nodes[graph.arrows[n].source] for n in graph.inputs[graph.index["c"]]] == ["s", "b", "y"]


def test_a_node_in_a_cycle_with_the_start_takes_part():
    graph = graph_of(a="b", b="a")

    assert graph.takes_part == (True, True)


def test_a_start_that_points_at_itself_takes_part():
    assert graph_of(a="ab", b="").takes_part == (True, True)


def test_inputs_are_numbered_join_by_join_in_file_order():
    graph = graph_of(joins="cd", a="dc", b="c", c="d", d="")

    assert graph.first_input == (0, 0, 0, 2)
    assert [[graph.input_of[number] for number in graph.inputs[node]] for node in (2, 3)] == [[0, 1], [2, 3]]


def test_a_token_reaches_the_inputs_behind_other_joins():
    graph = graph_of(joins="cd", a="bc", b="cd", c="d", d="e", e="")

    assert reached(graph, "a") == {"a>c", "b>c", "b>d", "c>d"}
    assert reached(graph, "b") == {"b>c", "b>d", "c>d"}
    assert reached(graph, "c") == {"c>d"}
    assert reached(graph, "d") == reached(graph, "e") == set()


def test_a_path_that_passes_through_the_join_does_not_count():
    # a>j is filled by the first token alone; b reaches j>..>b>j only from behind j
    graph = graph_of(joins="j", a="j", j="b", b="jc", c="")

    assert reached(graph, "a") == {"a>j"}
    assert reached(graph, "b") == {"b>j"}


def test_the_node_of_a_join_reaches_none_of_its_own_inputs_but_those_of_others():
    graph = graph_of(joins="jk", a="jk", j="b", b="jk", k="")

    assert reached(graph, "j") == {"b>k"}


def test_facing_joins_reach_each_other_and_not_themselves():
    graph = graph_of(joins="jk", a="jk", j="k", k="j")

    assert reached(graph, "j") == {"j>k"}
    assert reached(graph, "k") == {"k>j"}
    assert reached(graph, "a") == {"a>j", "a>k", "j>k", "k>j"}


def test_a_pointer_from_a_join_to_itself_is_an_input_that_nothing_reaches():
    graph = graph_of(joins="j", a="j", j="jb", b="")

    assert len(graph.inputs[graph.index["j"]]) == 2
    assert reached(graph, "a") == {"a>j"}
    assert reached(graph, "j") == set()


def test_a_pointer_from_an_ordinary_node_to_itself_changes_nothing():
    assert reached(graph_of(joins="j", a="aj", j=""), "a") == {"a>j"}


def test_nodes_of_equal_masks_are_one_class():
    graph = graph_of(joins="d", a="bc", b="d", c="d", d="e", e="")

    assert graph.class_of == (0, 1, 2, 3, 3)
    assert [graph.classes[number] for number in graph.class_of] == list(graph.reach)


def test_rank_follows_the_components_before_the_distance():
    # k is nearer to the start than j, but behind it
    graph = graph_of(joins="jk", a="bk", b="c", c="j", j="k", k="")

    assert [graph.nodes[node] for node in graph.joins] == ["j", "k"]


def test_rank_inside_a_component_is_by_distance_then_file_order():
    graph = graph_of(joins="jkl", l="j", k="l", j="k", a="bk", b="j")

    assert [graph.nodes[node] for node in graph.joins] == ["k", "l", "j"]


def test_rank_of_independent_joins_is_by_distance_then_file_order():
    graph = graph_of(joins="jkl", a="bkl", b="j", l="", k="", j="")

    assert [graph.nodes[node] for node in graph.joins] == ["l", "k", "j"]
    assert sorted(graph.rank) == list(range(5))


def test_nodes_that_the_start_does_not_reach_order_nothing():
    graph = graph_of(joins="jk", a="jk", j="", k="", x="j")

    assert [graph.nodes[node] for node in graph.joins] == ["j", "k"]
    assert graph.rank[graph.index["x"]] == 3


def test_a_chain_of_ten_thousand_nodes_and_one_cycle_of_as_many_are_no_matter():
    count = 10_000
    nodes = [Node(id=f"n{i}", kind=NodeKind.PARALLEL, pointers=(Pointer(f"n{i + 1}"),)) for i in range(count)]
    chain = build(Workflow(name="w", start="n0", nodes=(*nodes, Node(id=f"n{count}", kind=NodeKind.JOIN))))
    cycle = build(
        Workflow(
            name="w",
            start="n0",
            nodes=(*nodes, Node(id=f"n{count}", kind=NodeKind.JOIN, pointers=(Pointer("n0"),))),
        )
    )

    assert chain.reach == (1,) * count + (0,)
    assert cycle.reach == chain.reach
    assert chain.rank == cycle.rank == tuple(range(count + 1))


@pytest.mark.parametrize(
    ("start", "nodes", "named"),
    [
        ("a", (Node(id="a", kind=NodeKind.PARALLEL, pointers=(Pointer("x"),)),), "'x'"),
        ("x", (Node(id="a", kind=NodeKind.PARALLEL),), "'x'"),
        ("a", (Node(id="a", kind=NodeKind.PARALLEL), Node(id="a", kind=NodeKind.PARALLEL)), "twice"),
    ],
)
def test_a_workflow_that_is_not_sound_is_refused(start, nodes, named):
    with pytest.raises(WorkflowError, match=named):
        build(Workflow(name="w", start=start, nodes=nodes))
