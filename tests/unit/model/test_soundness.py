from __future__ import annotations

import re
import time
from typing import Any

import pytest

from ee_core.model import soundness
from ee_core.model.events import ON_ERROR
from ee_core.model.soundness import check
from ee_core.model.workflow import Activity, BotSelector, Node, NodeKind, Pointer, Workflow


def act(id: str, *to: str | Pointer, same_as: str = "", stateless: bool = False, **more: Any) -> Node:
    work = Activity(type="noop", stateless=stateless, bot=BotSelector(same_as=same_as))
    return node(id, NodeKind.ACTIVITY, *to, activity=work, **more)


def node(id: str, kind: NodeKind, *to: str | Pointer, **more: Any) -> Node:
    pointers = tuple(Pointer(each) if isinstance(each, str) else each for each in to)
    return Node(id=id, kind=kind, pointers=pointers, **more)


def fork(id: str, *to: str | Pointer) -> Node:
    return node(id, NodeKind.PARALLEL, *to)


def join(id: str, want: Any, *to: str) -> Node:
    return node(id, NodeKind.JOIN, *to, join=want)


def end(id: str = "done") -> Node:
    return node(id, NodeKind.END)


def found(*nodes: Node, start: str | None = None, **more: Any) -> list[tuple[str, str | None, int | None]]:
    start = start if start is not None else nodes[0].id
    return [(f.code, f.node, f.slot) for f in check(Workflow(name="w", start=start, nodes=nodes, **more))]


def only(*nodes: Node, **more: Any) -> soundness.Finding:
    start = more.pop("start", nodes[0].id)
    (finding,) = check(Workflow(name="w", start=start, nodes=nodes, **more))
    return finding


def test_a_sound_workflow_has_no_findings():
    assert (
        found(
            node("start", NodeKind.START, "split"),
            fork("split", "a", "b"),
            act("a", "meet", on_error="meet"),
            act("b", "meet", same_as="a"),
            join("meet", "reachable", "choose"),
            node("choose", NodeKind.EXCLUSIVE, Pointer("a", when="x"), Pointer("done", otherwise=True)),
            end(),
        )
        == []
    )


def test_an_error_pointer_beside_an_equal_pointer_is_fine():
    assert found(act("a", "done", on_error="done"), end()) == []


def test_no_start():
    assert found(start="") == [("EE-W101", None, None)]


def test_an_unknown_start_suggests_the_nearest_node():
    finding = only(act("first", "done"), end(), start="frist")

    assert (finding.code, finding.severity, finding.node) == ("EE-W102", "error", None)
    assert finding.hint == "did you mean 'first'?"


def test_a_second_start():
    nodes = (node("s", NodeKind.START, "t"), node("t", NodeKind.START, "done"), end())

    assert found(*nodes) == [("EE-W103", "t", None)]


def test_a_node_id_that_comes_twice():
    assert found(act("a", "done"), end(), act("a", "nowhere")) == [("EE-W104", "a", None)]


def test_a_dangling_pointer_suggests_the_nearest_node():
    finding = only(act("a", "done", "dnoe"), end())

    assert (finding.code, finding.severity, finding.node, finding.slot) == ("EE-W105", "error", "a", 1)
    assert finding.text == "pointer 2 of node 'a' leads to 'dnoe', which is no node"
    assert finding.hint == "did you mean 'done'?"


def test_a_dangling_pointer_without_a_near_word_says_what_to_do():
    assert only(act("a", "done", "zzz"), end()).hint == "name a node of the workflow"


def test_what_a_dangling_pointer_brings_about_is_not_told_beside_it():
    assert found(act("a", "bb"), act("b", "done"), end()) == [("EE-W105", "a", 0)]


def test_a_dangling_error_pointer():
    assert found(act("a", "done", on_error="oops"), end()) == [("EE-W105", "a", ON_ERROR)]


@pytest.mark.parametrize(("scope", "severity"), [("native", "error"), ("export", "warning")])
def test_an_unreachable_node_is_an_error_but_in_the_export_form(scope, severity):
    finding = only(act("a", "done"), end(), act("x", "done"), scope=scope)

    assert (finding.code, finding.severity, finding.node) == ("EE-W106", severity, "x")


def test_a_node_that_takes_no_part_is_no_unreachable_node():
    assert found(act("x", "a"), act("a", "done"), end(), start="a") == []


def test_a_join_without_inputs_is_told_once():
    assert found(act("a", "done"), end(), join("j", "all", "done")) == [("EE-W107", "j", None)]


def test_a_join_with_one_input_is_a_warning():
    finding = only(act("a", "j"), join("j", "all", "done"), end())

    assert (finding.code, finding.severity, finding.node) == ("EE-W108", "warning", "j")


@pytest.mark.parametrize("want", [0, 3])
def test_a_join_that_wants_more_than_its_inputs_or_none(want):
    nodes = (fork("f", "a", "b"), act("a", "j"), act("b", "j"), join("j", want, "done"), end())

    assert found(*nodes) == [("EE-W109", "j", None)]


def test_an_error_pointer_is_an_input():
    # two inputs, so it is neither W108 nor W109
    assert found(act("a", "j", on_error="j"), join("j", 2, "done"), end()) == [("EE-W124", "j", None)]


def test_a_cycle_without_an_activity():
    finding = only(
        node("choose", NodeKind.EXCLUSIVE, Pointer("f", when="x"), Pointer("done", otherwise=True)),
        fork("f", "choose"),
        end(),
    )

    assert (finding.code, finding.severity, finding.node) == ("EE-W110", "error", "choose")
    assert "'choose', 'f'" in finding.text


def test_a_node_that_points_at_itself_is_a_cycle():
    assert found(fork("f", "f", "done"), end()) == [("EE-W110", "f", None)]


def test_a_cycle_with_an_activity_may_be():
    nodes = (act("a", "c"), node("c", NodeKind.EXCLUSIVE, Pointer("a", when="x"), Pointer("done")), end())

    assert found(*nodes) == []


@pytest.mark.parametrize("named", ["bb", "done", "free"])
def test_the_same_bot_as_a_node_that_has_none(named):
    nodes = (act("a", "b"), act("b", "free", same_as=named), act("free", "done", stateless=True), end())

    assert found(*nodes) == [("EE-W111", "b", None)]


def test_a_pointer_out_of_an_end():
    assert found(act("a", "done"), node("done", NodeKind.END, "a")) == [("EE-W112", "done", 0)]


def test_no_end_to_be_reached_is_a_warning():
    finding = only(act("a"))

    assert (finding.code, finding.severity, finding.node) == ("EE-W113", "warning", "a")


def test_otherwise_twice():
    nodes = (node("c", NodeKind.EXCLUSIVE, *[Pointer("done", otherwise=True)] * 2), end())

    assert found(*nodes) == [("EE-W114", "c", 1)]


def test_otherwise_with_a_condition():
    nodes = (node("c", NodeKind.EXCLUSIVE, Pointer("done", when="x", otherwise=True)), end())

    assert found(*nodes) == [("EE-W115", "c", 0)]


@pytest.mark.parametrize("kind", [NodeKind.EXCLUSIVE, NodeKind.INCLUSIVE, NodeKind.START])
def test_only_conditions_is_a_warning(kind):
    finding = only(node("c", kind, Pointer("done", when="x"), Pointer("done", when="y")), end())

    assert (finding.code, finding.severity, finding.node) == ("EE-W116", "warning", "c")


def test_one_pointer_without_condition_is_enough():
    assert found(node("c", NodeKind.EXCLUSIVE, Pointer("done", when="x"), Pointer("done")), end()) == []


def test_an_end_beside_a_working_branch_is_a_warning():
    finding = only(fork("f", "done", "a"), act("a", "late"), end(), end("late"))

    assert (finding.code, finding.severity, finding.node) == ("EE-W117", "warning", "done")
    assert "'f'" in finding.text


def test_both_ends_of_two_working_branches_are_told():
    nodes = (fork("f", "a", "b"), act("a", "one"), act("b", "two"), end("one"), end("two"))

    assert found(*nodes) == [("EE-W117", "one", None), ("EE-W117", "two", None)]


def test_an_end_behind_the_join_of_the_branches_is_fine():
    nodes = (fork("f", "a", "b"), act("a", "j"), act("b", "j"), join("j", "all", "done"), end())

    assert found(*nodes) == []


def test_an_end_behind_a_join_of_only_some_branches_is_a_warning():
    nodes = (
        *(fork("f", "a", "b", "c"), act("a", "j"), act("b", "j"), act("c")),
        *(join("j", "all", "done"), end()),
    )

    assert found(*nodes) == [("EE-W117", "done", None)]


def test_branches_of_a_choice_cut_nothing():
    nodes = (
        node("c", NodeKind.EXCLUSIVE, Pointer("a", when="x"), Pointer("done", otherwise=True)),
        act("a", "done", on_error="done"),
        end(),
    )

    assert found(*nodes) == []


@pytest.mark.parametrize(
    ("want", "codes"), [("all", ["EE-W118"]), (2, ["EE-W118"]), (1, []), ("reachable", [])]
)
def test_a_join_that_waits_for_its_own_output_is_a_warning(want, codes):
    nodes = (
        *(act("a", "j"), join("j", want, "b"), act("b", "c")),
        *(node("c", NodeKind.EXCLUSIVE, Pointer("j", when="x"), Pointer("done")), end()),
    )

    assert [code for code, *_ in found(*nodes)] == codes


def choice(id, one, other):
    return node(id, NodeKind.EXCLUSIVE, Pointer(one, when="x"), Pointer(other, otherwise=True))


CHOSEN = (choice("c", "a", "b"), act("a", "j"), act("b", "j"))
DETOUR = (fork("f", "a", "b"), act("a", "j", on_error="r"), act("r", "j"), act("b", "j"))


@pytest.mark.parametrize("nodes", [CHOSEN, DETOUR, (choice("c", "j", "j"),)])
@pytest.mark.parametrize(("want", "is_told"), [("all", True), ("reachable", False), (1, False)])
def test_a_join_of_inputs_that_exclude_each_other_is_a_warning(nodes, want, is_told):
    told = [code for code, *_ in found(*nodes, join("j", want, "done"), end())]

    assert told == (["EE-W124"] if is_told else [])


@pytest.mark.parametrize(
    "nodes",
    [
        (fork("f", "a", "b"), act("a", "j"), act("b", "j")),
        (fork("f", "a", "b"), act("a", "j"), choice("b", "j2", "done"), act("j2", "j")),
        (node("i", NodeKind.INCLUSIVE, Pointer("j", when="x"), Pointer("j", when="y")),),
        # one branch goes back to the fork, and takes the other way then
        (fork("f", "c", "again"), choice("c", "a", "b"), act("a", "j"), act("b", "j"), act("again", "f")),
        # the two tokens are split behind another join
        (
            fork("f", "a", "b"),
            act("a", "k"),
            act("b", "k"),
            join("k", "all", "x", "y"),
            act("x", "j"),
            act("y", "j"),
        ),
    ],
)
def test_inputs_that_may_come_together_are_no_finding(nodes):
    assert "EE-W124" not in [code for code, *_ in found(*nodes, join("j", "all", "done"), end())]


@pytest.mark.parametrize("rules", [("all", "all"), ("reachable", "reachable"), (2, "all"), ("reachable", 2)])
def test_facing_joins_are_told_once_for_the_pair(rules):
    first, second = rules
    nodes = (fork("f", "j", "k"), join("j", first, "a"), act("a", "k"), join("k", second, "b"), act("b", "j"))

    codes = [each[:2] for each in found(*nodes) if each[0] != "EE-W113"]
    assert codes == [("EE-W123", "j")]


def test_joins_that_are_not_before_each_other_at_the_same_time_do_not_face():
    head = (join("j", "reachable", "s"), fork("s", "a", "b"), act("a", "k"), act("b", "k"))
    loop = (
        *(act("w", "j"), *head, join("k", "all", "c")),
        *(node("c", NodeKind.EXCLUSIVE, Pointer("j", when="x"), Pointer("done", otherwise=True)), end()),
    )
    choice = (
        node("c", NodeKind.EXCLUSIVE, Pointer("j", when="x"), Pointer("k", otherwise=True)),
        *(join("j", "reachable", "a"), act("a", "k"), join("k", "reachable", "b"), act("b", "j")),
    )
    quick = (fork("f", "j", "k"), join("j", 1, "a"), act("a", "k"), join("k", "all", "b"), act("b", "j"))

    for nodes in (loop, choice, quick):
        assert "EE-W123" not in [code for code, *_ in found(*nodes)]


def test_what_stands_behind_a_pointer_without_a_condition_is_never_followed():
    pointers = (
        Pointer("done", when="x"),
        Pointer("done"),
        Pointer("a", when="y"),
        Pointer("a", otherwise=True),
    )
    last = act("a", "done")

    assert found(node("c", NodeKind.EXCLUSIVE, *pointers), last, end()) == [
        ("EE-W122", "c", 2),
        ("EE-W122", "c", 3),
    ]
    # an inclusive follows all that are true, so only the otherwise is left out
    assert [
        each for each in found(node("c", NodeKind.INCLUSIVE, *pointers), last, end()) if each[0] == "EE-W122"
    ] == [("EE-W122", "c", 3)]


@pytest.mark.parametrize(
    "wrong",
    [
        node("x", NodeKind.ACTIVITY, "done"),
        node("x", NodeKind.PARALLEL, "done", activity=Activity(type="noop")),
        node("x", NodeKind.EXCLUSIVE, "done", on_error="done"),
    ],
)
def test_members_that_do_not_belong_to_the_kind(wrong):
    assert found(wrong, end()) == [("EE-W119", "x", None)]


@pytest.mark.parametrize("pointer", [Pointer("done", when="x"), Pointer("done", otherwise=True)])
def test_a_condition_that_is_never_looked_at_is_a_warning(pointer):
    finding = only(fork("f", pointer), end())

    assert (finding.code, finding.severity, finding.slot) == ("EE-W120", "warning", 0)


def test_a_join_as_the_start():
    assert found(join("j", "all", "done"), end()) == [("EE-W121", "j", None)]


def test_findings_come_in_file_order():
    nodes = (act("a", "x", "b"), act("b", "y", "c"), end(), act("c", "done", same_as="q"))

    assert [each[:2] for each in found(*nodes, start="a")] == [
        ("EE-W105", "a"),
        ("EE-W105", "b"),
        ("EE-W111", "c"),
    ]


def test_every_code_is_in_the_table_and_has_a_test_here(repository):
    table = set(re.findall(r"^(EE-W\d+)", soundness.__doc__, re.MULTILINE))
    written = {
        code
        for name in ("soundness.py", "soundness_paths.py")
        for code in re.findall(
            r'Finding\(\s*"(EE-W\d+)"', (repository / "ee_core/model" / name).read_text("utf-8")
        )
    }
    tested = set(
        re.findall(r'"(EE-W\d+)"', (repository / "tests/unit/model/test_soundness.py").read_text("utf-8"))
    )

    assert table == written == tested


def test_ten_thousand_nodes_are_checked_in_seconds():
    count = 10_000
    nodes = [act(f"n{i}", f"n{i + 1}", f"m{i}", same_as=f"q{i}") for i in range(count)]
    started = time.perf_counter()

    findings = check(Workflow(name="w", start="n0", nodes=(*nodes, end(f"n{count}"))))

    assert len(findings) == 2 * count
    assert time.perf_counter() - started < 20


def test_a_fork_of_thousands_of_branches_is_checked_in_seconds():
    names = [f"n{i}" for i in range(3000)]
    joins = [join(f"j{i}", "all", "done") for i in range(1500)]
    branches = [act(name, f"j{i // 2}") for i, name in enumerate(names)]
    started = time.perf_counter()

    codes = {code for code, *_ in found(fork("f", *names), *branches, *joins, end())}

    assert codes == {"EE-W117"}
    assert time.perf_counter() - started < 20
