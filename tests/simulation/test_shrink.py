"""A plan that fails is made smaller as long as it fails in the same way."""

import pytest

from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.faults import Fault
from ee_core.simulation.plan import draw
from ee_core.simulation.shrink import judge, shrink, tell


def find(wanted):
    return next(plan for plan in map(draw, range(500)) if wanted(plan))


def test_what_is_left_is_what_it_takes():
    plan = find(lambda plan: Fault.COMMIT_SLOW in plan.rates and len(plan.jobs) > 2 and len(plan.strokes) > 3)
    stroke = plan.strokes[1]

    def judged(smaller):
        breaks = Fault.COMMIT_SLOW in smaller.rates and stroke in smaller.strokes
        return frozenset({"made up", *(["other"] if len(smaller.jobs) > 2 else [])} if breaks else ())

    small = shrink(plan, judged=judged)

    assert list(small.rates) == [Fault.COMMIT_SLOW]
    assert small.strokes == (stroke,)
    assert len(small.jobs) == 1
    assert small.fifo
    assert (small.jobs[0].copies, small.jobs[0].cancel_at_s) == (1, None)


def test_shrinking_ends_after_so_many_tries():
    plan, tries = draw(7), []

    def judged(smaller):
        tries.append(smaller)
        return frozenset({"always"})

    shrink(plan, judged=judged, tries=3)

    assert len(tries) == 4  # and the plan itself


def test_a_plan_that_breaks_nothing_is_not_shrunk():
    with pytest.raises(ValueError, match="seed 5 breaks nothing"):
        shrink(draw(5), judged=lambda plan: frozenset())


def test_a_plan_is_judged_by_carrying_it_out():
    assert judge(draw(1).calm) == frozenset()


def test_the_story_of_a_run_names_seed_plan_and_job():
    plan = draw(2)

    story = tell(carry_out(plan), [])

    assert f"seed {plan.seed}" in story
    assert all(stroke.fault.value in story for stroke in plan.strokes)
    assert "JobAccepted" in story
