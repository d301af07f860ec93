"""What it means that nobody has a word for an attempt: asked, lost, repeated, idle, quarantined (R16, R20, R21).

The rule for an editor: an attempt that may have been carried out is repeated only where its type is idempotent or the
workflow says so, and each time the loss is recorded first.
"""

from __future__ import annotations

from ee_core.model.decide.ignored import Ignored
from ee_core.model.decide.token import try_again
from ee_core.model.draft import Draft, Trouble
from ee_core.model.events import (
    AnyEvent,
    AttemptLost,
    AttemptQuestioned,
    BotDrained,
    BotQuarantined,
    Choice,
    IncidentKind,
)
from ee_core.model.facts import AttemptSilent, DrainTimedOut, IdleProved
from ee_core.model.job import Attempt, AttemptStatus, Job, Visit
from ee_core.model.workflow import Activity

Decided = tuple[AnyEvent, ...] | Ignored


def decide_silence(job: Job, fact: AttemptSilent) -> Decided:
    """Decide that an attempt's bot said nothing in time, or died: its ledger is asked, or the attempt is Lost."""
    visit = job.visits.get(fact.visit)
    attempt = visit.find_attempt(fact.attempt) if visit is not None else None
    if visit is None or attempt is None:
        return Ignored("unknown_attempt")
    if attempt.status is not AttemptStatus.AWAITING:
        return Ignored("not_waiting")
    draft = Draft(job, fact.at_us)
    asks = _activity(draft, visit).on_lost == "ask" and attempt.bot is not None
    if asks and not fact.asked:
        if attempt.questioned:
            return Ignored("duplicate")
        return (AttemptQuestioned(visit.id, attempt.number, fact.why),)
    return _lose_waiting(draft, visit, attempt, fact.why, drains=attempt.bot is not None)


def decide_idle(job: Job, fact: IdleProved) -> Decided:
    """Decide that a bot does not do an attempt: it was asked, or it drains."""
    visit = job.visits.get(fact.visit)
    attempt = visit.find_attempt(fact.attempt) if visit is not None else None
    if visit is None or attempt is None:
        return Ignored("unknown_attempt")
    if fact.fence not in {None, attempt.fence}:
        return Ignored("stale_fence")
    if attempt.bot != fact.bot:
        return Ignored("wrong_bot")
    if attempt.status is AttemptStatus.AWAITING:
        # written down as stopped before the bot said so: whatever it is sent now, it does not begin it
        return _lose_waiting(Draft(job, fact.at_us), visit, attempt, "stopped", drains=False)
    return (BotDrained(fact.visit, fact.attempt),) if attempt.draining else Ignored("not_waiting")


def decide_drain_timeout(job: Job, fact: DrainTimedOut) -> Decided:
    """Decide that a bot had no word for an attempt that has ended: the job waits for it no longer."""
    visit = job.visits.get(fact.visit)
    attempt = visit.find_attempt(fact.attempt) if visit is not None else None
    if attempt is None:
        return Ignored("unknown_attempt")
    if not attempt.draining or attempt.bot is None:
        return Ignored("not_waiting")
    return (BotQuarantined(fact.visit, fact.attempt, attempt.bot, fact.reason),)


def lose(draft: Draft, visit: Visit, attempt: Attempt, why: str, *, drains: bool) -> tuple[AnyEvent, ...]:
    """Record that nobody knows what happened; then the attempt is repeated, or a person is asked."""
    draft.events.append(AttemptLost(visit.id, attempt.number, why, drains))
    if _is_repeated(_activity(draft, visit), visit):
        try_again(draft, visit)
    else:
        draft.open_incident(_trouble(draft, visit, attempt, why), visit=visit.id)
    return tuple(draft.events)


def by_whom(attempt: Attempt) -> str:
    """Name the bot of an attempt, for a text; "" if it has none."""
    return f" on bot {attempt.bot!r}" if attempt.bot is not None else ""


def _lose_waiting(draft: Draft, visit: Visit, attempt: Attempt, why: str, *, drains: bool) -> Decided:
    if visit.incident is not None:  # NoBot or PluginMissing: there is more to say now
        draft.close_incident(visit.incident, "superseded")
    return lose(draft, visit, attempt, why, drains=drains)


def _activity(draft: Draft, visit: Visit) -> Activity:
    activity = draft.workflow.nodes[visit.node].activity
    if activity is None:
        raise AssertionError(f"visit {visit.id} has attempts, but no activity")
    return activity


def _is_repeated(activity: Activity, visit: Visit) -> bool:
    lost = 1 + sum(each.status is AttemptStatus.LOST for each in visit.attempts)
    if activity.on_lost in {"", "ask"}:
        return activity.idempotent and lost < activity.lost_attempts
    return activity.on_lost == "retry" and lost < activity.lost_attempts


def _trouble(draft: Draft, visit: Visit, attempt: Attempt, why: str) -> Trouble:
    choices: tuple[Choice, ...] = (Choice.RETRY, Choice.SKIP, Choice.FAIL)
    if visit.result() is not None:
        choices += (Choice.TAKE_RESULT,)
    node = draft.workflow.graph.nodes[visit.node]
    return Trouble(
        IncidentKind.LOST,
        choices,
        f"attempt {attempt.number} of node {node!r} is lost{by_whom(attempt)} ({why}): it may have been carried out;"
        " look, then retry it, skip it with an output, or fail it",
        {"attempt": attempt.number, "bot": attempt.bot, "why": why},
    )
