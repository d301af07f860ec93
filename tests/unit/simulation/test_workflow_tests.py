"""Tests of workflows: what a run tells, what a file of tests may say, and what is said about its mistakes."""

from __future__ import annotations

import textwrap

import pytest

from ee_core import run_workflow
from ee_core.config import Settings
from ee_core.errors import (
    InputError,
    LostActivityError,
    NotFoundError,
    PermanentActivityError,
    WorkflowError,
)
from ee_core.simulation.workflow_test import UnstubbedError
from ee_core.simulation.workflow_test.cases import read_tests
from ee_core.simulation.workflow_test.coverage import measure
from ee_core.simulation.workflow_test.expectations import Expectation, check_run, differences
from ee_core.simulation.workflow_test.session import Session, find_files

ORDER = """
ee: 1
name: order
inputs:
  amount: {type: integer}
start: read
nodes:
  read:
    activity: shop.read
    bot: {labels: {app: shop}}
    with: {amount: "${inputs.amount}"}
    retry: {attempts: 3, delay: 1h}
    next: pause
  pause:
    activity: delay
    with: {for: 3d}
    next: small
  small:
    exclusive:
      - when: nodes.read.output.total < 100
        next: send
      - otherwise: true
        next: refused
  send:
    activity: shop.send
    bot: {same_as: read}
    with: {total: "${nodes.read.output.total}"}
    on_error: sorry
    next: done
  sorry: {activity: noop, next: done}
  refused: {end: failed}
  done: {end: succeeded}
"""
STUBS = {"read": {"output": {"total": 12}}, "send": {"output": {}}}
TESTS = """
workflow: order.ee.yaml
stubs:
  send: {output: {}}
tests:
  - name: a small order is sent
    inputs: {amount: 3}
    stubs:
      read: [{error: {code: busy}}, {output: {total: 12}}]
    expect:
      path: [read, pause, small, send, done]
      not_visited: [sorry]
      inputs: {send: {total: 12}, "read#1": {amount: 3}}
      outputs: {read: {total: 12}}
      attempts: {read: 2}
  - name: a large order is refused
    inputs: {amount: 300}
    stubs: {shop.read: {output: {total: 1200}}}
    expect: {outcome: failed, visited: [refused]}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with the workflow in it."""
    (tmp_path / "order.ee.yaml").write_text(ORDER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_order(**named):
    return run_workflow("order.ee.yaml", inputs={"amount": 3}, **named)


def read_order_tests(text: str):
    return read_tests(textwrap.dedent(text).encode(), "order.test.yaml")


# -- runs in Python ------------------------------------------------------------------------------------------------


def test_a_run_tells_its_outcome_its_way_and_what_went_in_and_out(folder):
    run = run_order(stubs=STUBS)

    assert run.outcome == "succeeded"
    assert run.path == ["read", "pause", "small", "send", "done"]
    assert run.outputs["read"] == {"total": 12}
    assert run.inputs["read#1"] == {"amount": 3}
    assert run.inputs["send"] == {"total": 12}
    assert run.error is None


def test_days_of_delay_are_days_of_virtual_time(folder):
    run = run_order(stubs=STUBS)

    assert 3 * 86_400 <= run.duration_s < 3 * 86_400 + 60


def test_successive_attempts_get_successive_answers_and_the_last_again(folder):
    busy = {"error": {"code": "busy", "message": "come again"}}

    assert run_order(stubs={**STUBS, "read": [busy, busy, {"output": {"total": 1}}]}).attempts["read"] == 3
    failed = run_order(stubs={**STUBS, "read": [{"error": {"code": "first"}}, busy]})
    assert (failed.attempts["read"], failed.error) == (3, {"code": "busy", "message": "come again"})


def test_a_stub_may_be_a_function_of_the_input(folder):
    run = run_order(stubs={**STUBS, "read": lambda value: {"total": value["amount"] * 100}})

    assert run.outcome == "failed"
    assert run.path[-1] == "refused"


def test_a_function_may_raise_what_activities_raise(folder):
    def refuse(value):
        raise PermanentActivityError("no", code="closed")

    def lose(value):
        raise LostActivityError("who knows")

    run = run_order(stubs={**STUBS, "read": refuse})
    assert (run.attempts["read"], run.error["code"]) == (1, "closed")
    lost = run_order(stubs={**STUBS, "read": lose})
    assert (lost.outcome, lost.incidents) == ("incident", {"read": "Lost"})


def test_an_error_that_the_workflow_handles_is_its_affair(folder):
    run = run_order(stubs={**STUBS, "send": {"error": {"code": "closed"}}})

    assert (run.outcome, run.path[-2:]) == ("succeeded", ["sorry", "done"])


def test_a_run_that_only_a_person_can_move_is_over(folder):
    run = run_order(stubs={**STUBS, "read": {"output": {}}})

    assert (run.outcome, run.incidents) == ("incident", {"small": "Expression"})


def test_an_activity_that_is_reached_without_a_stub_is_named_with_the_cure(folder):
    with pytest.raises(
        UnstubbedError, match=r"'send' \(shop.send\) .* add to stubs: send: \{output: \.\.\.\}"
    ):
        run_order(stubs={"read": STUBS["read"]})


def test_an_activity_that_is_not_reached_needs_no_stub(folder):
    assert run_order(stubs={"read": {"output": {"total": 500}}}).path[-1] == "refused"


def test_a_stub_for_nothing_is_refused_with_the_nearest_word(folder):
    with pytest.raises(InputError, match="'raed' for a stub; did you mean 'read'"):
        run_order(stubs={"raed": {"output": 1}})


@pytest.mark.parametrize(
    "stub", [[], {}, {"output": 1, "error": {"code": "x"}}, {"error": {}}, {"error": {"code": 1}}, 7]
)
def test_a_stub_of_another_form_is_refused(folder, stub):
    with pytest.raises(InputError, match=r"the stub 'read' is .*write \{output: \.\.\.\}"):
        run_order(stubs={"read": stub})


def test_inputs_are_held_against_the_workflow(folder):
    with pytest.raises(InputError, match="'amount' is missing"):
        run_workflow("order.ee.yaml")


def test_a_workflow_that_is_not_there_is_named(folder):
    with pytest.raises(
        NotFoundError, match=r"ordr\.ee\.yaml cannot be read: .*; did you mean 'order\.ee\.yaml'\?"
    ):
        run_workflow("ordr.ee.yaml")


def test_a_workflow_that_goes_round_for_ever_is_stopped(folder):
    (folder / "round.ee.yaml").write_text(
        "ee: 1\nname: round\nstart: a\nnodes:\n  a: {activity: delay, with: {for: 1h}, next: b}\n"
        "  b:\n    exclusive:\n      - when: nodes.a.visits < 0\n        next: c\n      - otherwise: true\n"
        "        next: a\n  c: {end: succeeded}\n"
    )

    with pytest.raises(TimeoutError, match=r"comes to no end: 5001 visits, 104\.\d days of its time"):
        run_workflow("round.ee.yaml")


def test_activities_that_are_built_in_do_what_they_do(folder):
    (folder / "own.ee.yaml").write_text(
        "ee: 1\nname: own\nstart: a\nnodes:\n  a: {activity: noop, with: {output: 5}, next: b}\n"
        "  b: {activity: log, with: {text: hello}, next: c}\n  c: {activity: delay, with: {for: 1m}}\n"
    )

    run = run_workflow("own.ee.yaml")

    assert (run.outcome, run.outputs["a"], run.outputs["c"]) == ("succeeded", 5, {"seconds": 60})


def test_branches_of_different_length_come_in_their_order(folder):
    (folder / "two.ee.yaml").write_text(
        "ee: 1\nname: two\nstart: f\nnodes:\n  f: {parallel: [slow, fast]}\n"
        "  slow: {activity: delay, with: {for: 300d}, next: late}\n"
        "  fast: {activity: delay, with: {for: 2d}, next: early}\n"
        "  late: {activity: noop, next: j}\n  early: {activity: noop, next: j}\n"
        "  j: {join: reachable, next: e}\n  e: {end: succeeded}\n"
    )

    run = run_workflow("two.ee.yaml")

    assert run.path == ["f", "slow", "fast", "early", "late", "j", "e"]


# -- what is expected ----------------------------------------------------------------------------------------------


def test_a_run_that_is_as_expected_differs_in_nothing(folder):
    run = run_order(stubs=STUBS)

    assert (
        check_run(run, Expectation(path=tuple(run.path), outputs={"send": {}}, attempts={"sorry": 0})) == []
    )


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        (Expectation(outcome="failed"), "outcome: expected failed, got succeeded"),
        (
            Expectation(path=("read", "done")),
            "path: expected read -> done\n      got      read -> pause -> small -> send -> done",
        ),
        (Expectation(visited=("sorry", "send")), "visited: expected sorry too, got read -> pause -> small"),
        (Expectation(not_visited=("send",)), "not_visited: expected no visit of send, got read"),
        (Expectation(outputs={"read": {"total": 13}}), "outputs.read.total: expected 13, got 12"),
        (Expectation(outputs={"sorry": {}}), "outputs.sorry: expected {}, but there is none"),
        (Expectation(inputs={"send#1": {}}), "inputs.send#1.total: not expected, got 12"),
        (Expectation(attempts={"read": 2}), "attempts.read: expected 2, got 1"),
        (Expectation(error={"code": "busy"}), 'error.code: expected "busy", got null'),
        (Expectation(incidents={"read": "Lost"}), "incidents.read: expected Lost, got none"),
    ],
)
def test_each_difference_says_where_it_is(folder, expected, line):
    assert line in "\n".join(check_run(run_order(stubs=STUBS), expected))


@pytest.mark.parametrize(
    ("expected", "got", "lines"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": True}, {"a": 1}, ["v.a: expected true, got 1"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["v.a[1].b: expected 2, got 3"]),
        ({"a": [1]}, {"a": [1, 2]}, ["v.a: expected [1], got [1, 2]"]),
        (
            {"a": 1},
            {"b": "ü"},
            ["v.a: expected 1, but there is none", 'v.b: not expected, got "ü"'],
        ),
        (None, {}, ["v: expected null, got {}"]),
    ],
)
def test_values_are_compared_by_their_places(expected, got, lines):
    assert differences(expected, got, "v") == lines


def test_the_pointers_that_no_run_followed_are_named(folder):
    small = run_order(stubs=STUBS)
    large = run_order(stubs={**STUBS, "read": {"output": {"total": 500}}})

    assert measure(small.workflow, [small, large]).never == ("send -> sorry (on_error)", "sorry -> done")
    assert "small -> refused (otherwise)" in measure(small.workflow, [small]).never


# -- files of tests ------------------------------------------------------------------------------------------------


def test_the_tests_of_a_file_are_carried_out_and_their_pointers_counted(folder):
    (folder / "order.test.yaml").write_text(TESTS)
    session = Session(Settings())

    results = list(session.run(find_files(["."])))

    assert [(result.name, result.line, result.failure) for result in results] == [
        ("a small order is sent", 6, ()),
        ("a large order is refused", 16, ()),
    ]
    [coverage] = session.coverage()
    assert (coverage.pointers, len(coverage.never)) == (7, 2)


def test_tests_in_python_need_no_pytest_and_tell_the_line_that_failed(folder):
    (folder / "test_order.py").write_text(
        textwrap.dedent(
            """
            from ee_core import run_workflow

            def test_right():
                assert run_workflow("order.ee.yaml", inputs={"amount": 1}, stubs={"read": lambda v: {"total": 500}})

            def test_wrong():
                assert 1 == 2

            def helper():
                raise RuntimeError
            """
        )
    )
    session = Session(Settings())

    right, wrong = session.run(find_files(["test_order.py"]))

    assert (right.name, right.failure) == ("test_right", ())
    assert wrong.failure == ("test_order.py:8: assert 1 == 2",)
    assert session.coverage()[0].workflow == "order"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def test_a(tmp_path): pass", "test_a takes 'tmp_path'; .* run this file with pytest"),
        ("async def test_a(): pass", "test_a is a coroutine"),
        ("import nowhere_at_all", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_file_that_only_pytest_can_run_is_refused(folder, text, said):
    (folder / "test_a.py").write_text(text)
    session = Session(Settings())

    assert list(session.run(find_files(["."]))) == []
    with pytest.raises(Exception, match=said):
        raise session.invalid["test_a.py"]


def test_hidden_folders_and_environments_are_left_alone(folder):
    for name in (".git", "venv", "deep/er"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.test.yaml").write_text(TESTS)

    assert [str(path) for path in find_files(["."])] == ["deep/er/a.test.yaml"]


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_a_place_without_tests_is_an_error(folder, path):
    with pytest.raises(NotFoundError, match="no tests in" if path == "." else "is not there"):
        find_files([path])


ONE = "workflow: order.ee.yaml\ntests:\n  - name: one\n    inputs: {amount: 1}\n    "


@pytest.mark.parametrize(
    ("text", "code", "place", "said"),
    [
        ("", "EE-W203", (1, 1), "begin with workflow: FILE"),
        ("- a", "EE-W203", (1, 1), "the file is a list; expected a mapping"),
        ("tests: []", "EE-W202", (1, 1), "has no 'workflow'"),
        ("workflow: ordre.ee.yaml\ntests: []", "EE-W501", (1, 11), "did you mean 'order.ee.yaml'?"),
        ("workflow: order.ee.yaml", "EE-W202", (1, 1), "has no 'tests'"),
        ("workflow: order.ee.yaml\ntests: []", "EE-W203", (2, 8), "expected a list of tests"),
        ("workflow: order.ee.yaml\ntests:\n\t- name: x", "EE-W010", (3, 1), "a tab cannot indent"),
        (ONE + "stub: {}", "EE-W201", (5, 5), "did you mean 'stubs'?"),
        (ONE + "stubs: {raed: {output: 1}}", "EE-W502", (5, 13), "did you mean 'read'?"),
        (ONE + "stubs: {read: {value: 1}}", "EE-W503", (5, 19), "write {output: ...}"),
        (ONE + "expect: {outcome: sucess}", "EE-W204", (5, 23), "succeeded, failed or incident"),
        (ONE + "expect: {path: [reed]}", "EE-W504", (5, 21), "did you mean 'read'?"),
        (ONE + "expect: {visited: read}", "EE-W203", (5, 23), "visited is text; expected a list of nodes"),
        (ONE + "expect: {outputs: {'reed#2': 1}}", "EE-W504", (5, 24), "did you mean 'read'?"),
        (ONE + "expect: {incidents: {read: Lots}}", "EE-W204", (5, 32), "did you mean 'Lost'?"),
        (ONE + "expect: {attempts: {read: two}}", "EE-W203", (5, 31), "expected a whole number"),
        (ONE + "expect: {error: {kode: x}}", "EE-W201", (5, 22), "did you mean 'code'?"),
        (ONE.replace("amount: 1", "amuont: 1"), "EE-W505", (4, 5), "did you mean 'amount'?"),
        (ONE + "expect: {}\n  - name: one\n    inputs: {amount: 1}", "EE-W506", (6, 5), "two tests 'one'"),
    ],
)
def test_each_mistake_is_shown_where_it_is_with_what_to_write(folder, text, code, place, said):
    with pytest.raises(WorkflowError) as caught:
        read_order_tests(text)

    found = {one.code: one for one in caught.value.diagnostics}
    assert code in found, found
    assert (found[code].line, found[code].column) == place
    assert said in f"{found[code].message} {found[code].hint}"


def test_an_expected_error_or_incident_says_the_outcome_too(folder):
    tests = read_order_tests(
        ONE + "expect: {error: {code: x}}\n  - name: two\n    inputs: {amount: 1}\n"
        "    expect: {incidents: {read: Lost}}\n"
    )

    assert [case.expected.outcome for case in tests.cases] == ["failed", "incident"]


def test_nodes_of_an_export_file_may_be_named_by_their_names(folder):
    (folder / "export.json").write_text(
        '[{"type": "Start", "id": "s", "pointers": [{"pointsTo": "9f"}]},'
        ' {"type": "Activity", "id": "9f", "name": "Read it", "activityId": "A-1", "pointers": [{"pointsTo": "e"}]},'
        ' {"type": "End", "id": "e"}]'
    )
    (folder / "bound.yaml").write_text("A-1: {activity: shop.read}\n")
    (folder / "export.test.yaml").write_text(
        "workflow: export.json\nbindings: bound.yaml\ntests:\n  - name: one\n"
        "    stubs: {Read it: {output: {a: 1}}}\n    expect: {outputs: {Read it: {a: 1}}}\n"
    )
    session = Session(Settings())

    assert [result.failure for result in session.run(find_files(["."]))] == [()]
