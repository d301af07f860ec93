"""What an expression sees."""

import pytest

from ee_core.model.compiled import compile_workflow
from ee_core.model.context import scope_of, values_read
from ee_core.model.draft import Draft
from ee_core.model.events import Error, JobAccepted
from ee_core.model.job import Job
from ee_core.model.workflow import Activity, Node, NodeKind, Workflow


class Program:
    def __init__(self, *references):
        self.source = " ".join(references)
        self.references = references


def draft(scope="native", accepted=None):
    nodes = (Node("a", NodeKind.ACTIVITY, activity=Activity("t")), Node("b", NodeKind.END))
    workflow = compile_workflow(Workflow("w", "a", nodes, scope=scope), "hash", Program)
    job = Job.blank("job", workflow)
    if accepted is None:
        job.inputs = {"n": 1}
        job.keys = {"n": 1}
    return Draft(job, 5, accepted)


def read(scope, name):
    return scope.get(name, "absent")


def test_native_names_are_inputs_nodes_and_the_job():
    scope = scope_of(draft())

    assert [read(scope, name) for name in ("inputs.n", "job.id", "job.labels")] == [1, "job", {}]
    assert [read(scope, f"nodes.a.{member}") for member in ("output", "error", "visits")] == [
        "absent",
        "absent",
        0,
    ]


@pytest.mark.parametrize(
    "name", ["inputs.m", "nodes.c.visits", "nodes.a.status", "job.status", "n", "inputs", ""]
)
def test_a_name_without_a_value_is_absent(name):
    assert name not in scope_of(draft())


def test_what_ends_in_this_decision_is_seen_and_the_other_member_is_missing():
    decision = draft()
    scope = scope_of(decision)

    decision.succeed(0, None)
    assert (read(scope, "nodes.a.output"), read(scope, "nodes.a.error")) == (None, "absent")

    decision.fail(0, Error("c", "t"))
    assert read(scope, "nodes.a.output") == "absent"
    assert (scope["nodes.a.error"], scope["nodes.a.visits"]) == ({"code": "c", "text": "t"}, 2)


def test_a_jobs_first_decision_sees_what_it_accepts():
    accepted = JobAccepted("hash", "w", "d", inputs={"n": 7}, owner="me")
    native, export = draft(accepted=accepted), draft("export", accepted)

    assert [scope_of(native)[name] for name in ("inputs.n", "job.owner", "job.id")] == [7, "me", "job"]
    assert scope_of(export)["n"] == 7


def test_export_names_are_keys_and_the_last_wins():
    decision = draft("export")
    scope = scope_of(decision)

    decision.succeed(0, {"n": 2, "m": 3})
    decision.succeed(0, ["no", "members"])

    assert (scope["n"], scope["m"], scope["context"]) == (2, 3, {"n": 2, "m": 3})
    assert "inputs.n" not in scope


def test_values_shown_to_a_person_are_few_and_short():
    decision = draft("export")
    decision.succeed(0, {f"k{number}": "x" * 1000 for number in range(100)})
    program = Program("absent", *(f"k{number}" for number in range(100)))

    values = values_read((program,), scope_of(decision))

    assert len(values) == 20
    assert all(len(value) < 210 for value in values.values())
