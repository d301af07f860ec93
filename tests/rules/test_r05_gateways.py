"""R5: which pointers are followed."""

import pytest

from ee_core.model.events import Choice


@pytest.mark.parametrize(
    ("kind", "pointers", "followed"),
    [
        ("inclusive", "a?True b?False c?True", "ac"),
        ("inclusive", "a?False b c?False", "b"),
        ("inclusive", "a?False b?False c?otherwise", "c"),
        ("inclusive", "a?True b?otherwise c", "ac"),
        ("exclusive", "a?False b?True c?True", "b"),
        ("exclusive", "a b?True c", "a"),
        ("exclusive", "a?False b c?otherwise", "b"),
        ("exclusive", "a?False b?otherwise c?otherwise", "b"),
        ("activity", "a?False b?True c", "bc"),
    ],
)
def test_r05_pointers_are_followed_by_their_kind(flow, kind, pointers, followed):
    shape = flow()
    getattr(shape, kind)("x", pointers).activity("a").activity("b").activity("c")
    stage = shape.stage()
    if kind == "activity":
        stage.succeed("x#1")

    assert [visit[0] for visit in stage.statuses if visit != "x#1"] == list(followed)


def test_r05_conditions_read_inputs_outputs_visits_errors_and_the_job(flow):
    shape = flow().activity("a", "b?nodes.a.output['n']==inputs.n~and~nodes.a.visits==1~and~job.id=='job' c")
    stage = shape.activity("b").activity("c").stage(inputs={"n": 3})

    stage.succeed("a#1", output={"n": 3})

    assert {"b#1", "c#1"} <= set(stage.statuses)


def test_r05_the_first_decision_knows_the_inputs(flow):
    stage = flow().exclusive("x", "a?inputs.n>1").activity("a").stage(inputs={"n": 3})

    assert "a#1" in stage.statuses


def test_r05_the_error_of_a_node_takes_the_place_of_its_output(flow):
    shape = (
        flow()
        .activity("a", "b", on_error="x")
        .exclusive("x", "c?nodes.a.error['code']=='broken' b?otherwise")
    )
    stage = shape.activity("b").activity("c").stage()

    stage.fail("a#1")

    assert "c#1" in stage.statuses


def test_r05_a_gateway_that_ended_well_leaves_no_error_behind(flow):
    shape = flow().parallel("p", "x a").exclusive("x", "b?nodes.a.visits>0").activity("a", "x")
    shape.activity("b", "c?nodes.x.error['code']=='no_branch_taken'").activity("c")
    stage = shape.having(on_failure="finish").stage()
    stage.answer(Choice.FAIL)
    assert stage.statuses["x#1"] == "Failed"

    stage.succeed("a#1", "b#1")

    assert "nodes.x.error" in stage.job.incidents["i2"].detail["error"]


def test_r05_export_form_reads_bare_keys_the_last_wins(flow):
    shape = flow().activity("a", "b").activity("b", "x").exclusive("x", "c?amount==2~and~len(context)==1")
    stage = shape.activity("c").having(scope="export").stage(inputs={"amount": 0})

    stage.succeed("a#1", output={"amount": 1})
    stage.succeed("b#1", output={"amount": 2})

    assert "c#1" in stage.statuses


def test_r05_export_form_keeps_what_earlier_outputs_held(flow):
    shape = flow().activity("a", "b").activity("b", "c?amount==1").activity("c").having(scope="export")
    stage = shape.stage()

    stage.succeed("a#1", output={"amount": 1})
    stage.succeed("b#1", output={"other": 2})

    assert "c#1" in stage.statuses
