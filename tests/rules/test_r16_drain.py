"""R16: the bot of an attempt that ended without its own word drains."""

import pytest

from ee_core.model.decide import Ignored
from ee_core.model.facts import ResponseKind
from ee_core.model.ids import Fence


@pytest.fixture
def stage(flow):
    """A cancelled job whose bot may still work."""
    stage = flow().activity("a", bot=True).stage()
    stage.grant("a#1", "b1")
    stage.cancel()
    return stage


def test_r16_a_finished_job_keeps_the_drain(stage):
    assert stage.waits == ["drain:a#1/1"]
    assert stage.job.is_open


@pytest.mark.parametrize("kind", ["succeeded", "failed", "stopped", "lost"])
def test_r16_a_terminal_word_of_the_bot_ends_the_drain(stage, kind):
    (event,) = stage.respond("a#1", ResponseKind(kind))

    assert (type(event).__name__, event.kind) == ("LateResponse", kind)
    assert (stage.waits, stage.job.is_open) == ([], False)


def test_r16_proof_of_idleness_ends_the_drain(stage):
    (event,) = stage.idle("a#1")

    assert type(event).__name__ == "BotDrained"
    assert (stage.waits, stage.job.is_open) == ([], False)
    assert stage.idle("a#1") == Ignored("not_waiting")


def test_r16_idleness_is_proved_by_its_own_bot_about_its_own_assignment(stage):
    fence = stage.job.visits["a#1"].attempts[0].fence

    assert stage.idle("a#1", bot="b2") == Ignored("wrong_bot")
    assert stage.idle("a#1", fence=Fence(9, 9)) == Ignored("stale_fence")
    assert stage.waits == ["drain:a#1/1"]

    stage.idle("a#1", fence=fence)
    assert stage.waits == []


def test_r16_idle_about_the_attempt_is_proof_too(stage):
    (event,) = stage.respond("a#1", ResponseKind.IDLE)

    assert type(event).__name__ == "BotDrained"


@pytest.mark.parametrize("kind", ["accepted", "heartbeat", "busy", "stale", "conflict", "wrong_ledger"])
def test_r16_nothing_else_ends_it(stage, kind):
    assert isinstance(stage.respond("a#1", ResponseKind(kind)), Ignored)
    assert stage.waits == ["drain:a#1/1"]


@pytest.mark.parametrize("bot", [None, "b2"])
def test_r16_only_its_own_bot_ends_it(stage, bot):
    assert stage.respond("a#1", ResponseKind.STOPPED, bot=bot) == Ignored("wrong_bot")


def test_r16_a_bot_that_was_never_asked_does_not_drain(flow):
    stage = flow().activity("a", bot=True).stage()

    stage.cancel()

    assert (stage.waits, stage.job.is_open) == ([], False)
