"""R20: what may have happened is never done again in silence."""

import pytest

from ee_core.model import facts
from ee_core.model.decide import Ignored
from ee_core.model.events import Choice
from ee_core.model.facts import ResponseKind


@pytest.fixture
def stage(flow):
    stage = flow().activity("a", "end", bot=True).end().stage()
    stage.grant("a#1", "b1")
    return stage


@pytest.mark.parametrize("why", ["accept", "heartbeat", "run", "bot_dead", "crash"])
def test_r20_silence_means_lost_with_a_drain(stage, why):
    stage.silence("a#1", why)

    assert stage.statuses == {"a#1": "Lost"}
    assert stage.incident == ("Lost", ("fail", "retry", "skip"))
    assert stage.waits == ["drain:a#1/1", "operator:i1"]
    assert stage.silence("a#1") == Ignored("not_waiting")


@pytest.mark.parametrize("kind", ["lost", "stopped", "wrong_ledger", "idle"])
def test_r20_the_bots_own_word_means_lost_without_a_drain(stage, kind):
    stage.respond("a#1", ResponseKind(kind))

    assert stage.statuses == {"a#1": "Lost"}
    assert stage.waits == ["operator:i1"]


def test_r20_silence_and_idleness_of_nothing_are_ignored(stage):
    assert stage.idle("a#1", 2) == stage.idle("b#1") == Ignored("unknown_attempt")
    assert stage.tell(facts.AttemptSilent(at_us=0, visit="a#1", attempt=2, why="run")) == Ignored(
        "unknown_attempt"
    )
    assert stage.idle("a#1") == Ignored("not_waiting")


def test_r20_silence_takes_the_place_of_an_incident_that_no_worker_is_there(flow):
    stage = flow().activity("a").stage()
    stage.tell(facts.BotMissing(at_us=0, visit="a#1", text="no worker serves it"))

    stage.silence("a#1", "accept")

    assert stage.incident[0] == "Lost"
    assert stage.waits == ["operator:i2"]


def test_r20_retry_asks_for_a_bot_while_the_old_one_drains(stage):
    stage.silence("a#1")

    stage.answer(Choice.RETRY)

    assert stage.waits == ["drain:a#1/1", "lease:a#1"]
    stage.grant("a#1", "b2")
    stage.succeed("a#1")
    assert stage.end == ("succeeded", "end", 0)
    assert stage.waits == ["drain:a#1/1"]


@pytest.mark.parametrize(("choice", "outcome"), [(Choice.SKIP, "succeeded"), (Choice.FAIL, "failed")])
def test_r20_an_operator_may_skip_or_fail_it(stage, choice, outcome):
    stage.silence("a#1")

    stage.answer(choice, output={"by": "hand"})

    assert stage.end[0] == outcome
    assert stage.waits == ["drain:a#1/1"]


def test_r20_a_conflict_asks_a_person_and_frees_the_bot(stage):
    stage.respond("a#1", ResponseKind.CONFLICT)

    assert stage.incident == ("Conflict", ("fail", "retry", "skip"))
    assert stage.waits == ["operator:i1"]
    stage.answer(Choice.RETRY)
    assert stage.waits == ["lease:a#1"]
