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


# -- quarantine --------------------------------------------------------------------------------------------------


def test_r16_a_bot_without_a_word_in_time_is_quarantined_and_the_job_is_over(stage):
    (event,) = stage.drain_timed_out("a#1", reason="the arm does not stop")

    assert type(event).__name__ == "BotQuarantined"
    assert (event.visit, event.attempt, event.bot, event.reason) == (
        "a#1",
        1,
        "b1",
        "the arm does not stop",
    )
    assert (stage.waits, stage.job.is_open) == ([], False)


@pytest.mark.parametrize("kind", ["succeeded", "failed", "stopped", "lost"])
def test_r16_a_late_word_after_quarantine_is_kept(stage, kind):
    stage.drain_timed_out("a#1")

    (event,) = stage.respond("a#1", ResponseKind(kind))

    assert (type(event).__name__, event.kind) == ("LateResponse", kind)
    assert stage.respond("a#1", ResponseKind(kind)) == Ignored("late_duplicate")


def test_r16_nothing_else_follows_a_quarantine(stage):
    stage.drain_timed_out("a#1")

    assert stage.idle("a#1") == Ignored("not_waiting")
    assert stage.respond("a#1", ResponseKind.IDLE) == Ignored("duplicate")
    assert stage.drain_timed_out("a#1") == Ignored("not_waiting")


def test_r16_a_quarantine_leaves_a_job_that_goes_on_alone(flow):
    stage = flow().activity("a", "end", bot=True).end().stage()
    stage.grant("a#1", "b1")
    stage.silence("a#1")

    stage.drain_timed_out("a#1")

    assert stage.waits == ["operator:i1"]
    stage.respond("a#1", ResponseKind.SUCCEEDED, output=1)
    assert stage.incident == ("Lost", ("fail", "retry", "skip", "take_result"))


def test_r16_only_a_drain_can_be_given_up(flow):
    stage = flow().activity("a", bot=True).stage()
    stage.grant("a#1", "b1")

    assert stage.drain_timed_out("a#1") == Ignored("not_waiting")
    assert stage.drain_timed_out("a#1", 2) == stage.drain_timed_out("b#1") == Ignored("unknown_attempt")


@pytest.mark.parametrize("ending", ["cancel", "end", "lost", "sibling", "join"])
def test_r16_a_bot_drains_whatever_ended_its_attempt_without_its_word(flow, ending):
    shape = flow().parallel("p", "a b").activity("a", "j", bot=True)
    shape.activity("b", "end" if ending == "end" else "j").join("j", "last", 1).activity("last").end()
    stage = shape.stage()
    stage.grant("a#1")

    match ending:
        case "cancel":
            stage.cancel()
        case "lost":
            stage.silence("a#1")
        case "sibling":
            stage.fail("b#1")
        case _:
            stage.succeed("b#1")

    assert "drain:a#1/1" in stage.waits
    assert "response:a#1/1" not in stage.waits
