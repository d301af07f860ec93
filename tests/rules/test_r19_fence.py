"""R19: the engine refuses an answer whose fence is not the attempt's."""

import pytest

from ee_core.model.decide import Ignored
from ee_core.model.facts import ResponseKind
from ee_core.model.ids import Fence


@pytest.mark.parametrize("fence", [Fence(1, 2), Fence(0, 9), Fence(2, 1), None])
def test_r19_another_fence_is_refused(flow, fence):
    stage = flow().activity("a", bot=True).stage()
    stage.grant("a#1")

    assert stage.respond("a#1", ResponseKind.SUCCEEDED, fence=fence) == Ignored("stale_fence")


def test_r19_work_without_a_fence_is_answered_without_one(flow):
    stage = flow().activity("a").stage()

    assert stage.respond("a#1", ResponseKind.SUCCEEDED, fence=Fence(1, 1)) == Ignored("stale_fence")
    stage.succeed("a#1")
    assert stage.job.is_finished


def test_r19_stale_says_never_started_and_the_visit_waits_for_a_bot_again(flow):
    stage = flow().activity("a", bot=True, input={"n": 1}).stage()
    stage.grant("a#1", "b1")

    stage.respond("a#1", ResponseKind.STALE)

    assert (stage.kinds()[-1], stage.waits) == ("AssignmentVoided", ["lease:a#1"])
    stage.grant("a#1", "b1")
    wait = stage.job.waits["response:a#1/2"]
    assert (wait.fence, wait.input) == (Fence(1, 2), {"n": 1})


def test_r19_stateless_work_that_never_started_is_sent_again_at_once(flow):
    stage = flow().activity("a", input={"n": 1}).stage()

    stage.respond("a#1", ResponseKind.STALE)

    assert stage.job.waits["response:a#1/2"].input == {"n": 1}


def test_r19_a_voided_assignment_is_not_counted_by_attempts(flow):
    from ee_core.model.workflow import Retry

    stage = flow().activity("a", bot=True, retry=Retry(attempts=2)).stage()
    stage.grant("a#1")
    stage.respond("a#1", ResponseKind.STALE)
    stage.grant("a#1")

    stage.fail("a#1", retry_ms=1)

    assert not stage.job.is_finished
