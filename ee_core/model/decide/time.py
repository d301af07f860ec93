"""What it means that a wait's own deadline passed: a retry's delay, or the time-out of waiting for a bot (R11, R21)."""

from __future__ import annotations

from ee_core.model.decide.ignored import Ignored
from ee_core.model.decide.token import conclude, fail, try_again
from ee_core.model.draft import Draft
from ee_core.model.events import AnyEvent, Error
from ee_core.model.facts import TimerDue
from ee_core.model.job import Job
from ee_core.model.waits import LeaseWait, TimerWait, WaitKey


def decide_due(job: Job, fact: TimerDue) -> tuple[AnyEvent, ...] | Ignored:
    """Decide that a timer rang; that it was time is the word of whoever set it."""
    wait = job.waits.get(WaitKey(fact.wait))
    if isinstance(wait, TimerWait):
        draft = Draft(job, fact.at_us)
        try_again(draft, job.visits[wait.visit])
        return tuple(draft.events)
    if isinstance(wait, LeaseWait) and wait.deadline_us is not None:
        return _give_up_waiting(job, fact, wait)
    return Ignored("finished" if job.is_finished else "not_waiting")


def _give_up_waiting(job: Job, fact: TimerDue, wait: LeaseWait) -> tuple[AnyEvent, ...]:
    visit = job.visits[wait.visit]
    draft = Draft(job, fact.at_us)
    if visit.incident is not None:
        draft.close_incident(visit.incident, "superseded")
    text = f"no bot for {wait.activity!r} was free within the bot time-out of node {wait.node!r}"
    fail(draft, visit, 0, Error("no_bot", text))
    return conclude(draft)
