"""R9a: stateless work needs no bot."""

import pytest

from ee_core.model import facts
from ee_core.model.decide import Ignored
from ee_core.model.events import Choice
from ee_core.model.ids import Fence


def test_r09a_idempotent_work_is_sent_in_the_decision_that_made_the_visit(flow):
    stage = flow().activity("a", stateless=True, idempotent=True).stage()

    wait = stage.job.waits["response:a#1/1"]
    assert (wait.bot, wait.fence, wait.ledger, wait.local) == (None, None, None, False)
    assert len(stage.records) == 1


def test_r09a_other_stateless_work_is_local(flow):
    stage = flow().activity("a", stateless=True).stage()

    assert stage.job.waits["response:a#1/1"].local


def test_r09a_any_worker_may_answer(flow):
    stage = flow().activity("a", "end").end().stage()

    assert stage.respond("a#1", facts.ResponseKind.SUCCEEDED, bot="worker") != Ignored("wrong_bot")
    assert stage.end == ("succeeded", "end", 0)


def test_r09a_no_worker_opens_an_incident_that_a_worker_closes(flow):
    stage = flow().activity("a").stage()
    stage.tell(facts.BotMissing(at_us=0, visit="a#1", text="no worker serves it"))
    assert stage.waits == ["operator:i1", "response:a#1/1"]
    assert stage.job.waits["response:a#1/1"].no_bot

    stage.succeed("a#1")

    assert stage.end == ("succeeded", "exhausted", 0)


@pytest.mark.parametrize(("choice", "outcome"), [(Choice.SKIP, "succeeded"), (Choice.FAIL, "failed")])
def test_r09a_work_without_a_worker_may_be_skipped_or_failed(flow, choice, outcome):
    stage = flow().activity("a").stage()
    stage.tell(facts.BotMissing(at_us=0, visit="a#1", text="no worker serves it"))

    stage.answer(choice)

    assert stage.end[0] == outcome
    assert stage.waits == []


def test_r09a_a_crash_while_local_work_went_on_makes_it_lost(flow):
    stage = flow().activity("a", stateless=True).stage()

    stage.silence("a#1", "crash")

    assert stage.incident[0] == "Lost"
    assert stage.waits == ["operator:i1"]


def test_r09a_a_null_fence_is_matched_as_null(flow):
    stage = flow().activity("a", "end").end().stage()

    answer = stage.respond("a#1", facts.ResponseKind.SUCCEEDED, fence=Fence(1, 1))

    assert answer == Ignored("stale_fence")
