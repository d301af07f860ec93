"""R17: an answer that comes too late is kept, once, and changes nothing else."""

import pytest

from ee_core.model import facts
from ee_core.model.decide import Ignored
from ee_core.model.events import Choice
from ee_core.model.facts import ResponseKind
from ee_core.model.limits import MAX_OUTPUT_BYTES


@pytest.fixture
def lost(flow):
    """A lost attempt, with its incident open."""
    stage = flow().activity("a", "end", bot=True).end().stage()
    stage.grant("a#1")
    stage.silence("a#1")
    return stage


def test_r17_the_first_late_answer_is_kept_and_others_are_counted(lost):
    lost.succeed("a#1", output="late")

    assert lost.job.visits["a#1"].attempts[0].late.output == "late"
    assert lost.statuses == {"a#1": "Lost"}
    assert lost.succeed("a#1", output="later") == Ignored("late_duplicate")


def test_r17_a_late_result_may_be_taken(lost):
    lost.succeed("a#1", output="late")
    assert "take_result" in lost.incident[1]

    lost.answer(Choice.TAKE_RESULT)

    assert lost.job.visits["a#1"].output == "late"
    assert lost.end == ("succeeded", "end", 0)


def test_r17_a_late_failure_may_be_taken(lost):
    lost.fail("a#1", "no_paper")

    lost.answer(Choice.TAKE_RESULT)

    assert (lost.end, lost.job.error.code) == (("failed", "failure", 0), "no_paper")


def test_r17_late_stopped_ends_the_drain_and_is_no_result(lost):
    lost.respond("a#1", ResponseKind.STOPPED)

    assert lost.waits == ["operator:i1"]
    assert "take_result" not in lost.incident[1]
    assert lost.answer(Choice.TAKE_RESULT) == Ignored("choice_not_offered")


def test_r17_the_answer_of_an_earlier_attempt_may_be_taken(lost):
    lost.answer(Choice.RETRY)
    lost.grant("a#1", "b2")
    first = lost.job.visits["a#1"].attempts[0]
    lost.respond("a#1", ResponseKind.SUCCEEDED, attempt=1, bot=first.bot, fence=first.fence, output="old")
    assert lost.statuses == {"a#1": "AwaitingBotResponse"}

    lost.silence("a#1")
    lost.answer(Choice.TAKE_RESULT, "i2")

    assert lost.job.visits["a#1"].output == "old"


@pytest.fixture
def twice_lost(lost):
    """The first attempt answers late with success, the second is lost too."""
    lost.succeed("a#1", output="first")
    lost.answer(Choice.RETRY)
    lost.grant("a#1", "b2")
    lost.silence("a#1")
    return lost


def test_r17_a_late_success_is_taken_before_a_later_failure(twice_lost):
    twice_lost.fail("a#1")

    twice_lost.answer(Choice.TAKE_RESULT, "i2")

    assert twice_lost.job.visits["a#1"].output == "first"


def test_r17_what_a_bot_did_with_another_input_is_no_result(flow):
    stage = flow().activity("a", bot=True).stage()
    stage.grant("a#1")
    stage.respond("a#1", ResponseKind.CONFLICT)
    stage.succeed("a#1", output="of another input")
    stage.answer(Choice.RETRY)
    stage.grant("a#1")

    stage.silence("a#1")

    assert "take_result" not in stage.incident[1]


def test_r17_silence_is_no_word_of_the_bot_whatever_it_is_called(lost):
    lost.answer(Choice.RETRY)
    lost.grant("a#1")
    lost.silence("a#1", "stopped")

    lost.succeed("a#1", output="late")

    assert lost.kinds()[-1] == "LateResponse"


def test_r17_after_the_end_only_the_drain_speaks(lost):
    lost.cancel()

    lost.succeed("a#1", output="late")

    assert lost.kinds()[-2:] == ["JobFinished", "LateResponse"]
    assert lost.statuses == {"a#1": "Cancelled"}


def test_r17_a_late_output_that_is_too_large_is_kept_as_a_failure(lost):
    lost.succeed("a#1", output="x" * (MAX_OUTPUT_BYTES + 1))

    late = lost.job.visits["a#1"].attempts[0].late
    assert (late.kind, late.error.code) == ("failed", "output_too_large")


@pytest.mark.parametrize("kind", list(ResponseKind))
def test_r17_after_the_terminal_event_nothing_but_the_end_of_a_drain_is_recorded(lost, kind):
    lost.cancel()
    count = len(lost.events)

    lost.grant("a#1")
    lost.silence("a#1")
    lost.answer(Choice.RETRY)
    lost.due("lease:a#1")
    lost.cancel()
    lost.execute()
    lost.admit()
    lost.tell(facts.BotMissing(at_us=0, visit="a#1", text="nobody"))
    assert len(lost.events) == count
    lost.respond("a#1", kind)
    lost.idle("a#1")

    assert [type(event).__name__ for event in lost.events[count:]] in (["LateResponse"], ["BotDrained"])
    assert (lost.end, lost.waits) == (("cancelled", "cancel", 0), [])
