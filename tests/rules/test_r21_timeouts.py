"""R21: four time-outs; the run deadline is recorded."""

import pytest

from ee_core.model.decide import Ignored
from ee_core.model.events import Choice
from ee_core.model.workflow import Retry, Timeouts


@pytest.mark.parametrize(("run_ms", "after_ms"), [(None, None), (30_000, 31_000)])
def test_r21_the_run_deadline_is_recorded_with_the_assignment(flow, run_ms, after_ms):
    stage = flow().activity("a", bot=True, timeouts=Timeouts(accept_ms=1000, run_ms=run_ms)).stage()

    stage.grant("a#1")

    expected = None if after_ms is None else stage.now_us + after_ms * 1000
    assert stage.job.waits["response:a#1/1"].deadline_us == expected == stage.events[-1].deadline_us


def test_r21_the_bot_time_out_fails_the_visit_without_retry(flow):
    shape = flow().activity("a", "b", on_error="c", bot=True, timeouts=Timeouts(bot_ms=50)).activity("b")
    stage = shape.activity("c").stage()
    assert stage.job.waits["lease:a#1"].deadline_us == stage.now_us + 50_000

    stage.due("lease:a#1", later_ms=50)

    assert stage.job.visits["a#1"].error.code == "no_bot"
    assert "c#1" in stage.statuses


def test_r21_the_bot_time_out_starts_anew_with_each_wait(flow):
    stage = flow().activity("a", bot=True, timeouts=Timeouts(bot_ms=50)).stage()
    born = stage.now_us
    stage.grant("a#1")
    stage.silence("a#1")

    stage.answer(Choice.RETRY)

    wait = stage.job.waits["lease:a#1"]
    assert (wait.deadline_us, wait.since_us) == (stage.now_us + 50_000, born)


@pytest.mark.parametrize("wait", ["lease:a#1", "timer:a#1@5", "operator:i1", "nonsense"])
def test_r21_a_timer_nobody_waits_for_is_ignored(flow, wait):
    stage = flow().activity("a", bot=True).stage()

    assert stage.due(wait) == Ignored("not_waiting")


def test_r21_the_defaults_are_ten_and_fifteen_seconds_and_else_none():
    default = Timeouts()

    assert (default.bot_ms, default.accept_ms, default.heartbeat_ms, default.run_ms) == (
        None,
        10_000,
        15_000,
        None,
    )


@pytest.mark.parametrize("attempts", [1, 3])
def test_r21_a_bot_time_out_is_followed_by_what_follows_a_failure_and_no_attempt(flow, attempts):
    shape = flow().activity("a", "b", bot=True, timeouts=Timeouts(bot_ms=50), retry=Retry(attempts=attempts))
    stage = shape.activity("b").stage()

    stage.due("lease:a#1", later_ms=50)

    assert stage.end == ("failed", "failure", 0)
