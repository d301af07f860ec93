"""R29: limits on moves, tokens and visits; a job that runs away stands still until a person fails it."""

import pytest

from ee_core.model import limits, tokens
from ee_core.model.decide import Ignored
from ee_core.model.events import Choice


@pytest.fixture
def loop(flow):
    """A cycle without an activity behind an activity, beside a sibling."""
    shape = flow().parallel("p", "a b").activity("a", "x").parallel("x", "x").activity("b", "c")
    return shape.activity("c", bot=True).stage()


def test_r29_endless_moves_open_an_incident_and_the_token_stays(loop):
    loop.succeed("a#1", output=1)

    assert loop.incident == ("Runaway", ("fail",))
    assert [type(event).__name__ for event in loop.records[-1].events] == [
        "AttemptSucceeded",
        "IncidentOpened",
    ]
    assert loop.statuses["a#1"] == "Success"


def test_r29_while_it_is_open_answers_are_recorded_and_no_token_moves(loop):
    loop.succeed("a#1")

    loop.succeed("b#1", output=2)

    assert loop.job.visits["b#1"].output == 2
    assert "c#1" not in loop.statuses
    assert loop.waits == ["operator:i1"]


def test_r29_only_the_runaway_may_be_answered(flow):
    shape = flow().parallel("p", "a y").activity("a", "x").parallel("x", "x").exclusive("y", "a?False")
    stage = shape.stage()
    stage.succeed("a#1")

    assert stage.answer(Choice.RETRY, "i1") == Ignored("runaway")
    stage.answer(Choice.FAIL, "i2")
    assert (stage.end, stage.job.error.code) == (("failed", "operator", 0), "runaway")


def test_r29_a_job_may_run_away_at_its_start(flow):
    stage = flow().parallel("x", "x").stage()

    assert (stage.statuses, stage.incident[0]) == ({}, "Runaway")
    stage.cancel()
    assert stage.end == ("cancelled", "cancel", 0)


@pytest.mark.parametrize(("limit", "value"), [("MAX_TOKENS", 5), ("MAX_VISITS", 5), ("MAX_HOPS", 5)])
def test_r29_each_limit_holds(flow, monkeypatch, limit, value):
    monkeypatch.setattr(tokens, limit, value)
    nodes = [f"n{number}" for number in range(6)]
    shape = flow().activity("s", " ".join(nodes))
    for node in nodes:
        shape.activity(node)
    stage = shape.stage()

    stage.succeed("s#1")

    assert stage.incident == ("Runaway", ("fail",))
    assert stage.statuses == {"s#1": "Success"}


def test_r29_moves_that_make_no_record_of_lawful_size_run_away(flow):
    nodes = [f"{'n' * 50}{number}" for number in range(3000)]
    shape = flow().activity("s", " ".join(nodes))
    for node in nodes:
        shape.activity(node, bot=True)
    stage = shape.stage()

    stage.succeed("s#1")

    assert stage.incident == ("Runaway", ("fail",))


def test_r29_the_limits_are_those_that_are_promised():
    assert (limits.MAX_HOPS, limits.MAX_TOKENS, limits.MAX_VISITS) == (10_000, 10_000, 100_000)


def test_r29_queued_tokens_count_as_tokens(flow, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_TOKENS", 7)
    shape = flow().parallel("p", "x1 x2 x3 x4 w s").parallel("m", "j").activity("w", "j").join("j", "n1")
    for number in range(1, 5):
        shape.activity(f"x{number}", "m")
    shape.activity("s", "n1 n2 n3").activity("n1").activity("n2").activity("n3")
    stage = shape.stage()
    stage.succeed("x1#1", "x2#1", "x3#1", "x4#1")
    assert stage.job.queued == 4

    stage.succeed("s#1")

    assert stage.incident == ("Runaway", ("fail",))


def test_r29_visits_are_counted_over_the_whole_job(flow, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_VISITS", 3)
    stage = flow().activity("a", "a").stage()

    stage.succeed("a#1", "a#2")
    assert not stage.job.incidents
    stage.succeed("a#3")

    assert stage.incident == ("Runaway", ("fail",))
