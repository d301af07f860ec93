"""I15, I18, I19: what the journal says of attempts: who may do them, and why there is another one.

Read from the records alone; whether they are true is for `work` and `words`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ee_core.model import events as ev
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.ids import BotId, Fence, IncidentId, VisitId
    from ee_core.model.workflow import Activity
    from ee_core.simulation.checks.reading import AttemptKey, Reading, Story


def check_assignments(reading: Reading) -> Iterator[Violation]:
    """Check I15: no two assignments of a bot share a fence, and an assignment names all that its node's kind needs."""
    taken: dict[tuple[BotId, Fence], AttemptKey] = {}
    for attempt in reading.attempts.values():
        event, (job, visit, _) = attempt.assigned, attempt.key
        activity = reading.activity(job, visit)
        named = (event.bot is not None, event.ledger is not None, event.fence is not None)
        if activity is not None and named != (not activity.stateless,) * 3:
            text = (
                f"{_name(attempt.key)} names bot, ledger, fence: {named}, stateless is {activity.stateless}"
            )
            yield Violation(Invariant.ASSIGNMENTS, reading.at_us(attempt.place), text, job)
        elif event.bot is not None and event.fence is not None:
            other = taken.setdefault((event.bot, event.fence), attempt.key)
            if other != attempt.key:
                text = f"{_name(attempt.key)} and {_name(other)} have the fence {tuple(event.fence)}"
                yield Violation(Invariant.ASSIGNMENTS, reading.at_us(attempt.place), text, job, event.bot)


def _name(key: AttemptKey) -> str:
    return "{}/{}/{}".format(*key)


@dataclass(slots=True)
class _Tries:
    """What is recorded of a visit's attempts up to some event."""

    activity: Activity | None
    last: int = 0  # number of the newest attempt
    end: str = ""  # how it ended: "" open, else voided, failed, lost, conflict, over
    is_due: bool = False  # `RetryDue` came since
    is_wanted: bool = False  # an operator said retry since
    failed: int = 0  # attempts, by the bot's own word
    lost: int = 0
    was_wanted: bool = False  # an operator said retry, ever: the policy no longer counts alone


@dataclass(slots=True)
class _Walk:
    story: Story
    tries: dict[VisitId, _Tries] = field(default_factory=dict)
    incidents: dict[IncidentId, VisitId] = field(default_factory=dict)


def check_reasons(reading: Reading) -> Iterator[Violation]:
    """Check I18 and I19: an attempt after the first has a recorded reason, and a person's when nobody knows what happened."""
    for story in reading.jobs.values():
        if not story.damaged and story.accepted is not None:
            yield from _walk(reading, _Walk(story))


def _walk(reading: Reading, walk: _Walk) -> Iterator[Violation]:
    for place, _, record in walk.story.records:
        for event in record.events:
            found = _step(reading, walk, event)
            if found is not None:
                yield Violation(found[0], reading.at_us(place), found[1], walk.story.job)
            if isinstance(event, ev.JobFinished):
                return  # what comes after it is no attempt, or wrong for a better reason


def _step(reading: Reading, walk: _Walk, event: ev.AnyEvent) -> tuple[Invariant, str] | None:
    match event:
        case ev.AttemptAssigned():
            return _assigned(_tries(reading, walk, event.visit), event)
        case ev.AttemptFailed():
            return _failed(_tries(reading, walk, event.visit), event)
        case ev.AttemptLost():
            tries = _tries(reading, walk, event.visit)
            tries.lost += 1
            tries.end, tries.is_due, tries.is_wanted = "lost", False, False
        case ev.AssignmentVoided():
            _tries(reading, walk, event.visit).end = "voided"
        case ev.AttemptSucceeded():
            return _succeeded(_tries(reading, walk, event.visit), event)
        case ev.VisitCancelled():
            _tries(reading, walk, event.visit).end = "over"
        case ev.RetryDue():
            _tries(reading, walk, event.visit).is_due = True
        case ev.IncidentOpened() | ev.IncidentClosed():
            _asked(reading, walk, event)
        case _:
            pass
    return None


def _asked(reading: Reading, walk: _Walk, event: ev.IncidentOpened | ev.IncidentClosed) -> None:
    if isinstance(event, ev.IncidentOpened):
        if event.visit is not None:
            walk.incidents[event.incident] = event.visit
        if event.visit is not None and event.kind is ev.IncidentKind.CONFLICT:
            _tries(reading, walk, event.visit).end = "conflict"
    elif event.by == ev.Choice.RETRY and event.incident in walk.incidents:
        tries = _tries(reading, walk, walk.incidents[event.incident])
        tries.is_wanted = tries.was_wanted = True


def _tries(reading: Reading, walk: _Walk, visit: VisitId) -> _Tries:
    tries = walk.tries.get(visit)
    if tries is None:
        tries = walk.tries[visit] = _Tries(reading.activity(walk.story.job, visit))
    return tries


def _assigned(tries: _Tries, event: ev.AttemptAssigned) -> tuple[Invariant, str] | None:
    found: tuple[Invariant, str] | None = None
    name = f"{event.visit}/{event.attempt}"
    if event.attempt != tries.last + 1:
        found = Invariant.REASONS, f"{name} is assigned after attempt {tries.last}"
    elif tries.last and tries.end in {"lost", "conflict"} and not tries.is_wanted and not _may_repeat(tries):
        found = (
            Invariant.SILENCE,
            f"{name} is assigned, nobody knows what became of attempt {tries.last}, nobody was asked",
        )
    elif tries.last and not _has_reason(tries):
        found = Invariant.REASONS, f"{name} is assigned, attempt {tries.last} is {tries.end or 'open'}"
    tries.last = event.attempt
    tries.end, tries.is_due, tries.is_wanted = "", False, False
    return found


def _may_repeat(tries: _Tries) -> bool:
    """Whether a lost attempt may be repeated without a person: it does no harm, or the author wrote so."""
    activity = tries.activity
    if activity is None or tries.end != "lost":
        return False
    return activity.on_lost == "retry" or (activity.idempotent and activity.on_lost != "incident")


def _has_reason(tries: _Tries) -> bool:
    if tries.end == "voided" or tries.is_wanted:
        return True
    if tries.end == "lost" and tries.activity is not None and not tries.was_wanted:
        return tries.is_due and tries.lost < tries.activity.lost_attempts
    return tries.end in {"failed", "lost"} and tries.is_due


def _succeeded(tries: _Tries, event: ev.AttemptSucceeded) -> tuple[Invariant, str] | None:
    was_open, tries.end = tries.end == "", "over"
    if was_open or event.by:
        return None
    return (
        Invariant.REASONS,
        f"{event.visit}/{event.attempt} succeeds by the bot's word, and had ended before",
    )


def _failed(tries: _Tries, event: ev.AttemptFailed) -> tuple[Invariant, str] | None:
    was_open = tries.end == ""
    tries.end, tries.is_due, tries.is_wanted = (
        "failed" if event.retry_at_us is not None else "over",
        False,
        False,
    )
    if not event.attempt or not was_open:
        return None  # no bot came, or an operator's word: no try that counts
    tries.failed += 1
    allowed = tries.activity.retry.attempts if tries.activity is not None else 1
    if event.retry_at_us is not None and not tries.was_wanted and tries.failed >= allowed:
        return (
            Invariant.REASONS,
            f"{event.visit}/{event.attempt} is to be retried, the policy allows {allowed}",
        )
    return None
