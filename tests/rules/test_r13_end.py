"""R13: any End finishes the whole job at once."""

import pytest


def test_r13_an_end_cancels_the_other_visits_and_their_bots_drain(flow):
    shape = (
        flow()
        .parallel("p", "a b c")
        .activity("a", "end")
        .activity("b", bot=True)
        .activity("c", bot=True)
        .end()
    )
    stage = shape.stage()
    stage.grant("b#1")

    stage.succeed("a#1")

    assert stage.end == ("succeeded", "end", 0)
    assert stage.statuses["b#1"] == stage.statuses["c#1"] == "Cancelled"
    assert stage.waits == ["drain:b#1/1"]
    assert stage.job.is_open


def test_r13_the_outcome_is_what_the_end_says(flow):
    assert flow().parallel("p", "end").end(outcome="failed").stage().end == ("failed", "end", 0)


def test_r13_the_first_end_in_order_of_movement_decides(flow):
    shape = flow().parallel("p", "far near").parallel("far", "good").end("near", "failed").end("good")

    assert shape.stage().end == ("failed", "end", 0)


def test_r13_visits_that_the_decision_would_have_created_are_never_created(flow):
    shape = flow().activity("s", "a x end b").activity("a").exclusive("x", "b?False").activity("b").end()
    stage = shape.stage()

    stage.succeed("s#1")

    assert set(stage.statuses) == {"s#1", "end#1"}
    assert [type(event).__name__ for event in stage.records[-1].events] == [
        "AttemptSucceeded",
        "VisitRouted",
        "VisitCreated",
        "VisitVanished",
        "JobFinished",
    ]


def test_r13_no_join_is_looked_at(flow):
    shape = (
        flow()
        .parallel("p", "a b")
        .activity("a", "j")
        .activity("b", "j end")
        .join("j", "c")
        .activity("c")
        .end()
    )
    stage = shape.stage()

    stage.succeed("a#1", "b#1")

    assert "JoinFired" not in stage.kinds()
    assert stage.end == ("succeeded", "end", 0)


def test_r13_no_incident_is_opened_and_open_ones_are_dropped(flow):
    shape = (
        flow().parallel("p", "x a").exclusive("x", "a?False").activity("a", "y end").exclusive("y", "a?False")
    )
    stage = shape.end().stage()
    assert list(stage.job.incidents) == ["i1"]

    stage.succeed("a#1")

    assert stage.kinds().count("IncidentOpened") == 1
    assert (stage.waits, stage.job.incidents) == ([], {})


@pytest.mark.parametrize(("first", "outcome"), [("good", "succeeded"), ("bad", "failed")])
def test_r13_of_two_ends_in_one_decision_the_first_pointer_decides(flow, first, outcome):
    other = {"good": "bad", "bad": "good"}[first]
    stage = flow().parallel("p", f"{first} {other}").end("good").end("bad", "failed").stage()

    assert stage.end == (outcome, "end", 0)
    assert f"{other}#1" not in stage.statuses
