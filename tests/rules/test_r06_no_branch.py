"""R6: no branch is true and there is no otherwise."""

from ee_core.model.events import Choice


def test_r06_no_true_branch_opens_an_incident_with_what_was_read(flow):
    stage = (
        flow().exclusive("x", "a?inputs.n>1 b?inputs.n<0").activity("a").activity("b").stage(inputs={"n": 1})
    )

    assert stage.incident == ("NoBranchTaken", ("fail", "retry"))
    detail = stage.job.incidents["i1"].detail
    assert [item["expression"] for item in detail["expressions"]] == ["inputs.n>1", "inputs.n<0"]
    assert detail["values"] == {"inputs.n": 1}
    assert stage.statuses == {"x#1": "Pending"}


def test_r06_retry_routes_again(flow):
    shape = flow().parallel("p", "x a").exclusive("x", "b?nodes.a.visits>0").activity("a").activity("b")
    stage = shape.stage()
    stage.answer(Choice.RETRY)
    assert list(stage.job.incidents) == ["i2"]

    stage.succeed("a#1")
    stage.answer(Choice.RETRY, "i2")

    assert stage.statuses["b#1"] == "AwaitingBotResponse"
    assert stage.statuses["x#1"] == "Success"


def test_r06_fail_fails_the_job(flow):
    stage = flow().exclusive("x", "a?False").activity("a").stage()

    stage.answer(Choice.FAIL)

    assert stage.end == ("failed", "operator", 0)
    assert stage.job.error.code == "no_branch_taken"


def test_r06_a_node_without_pointers_is_a_dead_end_not_an_incident(flow):
    stage = flow().activity("a").stage()

    stage.succeed("a#1")

    assert stage.end == ("succeeded", "exhausted", 0)
