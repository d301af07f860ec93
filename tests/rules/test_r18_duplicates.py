"""R18: the first terminal answer counts."""

import pytest

from ee_core.model.decide import Ignored
from ee_core.model.facts import ResponseKind


@pytest.fixture
def stage(flow):
    stage = flow().activity("a", "b", bot=True).activity("b", bot=True).stage()
    stage.grant("a#1")
    return stage


@pytest.mark.parametrize("second", list(ResponseKind))
def test_r18_what_comes_after_the_answer_is_ignored(stage, second):
    stage.succeed("a#1", output=1)

    reason = "not_decided" if second in {"accepted", "heartbeat", "busy"} else "duplicate"
    assert stage.respond("a#1", second, output=2) == Ignored(reason)


def test_r18_success_may_come_before_accepted(stage):
    stage.succeed("a#1")

    assert stage.statuses["a#1"] == "Success"
    assert stage.respond("a#1", ResponseKind.ACCEPTED) == Ignored("not_decided")


@pytest.mark.parametrize(("visit", "attempt"), [("a#2", 1), ("b#1", 1), ("a#1", 2), ("a#1", 0), ("a#1", -1)])
def test_r18_an_answer_to_nothing_is_ignored(stage, visit, attempt):
    assert stage.respond(visit, ResponseKind.SUCCEEDED, attempt=attempt) == Ignored("unknown_attempt")


@pytest.mark.parametrize("word", ["lost", "stopped"])
def test_r18_the_bots_own_word_of_loss_is_its_answer(stage, word):
    stage.respond("a#1", ResponseKind(word))

    assert stage.respond("a#1", ResponseKind(word)) == Ignored("duplicate")
    assert stage.succeed("a#1") == Ignored("duplicate")
