"""R4: queues, what is awaited, what is stuck; the enumeration over all small graphs is a property test."""

import pytest

from ee_core.model.events import Choice
from ee_core.model.workflow import Retry


def test_r04_tokens_of_one_input_queue_up_and_are_taken_one_by_one(flow):
    shape = flow().parallel("p", "a1 a2 b").activity("a1", "a").activity("a2", "a").parallel("a", "j")
    stage = shape.activity("b", "c d").parallel("c", "j").activity("d", "j").join("j", "last", "all")
    stage = shape.activity("last").stage()

    stage.succeed("a1#1", "a2#1")
    assert stage.job.queued == 2

    stage.succeed("b#1")
    assert stage.job.queued == 3
    assert "j#1" not in stage.statuses

    stage.succeed("d#1")
    assert stage.statuses["last#1"] == "AwaitingBotResponse"
    assert stage.job.queued == 1
    assert stage.incident[0] == "JoinStuck"
    (left, *_) = stage.job.queues[stage.workflow.graph.index["j"]]
    assert list(left) == ["a#2"]


@pytest.mark.parametrize("rule", ["all", 2])
def test_r04_a_join_that_cannot_become_ready_opens_an_incident(flow, rule):
    shape = flow().inclusive("i", "a b?False").activity("a", "j").activity("b", "j").join("j", "end", rule)
    stage = shape.end().stage()

    stage.succeed("a#1")

    assert stage.incident == ("JoinStuck", ("fail", "fire_join"))
    assert stage.waits == ["operator:i1"]


def test_r04_a_stuck_join_fires_when_an_operator_says_so(flow):
    shape = flow().inclusive("i", "a b?False").activity("a", "j").activity("b", "j").join("j", "end", "all")
    stage = shape.end().stage()
    stage.succeed("a#1")

    stage.answer(Choice.FIRE_JOIN)

    assert stage.end == ("succeeded", "end", 0)


@pytest.mark.parametrize(("on_failure", "by"), [("stop", "operator"), ("finish", "exhausted")])
def test_r04_a_stuck_join_that_is_failed_fails_the_job(flow, on_failure, by):
    shape = flow().inclusive("i", "a b?False").activity("a", "j").activity("b", "j").join("j", "end", "all")
    stage = shape.end().having(on_failure=on_failure).stage()
    stage.succeed("a#1")

    stage.answer(Choice.FAIL)

    assert stage.end == ("failed", by, 0)
    assert stage.statuses["j#1"] == "Failed"


@pytest.mark.parametrize("order", [("a#1", "c#1"), ("c#1", "a#1")])
def test_r04_tokens_of_a_stuck_join_travel_so_the_join_behind_it_waits(flow, order):
    shape = flow().parallel("p", "i c").inclusive("i", "a b?False").activity("a", "j").activity("b", "j")
    shape.join("j", "k", "all").activity("c", "k").join("k", "end", "all").end()
    stage = shape.stage()

    stage.succeed(*order)

    assert [incident.node for incident in stage.job.incidents.values()] == ["j"]
    stage.answer(Choice.FIRE_JOIN)
    assert stage.end == ("succeeded", "end", 0)


def test_r04_a_join_fires_when_the_last_token_that_could_reach_it_took_another_input(flow):
    stage = flow().activity("a", "j?True j?False").join("j", "end").end().stage()

    stage.succeed("a#1")

    assert stage.end == ("succeeded", "end", 0)


@pytest.mark.parametrize(
    ("choice", "sibling"), [(Choice.FIRE_JOIN, "Cancelled"), (Choice.FAIL, "AwaitingBotResponse")]
)
def test_r04_a_stuck_join_n_cancels_the_rest_when_it_fires_and_nothing_when_it_fails(flow, choice, sibling):
    shape = flow().inclusive("i", "a b?False c").activity("a", "j").activity("b", "j").activity("c", "j")
    stage = shape.join("j", "last", 3).activity("last").having(on_failure="finish").stage()
    stage.succeed("a#1")

    stage.answer(choice)

    assert stage.statuses["c#1"] == sibling


def test_r04_a_token_in_an_incident_still_travels(flow):
    shape = flow().parallel("p", "a x").activity("a", "j").exclusive("x", "j?False").join("j", "end").end()
    stage = shape.stage()

    stage.succeed("a#1")

    assert stage.incident[0] == "NoBranchTaken"
    assert stage.job.queued == 1


def test_r04_the_join_of_lowest_rank_fires_first_whatever_the_file_says(flow):
    shape = flow().parallel("p", "a b").activity("a", "near").activity("b", "near far").join("far", "last")
    stage = shape.join("near", "far").activity("last", "end").end().stage()

    stage.succeed("a#1", "b#1")

    assert [e.visit for e in stage.events if type(e).__name__ == "JoinFired"] == ["near#1", "far#1"]


@pytest.mark.parametrize("state", ["lease", "sent", "retry", "lost"])
def test_r04_a_token_travels_whatever_its_visit_waits_for(flow, state):
    shape = flow().parallel("p", "a b").activity("a", "j").join("j", "end").end()
    stage = shape.activity("b", "j", bot=True, retry=Retry(attempts=2)).stage()
    if state != "lease":
        stage.grant("b#1")
    if state == "retry":
        stage.fail("b#1", retry_ms=5)
    if state == "lost":
        stage.silence("b#1")

    stage.succeed("a#1")

    assert (stage.job.queued, stage.job.is_finished) == (1, False)


def test_r04_an_input_that_only_the_joins_own_output_can_fill_is_not_awaited(flow):
    shape = flow().parallel("p", "x y").activity("x", "m").activity("y", "m").parallel("m", "j")
    stage = shape.join("j", "back").activity("back", "j").stage()

    stage.succeed("x#1")

    assert stage.statuses["back#1"] == "AwaitingBotResponse"


def test_r04_a_stuck_join_asks_at_once_whatever_else_goes_on(flow):
    shape = flow().parallel("p", "i z").inclusive("i", "a b?False").activity("a", "j").activity("b", "j")
    stage = shape.join("j", "end", "all").end().activity("z").stage()

    stage.succeed("a#1")

    assert stage.incident[0] == "JoinStuck"


def test_r04_a_join_behind_another_waits_for_it_though_it_is_nearer_to_the_start(flow):
    shape = flow().parallel("p", "a c").activity("a", "b").activity("b", "early").activity("c", "late")
    stage = shape.join("early", "late").join("late", "last").activity("last").stage()

    stage.succeed("c#1", "a#1", "b#1")

    assert [e.visit for e in stage.events if type(e).__name__ == "JoinFired"] == ["early#1", "late#1"]


def test_r04_inside_a_cycle_the_join_nearest_to_the_start_fires_first(flow):
    shape = flow().parallel("p", "c a").activity("a", "b").activity("b", "far").activity("c", "near")
    shape.join("far", "e").join("near", "d").activity("d", "far").activity("e", "near")
    stage = shape.stage()

    stage.succeed("a#1", "b#1", "c#1")

    assert {"d#1", "near#1"} <= set(stage.statuses)
    assert "far#1" not in stage.statuses
