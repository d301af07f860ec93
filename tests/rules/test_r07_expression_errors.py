"""R7: an expression that fails opens an incident at its node."""

import pytest

from ee_core.model.events import Choice


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.missing>1",
        "inputs.missing==None",
        "nodes.b.output==None",
        "nodes.a.output['k']",
        "1/0",
        "'text'",
    ],
)
def test_r07_a_condition_that_fails_opens_an_incident_and_follows_nothing(flow, condition):
    stage = flow().activity("a", f"b {'c?' + condition}").activity("b").activity("c").stage()

    stage.succeed("a#1", output={"n": 1})

    assert stage.incident == ("Expression", ("fail", "retry"))
    detail = stage.job.incidents["i1"].detail
    assert (detail["expression"], detail["pointer"]) == (condition, "c")
    assert stage.statuses == {"a#1": "Success"}


def test_r07_an_incident_names_the_cure_first_and_when_a_retry_helps(flow):
    stage = flow().activity("a", "b?1/0").activity("b").stage()

    stage.succeed("a#1")

    assert stage.job.incidents["i1"].text.endswith(
        "; fail the node, mend the workflow and submit it anew; a retry helps only when another branch changes what was read"
    )


def test_r07_values_shown_are_bounded(flow):
    stage = flow().activity("a", "b?nodes.a.output['k']").activity("b").stage()

    stage.succeed("a#1", output={"text": "x" * 10_000})

    assert len(str(stage.job.incidents["i1"].detail)) < 1000


def test_r07_an_input_that_cannot_be_rendered_opens_an_incident_with_skip(flow):
    stage = flow().activity("a", input={"n": "${ inputs.n }"}).stage()

    assert stage.incident == ("Expression", ("fail", "retry", "skip"))
    assert stage.statuses == {"a#1": "Pending"}
    stage.answer(Choice.RETRY)
    assert list(stage.job.incidents) == ["i2"]
    stage.answer(Choice.SKIP, "i2", output=1)
    assert stage.end == ("succeeded", "exhausted", 0)


def test_r07_an_input_that_is_no_json_is_an_expression_error(flow):
    stage = flow().activity("a", stateless=True, input="${ chr(0xD800) }").stage()

    assert stage.incident[0] == "Expression"


def test_r07_a_bot_is_not_used_for_an_input_that_cannot_be_rendered(flow):
    stage = flow().activity("a", bot=True, input={"n": "${ inputs.n }"}).stage()

    stage.grant("a#1")
    assert stage.waits == ["operator:i1"]

    stage.answer(Choice.RETRY)
    assert stage.waits == ["lease:a#1"]


def test_r07_failing_a_routing_that_failed_fails_the_job_though_the_node_would_not(flow):
    stage = flow().activity("a", "b?1/0", fail_job=False, stateless=True).activity("b").stage()
    stage.fail("a#1")

    stage.answer(Choice.FAIL)

    assert stage.end == ("failed", "operator", 0)
