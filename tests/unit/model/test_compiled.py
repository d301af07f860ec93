"""What is computed once per workflow."""

import hashlib

import pytest

from ee_core.model.compiled import compile_workflow, to_rendered
from ee_core.model.workflow import Activity, BotSelector, Node, NodeKind, Pointer, Workflow


class Program:
    """An expression nobody evaluates here."""

    references = ()

    def __init__(self, source):
        self.source = source


def compiled(*nodes, compile=Program):
    return compile_workflow(Workflow("w", nodes[0].id, nodes), "hash", compile)


@pytest.mark.parametrize(
    ("kind", "pointers", "fixed"),
    [
        (NodeKind.PARALLEL, [Pointer("n"), Pointer("n")], (0, 1)),
        (NodeKind.JOIN, [Pointer("n"), Pointer("n")], (0, 1)),
        (NodeKind.INCLUSIVE, [Pointer("n"), Pointer("n")], (0, 1)),
        (NodeKind.INCLUSIVE, [Pointer("n"), Pointer("n", otherwise=True)], (0,)),
        (NodeKind.INCLUSIVE, [Pointer("n", otherwise=True)], (0,)),
        (NodeKind.INCLUSIVE, [Pointer("n"), Pointer("n", "x")], None),
        (NodeKind.EXCLUSIVE, [Pointer("n"), Pointer("n", "x")], (0,)),
        (NodeKind.EXCLUSIVE, [Pointer("n", "x"), Pointer("n")], None),
        (NodeKind.INCLUSIVE, [], ()),
        (NodeKind.EXCLUSIVE, [], ()),
        (NodeKind.END, [], ()),
    ],
)
def test_slots_that_no_expression_decides_are_known_beforehand(kind, pointers, fixed):
    assert compiled(Node("n", kind, pointers=tuple(pointers))).fixed == (fixed,)


def test_each_source_is_compiled_once():
    sources = []

    def compile(source):
        sources.append(source)
        return Program(source)

    pointers = (Pointer("a", "x"), Pointer("a", "x"), Pointer("a", "y"))
    compiled(
        Node("a", NodeKind.ACTIVITY, pointers=pointers, activity=Activity("t", input="${ x }")),
        compile=compile,
    )

    assert sorted(sources) == ["x", "y"]


def test_an_input_without_expressions_is_rendered_once_for_all_jobs():
    workflow = compiled(Node("a", NodeKind.ACTIVITY, activity=Activity("t", input={"b": 1, "a": 2})))

    rendered = workflow.literals[0]
    assert workflow.templates == (None,)
    assert rendered.hash == hashlib.sha256(b'{"a":2,"b":1}').hexdigest()
    assert rendered.size == 13


def test_the_hash_of_an_input_does_not_depend_on_the_order_of_keys():
    assert (
        to_rendered({"a": {"x": 1, "y": 2}, "b": 0}).hash == to_rendered({"b": 0, "a": {"y": 2, "x": 1}}).hash
    )


def test_nodes_that_want_the_bot_of_another_are_known():
    workflow = compiled(
        Node("a", NodeKind.ACTIVITY, activity=Activity("t")),
        Node("b", NodeKind.ACTIVITY, activity=Activity("t", bot=BotSelector(same_as="a"))),
    )

    assert workflow.followers == (frozenset({1}), frozenset())
