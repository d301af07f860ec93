"""Recorded events about attempts, applied to a job: sent, ended, lost, answered late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ee_core.model import events
from ee_core.model.events import Choice, Event, IncidentKind
from ee_core.model.evolve_tokens import cancel_attempt, count_end, start_drain
from ee_core.model.job import Attempt, AttemptStatus, Job, Visit, VisitStatus
from ee_core.model.transition import demand, find_attempt, find_live, refuse, workflow_of
from ee_core.model.waiting import WaitChanges, drain_wait, rearm

# Why an attempt is Lost when the bot itself said so: that was its terminal answer (R18).
_BOTS_WORD: Final = frozenset({"lost", "stopped"})


def _assigned(job: Job, event: events.AttemptAssigned, at_us: int, changes: WaitChanges) -> None:
    visit = find_live(job, event, event.visit)
    workflow = workflow_of(job, event)
    demand(
        visit.status is VisitStatus.PENDING and visit.retry_at_us is None and visit.incident is None,
        job,
        event,
        "the visit does not wait for a bot",
    )
    demand(event.attempt == visit.last_attempt + 1, job, event, "not the next attempt")
    demand(
        bool(event.input_hash) != bool(visit.input_hash), job, event, "an input belongs to the first attempt"
    )
    if event.input_hash:
        visit.input, visit.input_hash = event.input, event.input_hash
    visit.attempts.append(
        Attempt(event.attempt, event.bot, event.ledger, event.fence, at_us, event.deadline_us)
    )
    visit.status = VisitStatus.AWAITING
    rearm(job, visit, changes)
    if event.bot is None:
        return
    job.bots[visit.node] = event.bot
    followers = workflow.followers[visit.node]
    if followers:
        for other in job.live.values():
            if other.node in followers:
                rearm(job, other, changes)


def _voided(job: Job, event: events.AssignmentVoided, at_us: int, changes: WaitChanges) -> None:
    visit, attempt = _open_attempt(job, event, event.attempt)
    attempt.status, attempt.answered = AttemptStatus.VOIDED, True
    _ask(job, visit, at_us, changes)


def _succeeded(job: Job, event: events.AttemptSucceeded, _at_us: int, changes: WaitChanges) -> None:
    visit = find_live(job, event, event.visit)
    demand(visit.incident is None, job, event, "it has an open incident")
    _close_attempt(job, visit, event, AttemptStatus.SUCCESS, changes, is_bots_word=not event.by)
    visit.status, visit.output, visit.error = VisitStatus.SUCCESS, event.output, None
    visit.retry_at_us = None
    count_end(job, visit)
    job.results[visit.node] = visit
    if isinstance(event.output, dict) and workflow_of(job, event).workflow.scope == "export":
        job.keys.update(event.output)
    rearm(job, visit, changes)


def _failed(job: Job, event: events.AttemptFailed, _at_us: int, changes: WaitChanges) -> None:
    visit = find_live(job, event, event.visit)
    demand(visit.incident is None, job, event, "it has an open incident")
    _close_attempt(job, visit, event, AttemptStatus.FAILED, changes, is_bots_word=event.attempt > 0)
    visit.error, visit.output, visit.retry_at_us = event.error, None, event.retry_at_us
    if event.retry_at_us is None:
        visit.status = VisitStatus.FAILED
        count_end(job, visit)
        job.results[visit.node] = visit
    else:
        demand(event.attempt > 0, job, event, "nothing to try again")
        visit.status = VisitStatus.PENDING
    rearm(job, visit, changes)


def _lost(job: Job, event: events.AttemptLost, _at_us: int, changes: WaitChanges) -> None:
    visit, attempt = _open_attempt(job, event, event.attempt)
    attempt.status, attempt.answered = AttemptStatus.LOST, event.why in _BOTS_WORD and not event.drains
    visit.status = VisitStatus.LOST
    if event.drains:
        demand(attempt.bot is not None, job, event, "there is no bot to drain")
        start_drain(job, visit, attempt, changes)
    rearm(job, visit, changes)


def _retry_due(job: Job, event: events.RetryDue, at_us: int, changes: WaitChanges) -> None:
    visit = find_live(job, event, event.visit)
    demand(
        visit.incident is None and visit.open_attempt is None and not visit.ended,
        job,
        event,
        "there is nothing to try again",
    )
    _ask(job, visit, at_us, changes)


def _late(job: Job, event: events.LateResponse, _at_us: int, changes: WaitChanges) -> None:
    visit, attempt = find_attempt(job, event, event.visit, event.attempt)
    demand(
        attempt.status is not AttemptStatus.AWAITING and not attempt.answered and attempt.late is None,
        job,
        event,
        "the attempt has its answer",
    )
    attempt.late = event
    if attempt.draining:
        _drained(job, visit, attempt, changes)
    incident = job.incidents.get(visit.incident) if visit.incident is not None else None
    if (
        incident is not None
        and incident.kind is IncidentKind.LOST
        and Choice.TAKE_RESULT not in incident.choices
        and visit.result() is not None
    ):
        incident.choices += (Choice.TAKE_RESULT,)


def _drain_ended(
    job: Job, event: events.BotDrained | events.BotQuarantined, _at_us: int, changes: WaitChanges
) -> None:
    visit, attempt = find_attempt(job, event, event.visit, event.attempt)
    demand(attempt.draining, job, event, "it does not drain")
    _drained(job, visit, attempt, changes)


def _questioned(job: Job, event: events.AttemptQuestioned, _at_us: int, changes: WaitChanges) -> None:
    visit, attempt = _open_attempt(job, event, event.attempt)
    demand(attempt.bot is not None and not attempt.questioned, job, event, "there is no ledger to ask")
    attempt.questioned = event.why
    rearm(job, visit, changes)


STEPS: Final[Mapping[type[Event], Callable[[Job, Any, int, WaitChanges], None]]] = {
    events.AttemptAssigned: _assigned,
    events.AssignmentVoided: _voided,
    events.AttemptSucceeded: _succeeded,
    events.AttemptFailed: _failed,
    events.AttemptLost: _lost,
    events.RetryDue: _retry_due,
    events.LateResponse: _late,
    events.BotDrained: _drain_ended,
    events.BotQuarantined: _drain_ended,
    events.AttemptQuestioned: _questioned,
}


# -- parts -------------------------------------------------------------------------------------------------------


def _open_attempt(
    job: Job, event: events.AssignmentVoided | events.AttemptLost | events.AttemptQuestioned, number: int
) -> tuple[Visit, Attempt]:
    visit = find_live(job, event, event.visit)
    attempt = visit.open_attempt
    if attempt is None or attempt.number != number:
        refuse(job, event, f"attempt {number} is not open")
    return visit, attempt


def _close_attempt(
    job: Job,
    visit: Visit,
    event: events.AttemptSucceeded | events.AttemptFailed,
    status: AttemptStatus,
    changes: WaitChanges,
    *,
    is_bots_word: bool,
) -> None:
    """End the attempt that is open; without the bot's own word an operator decided, or nothing was sent."""
    demand(0 <= event.attempt <= visit.last_attempt, job, event, "no such attempt")
    attempt = visit.open_attempt
    if attempt is None:
        return
    if is_bots_word:
        demand(event.attempt == attempt.number, job, event, "not the open attempt")
        attempt.status, attempt.answered = status, True
    else:
        cancel_attempt(job, visit, changes)


def _ask(job: Job, visit: Visit, at_us: int, changes: WaitChanges) -> None:
    visit.status = VisitStatus.PENDING
    visit.retry_at_us = None
    visit.asked_us = at_us
    rearm(job, visit, changes)


def _drained(job: Job, visit: Visit, attempt: Attempt, changes: WaitChanges) -> None:
    attempt.draining = False
    job.drains -= 1
    changes.drop(drain_wait(visit, attempt).key)
