"""R15: a cancel takes effect with its record, also before the job is known."""

import pytest

from ee_core.model.decide import Ignored


@pytest.mark.parametrize("reached", ["held", "lease", "sent", "retry", "incident"])
def test_r15_a_cancel_ends_the_job_wherever_it_stands(flow, reached):
    from ee_core.model.workflow import Retry

    stage = flow().activity("a", "end", bot=True, retry=Retry(attempts=2)).end().blank()
    stage.execute(hold=reached == "held")
    if reached not in {"held", "lease"}:
        stage.grant("a#1")
    if reached == "retry":
        stage.fail("a#1", retry_ms=1)
    if reached == "incident":
        stage.silence("a#1")

    stage.cancel()

    assert (stage.end, stage.job.reason) == (("cancelled", "cancel", 0), "because")
    assert stage.waits == (["drain:a#1/1"] if reached in {"sent", "incident"} else [])
    assert set(stage.statuses.values()) <= {"Cancelled"}
    assert all(visit.final and visit.retry_at_us is None for visit in stage.job.visits.values())


def test_r15_nothing_starts_after_a_cancel(flow):
    stage = flow().activity("a", bot=True).stage()
    stage.cancel()

    assert stage.grant("a#1") == Ignored("finished")
    assert stage.due("lease:a#1") == Ignored("finished")
    assert stage.cancel() == Ignored("finished")


def test_r15_a_cancel_before_the_job_leaves_a_tombstone(flow):
    stage = flow().activity("a").blank()

    stage.cancel()

    assert stage.kinds() == ["TombstoneLaid"]
    assert stage.execute() == Ignored("cancelled")
    assert stage.cancel() == Ignored("finished")
    assert (stage.job.is_open, stage.job.hash, stage.end) == (False, "", ("cancelled", "cancel", 0))
