"""Makes a failing plan smaller while it still fails in the same way: what is left is the story to read.

Each step leaves something out or makes it simpler - an order, a job, a fault, a bot - and is kept when the smaller plan
still breaks one of the same invariants. Since every fault has a chance of its own, leaving one out moves the others
only as far as the run itself changes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ee_core.model.ids import JobId
from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.checker import check
from ee_core.simulation.loop import VirtualLoopError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ee_core.simulation.carrying_out import Run
    from ee_core.simulation.checks.violation import Violation
    from ee_core.simulation.plan import Plan

    Judge = Callable[[Plan], frozenset[str]]

_TRIES: Final = 400
STANDSTILL: Final = "standstill"  # a run that raised instead of ending


def judge(plan: Plan) -> frozenset[str]:
    """Carry out a plan and return the names of the invariants that it breaks."""
    try:
        run = carry_out(plan)
    except VirtualLoopError:
        return frozenset({STANDSTILL})
    return frozenset(violation.invariant.name for violation in check(run.history))


def shrink(plan: Plan, *, judged: Judge = judge, tries: int = _TRIES) -> Plan:
    """Return a plan, as small as can be found, that breaks an invariant which the given one breaks.

    Args:
        judged: Carries out a plan and names what it breaks; nothing when all is well.
        tries: Most runs that are made.

    Raises:
        ValueError: The plan breaks nothing.
    """
    broken = judged(plan)
    if not broken:
        raise ValueError(f"seed {plan.seed} breaks nothing, so there is nothing to shrink")
    left = tries
    while True:
        for smaller in _smaller(plan):
            if left == 0:
                return plan
            left -= 1
            if judged(smaller) & broken:
                plan = smaller
                break
        else:
            return plan


def tell(run: Run, violations: list[Violation]) -> str:
    """Tell what a plan was, what it broke, and the story of the first job that is concerned."""
    jobs = [violation.job for violation in violations if violation.job is not None]
    job = jobs[0] if jobs else JobId(run.plan.jobs[0].id)
    return "\n".join([run.plan.describe(), *map(str, violations), run.history.tell(job)])


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Yield plans that are one step smaller, those that leave out most first."""
    if plan.strokes or plan.rates:
        yield plan.calm
    if plan.rates:
        yield replace(plan, rates={})
    if plan.strokes:
        yield replace(plan, strokes=())
    yield from _without_one(plan)
    if not plan.fifo:
        yield replace(plan, fifo=True)
    if plan.settings:
        yield replace(plan, settings={})
    yield from _simpler_jobs(plan)


def _without_one(plan: Plan) -> Iterator[Plan]:
    # the last first: what comes late rarely has to do with what was there before
    for place in reversed(range(len(plan.jobs))):
        if len(plan.jobs) > 1:
            yield replace(plan, jobs=plan.jobs[:place] + plan.jobs[place + 1 :])
    for place in reversed(range(len(plan.strokes))):
        yield replace(plan, strokes=plan.strokes[:place] + plan.strokes[place + 1 :])
    for fault in plan.rates:
        yield replace(plan, rates={each: rate for each, rate in plan.rates.items() if each is not fault})
    for bot in plan.bots:
        is_struck = any(stroke.target == bot.id for stroke in plan.strokes)
        if len(plan.bots) > 1 and not is_struck:
            yield replace(plan, bots=tuple(each for each in plan.bots if each is not bot))


def _simpler_jobs(plan: Plan) -> Iterator[Plan]:
    for place, job in enumerate(plan.jobs):
        for simpler in (
            replace(job, copies=1),
            replace(job, cancel_at_s=None),
            replace(job, priority=0),
        ):
            if simpler != job:
                yield replace(plan, jobs=(*plan.jobs[:place], simpler, *plan.jobs[place + 1 :]))
