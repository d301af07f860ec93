"""R3: what makes a join fire, and what a join N cancels."""

import pytest


@pytest.fixture
def fan(flow):
    """Three branches into a join by a rule."""

    def make(rule):
        shape = flow().parallel("p", "a b c").activity("a", "j").activity("b", "j").activity("c", "j")
        return shape.join("j", "last", rule).activity("last", "end").end().stage()

    return make


@pytest.mark.parametrize(("rule", "needed"), [("reachable", 3), ("all", 3), (1, 1), (2, 2), (3, 3)])
def test_r03_a_join_fires_when_its_rule_is_met_and_not_before(fan, rule, needed):
    stage = fan(rule)

    for count, branch in enumerate("abc"[:needed], start=1):
        assert "j#1" not in stage.statuses, count
        stage.succeed(f"{branch}#1")

    assert stage.statuses["j#1"] == "Success"
    assert stage.statuses["last#1"] == "AwaitingBotResponse"


def test_r03_a_reachable_join_does_not_wait_for_a_branch_that_was_skipped(flow):
    shape = flow().inclusive("i", "a b?False").activity("a", "j").activity("b", "j").join("j", "end").end()
    stage = shape.stage()

    stage.succeed("a#1")

    assert stage.end == ("succeeded", "end", 0)


def test_r03_a_join_n_cancels_what_still_travels_to_it(fan):
    stage = fan(1)

    stage.succeed("b#1")

    assert stage.statuses["a#1"] == stage.statuses["c#1"] == "Cancelled"
    assert stage.waits == ["response:last#1/1"]


def test_r03_a_join_n_cancels_tokens_queued_in_joins_before_it(flow):
    shape = flow().parallel("p", "a b c").activity("a", "early").activity("b", "early").activity("c", "late")
    shape.join("early", "late").join("late", "last", 1).activity("last", "end").end()
    stage = shape.stage()

    stage.succeed("a#1", "c#1")

    assert "TokensDropped" in stage.kinds()
    assert not stage.job.queues
    assert stage.statuses["b#1"] == "Cancelled"


def test_r03_a_join_n_closes_the_incidents_of_what_it_cancels(flow):
    shape = flow().parallel("p", "a b c").activity("a", "j").activity("b", "j", stateless=True)
    shape.inclusive("c", "d e?False").activity("d", "k").activity("e", "k").join("k", "j", "all")
    stage = shape.join("j", "last", 1).activity("last", "end").end().stage()
    stage.silence("b#1")
    stage.succeed("d#1")
    assert sorted(incident.kind for incident in stage.job.incidents.values()) == ["JoinStuck", "Lost"]

    stage.succeed("a#1")

    assert not stage.job.incidents
    assert [event.by for event in stage.events if type(event).__name__ == "IncidentClosed"] == [
        "superseded"
    ] * 2
    assert stage.waits == ["response:last#1/1"]


def test_r03_a_join_n_leaves_alone_what_has_no_path_to_it(flow):
    shape = flow().parallel("p", "a b c").activity("a", "j").activity("b", "j").activity("c", "end")
    stage = shape.join("j", "last", 1).activity("last").end().stage()

    stage.succeed("a#1")

    assert stage.statuses["c#1"] == "AwaitingBotResponse"


def test_r03_a_bot_of_a_cancelled_token_drains(flow):
    shape = flow().parallel("p", "a b").activity("a", "j").activity("b", "j", bot=True).join("j", "last", 1)
    stage = shape.activity("last", "end").end().blank()
    stage.execute()
    stage.grant("b#1")

    stage.succeed("a#1")

    assert stage.waits == ["drain:b#1/1", "response:last#1/1"]


def test_r03_an_error_pointer_is_an_input(flow):
    shape = flow().parallel("p", "a b").activity("a", "c", on_error="j").activity("b", "j").join("j", "end")
    stage = shape.activity("c", "end").end().stage()

    stage.succeed("b#1")
    assert "j#1" not in stage.statuses

    stage.fail("a#1")
    assert stage.end == ("succeeded", "end", 0)


def test_r03_a_join_all_does_not_fire_without_a_branch_that_was_skipped(flow):
    shape = flow().inclusive("i", "a b?False").activity("a", "j").activity("b", "j").join("j", "end", "all")
    stage = shape.end().stage()

    stage.succeed("a#1")

    assert "j#1" not in stage.statuses


def test_r03_a_join_n_that_fires_empties_its_queues(flow):
    shape = flow().parallel("p", "a1 a2 b c").activity("a1", "a").activity("a2", "a").parallel("a", "j")
    shape.activity("b", "j").activity("c", "j").join("j", "last", 2).activity("last")
    stage = shape.stage()
    stage.succeed("a1#1", "a2#1")
    assert stage.job.queued == 2

    stage.succeed("b#1")

    assert (stage.job.queued, stage.job.queues) == (0, {})
    assert stage.waits == ["response:last#1/1"]


def test_r03_a_join_n_leaves_tokens_alone_that_are_queued_where_no_path_leads_to_it(flow):
    shape = flow().parallel("p", "a b c d").activity("a", "j").activity("b", "j").activity("c", "k")
    shape.activity("d", "k").join("j", "last", 1).join("k", "other").activity("last").activity("other")
    stage = shape.stage()
    stage.succeed("c#1")

    stage.succeed("a#1")
    assert stage.job.queued == 1

    stage.succeed("d#1")
    assert stage.statuses["other#1"] == "AwaitingBotResponse"
