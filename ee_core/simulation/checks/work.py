"""I13, I14, I16, I17, I23: what bots really did, against what the journal allowed them to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_core.model import events as ev
from ee_core.model.ids import BotId, Fence
from ee_core.simulation import lines as ln
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.simulation.checks.reading import Attempt, Reading, Work


_STOPS_US: Final = 30_000_000  # longer than the most stubborn work goes on


def check_overlap(reading: Reading) -> Iterator[Violation]:
    """Check I13: a bot does one thing at a time, whatever process carries its name."""
    last: dict[BotId, Work] = {}
    for work in reading.works.values():  # in order of their beginnings
        if work.start.by != "bot" or work.start.bot is None:
            continue
        before = last.get(work.start.bot)
        if before is not None and (before.end_place is None or before.end_place > work.place):
            text = f"work {work.start.work} begins while {before.start.work} goes on"
            yield Violation(Invariant.OVERLAP, work.start.at_us, text, work.start.job, work.start.bot)
        if (
            before is None
            or before.end_place is None
            or work.end_place is None
            or work.end_place > before.end_place
        ):
            last[work.start.bot] = work  # of two that overlap, the one that lasts longer


def check_fences(reading: Reading) -> Iterator[Violation]:
    """Check I14: a bot's memory never starts work under a lower fence than it has worked under or has claimed."""
    highest: dict[tuple[BotId | None, str], Fence] = {}
    for line in reading.lines:
        if isinstance(line, ln.ActivityStarted) and line.by == "bot" and line.fence is not None:
            key = (line.bot, line.ledger or "")
            seen = highest.get(key, Fence(0, 0))
            if line.fence < seen:
                text = f"work {line.work} begins under {tuple(line.fence)}, the bot has seen {tuple(seen)}"
                yield Violation(Invariant.FENCES, line.at_us, text, line.job, line.bot)
            highest[key] = max(seen, line.fence)
        elif (
            isinstance(line, ln.BotSaid) and line.kind == "idle" and line.job is None and line.running is None
        ):
            # only the answer to a claim: other words may come from work whose code is about to be called
            key = (line.bot, line.ledger)
            highest[key] = max(highest.get(key, Fence(0, 0)), line.highest)


def check_once(reading: Reading) -> Iterator[Violation]:
    """Check I16: an attempt begins once and has one effect, unless it is idempotent and any worker may do it."""
    for attempt in reading.attempts.values():
        works = [work for work in attempt.works if not _is_free(work, reading, attempt)]
        for again in works[1:]:
            text = f"work {again.start.work} begins attempt {attempt.key[1]}/{attempt.key[2]} again"
            yield _violation(Invariant.ONCE, again, again.place, reading, text)
        effects = [(place, work) for work in works[:1] for place in work.effects]
        for place, work in effects[1:]:
            text = f"another effect of attempt {attempt.key[1]}/{attempt.key[2]}"
            yield _violation(Invariant.ONCE, work, place, reading, text)


def _is_free(work: Work, reading: Reading, attempt: Attempt) -> bool:
    activity = reading.activity(attempt.key[0], attempt.key[1])
    return work.start.by == "worker" and activity is not None and activity.stateless and activity.idempotent


def check_recorded(reading: Reading) -> Iterator[Violation]:
    """Check I17: work has a record of exactly that attempt, bot, ledger and fence, stored before it began."""
    lives = {
        line.instance: line.ledger
        for line in reading.lines
        if isinstance(line, ln.BotStarted) and not line.worker
    }
    for work in reading.strays:
        yield _violation(
            Invariant.RECORDED, work, work.place, reading, f"work {work.start.work} is of no assigned attempt"
        )
    for attempt in reading.attempts.values():
        for work in attempt.works:
            text = _unlike(work, attempt, lives)
            if text:
                yield _violation(
                    Invariant.RECORDED, work, work.place, reading, f"work {work.start.work} {text}"
                )


def _unlike(work: Work, attempt: Attempt, lives: dict[str, str]) -> str:
    start, event = work.start, attempt.assigned
    if work.place < attempt.place:
        return "begins before its record is stored"
    if start.fence != event.fence or start.ledger != event.ledger:
        return f"begins under {start.fence} and {start.ledger}, recorded is {event.fence} and {event.ledger}"
    if (start.bot if start.by == "bot" else None) != event.bot:
        return f"is begun by {start.by} {start.bot}, recorded is {event.bot}"
    if start.by == "bot" and lives.get(start.instance) != start.ledger:
        return f"begins in a process whose ledger is {lives.get(start.instance)}"
    if start.by == "worker" and not start.idempotent:
        return "is done by a worker, and may not be done twice"
    if start.by == "engine" and start.instance != attempt.engine:
        return f"begins in {start.instance}, the record is of {attempt.engine}"
    return ""


def check_idle(reading: Reading) -> Iterator[Violation]:
    """Check I23: what is recorded as not done, or no longer, is not done then and never later."""
    for attempt in reading.attempts.values():
        if attempt.assigned.bot is None:
            continue  # any worker may carry it out again
        if isinstance(attempt.end, ev.AssignmentVoided):
            for work in attempt.works:
                text = f"work {work.start.work} is of an attempt that is recorded as never started"
                yield _violation(Invariant.IDLE, work, work.place, reading, text)
            continue
        place = rest_place(attempt)
        if place is None:
            continue
        for work in attempt.works:
            if work.end_place is None or work.end_place > place:
                text = f"work {work.start.work} goes on, the bot is recorded as idle"
                yield _violation(Invariant.IDLE, work, max(work.place, place), reading, text)


def check_stopped(reading: Reading) -> Iterator[Violation]:
    """Check I32: a cancel that a bot has taken ends the work that it names, if its process lives so long."""
    calm_us, ended_us = reading.history.faults_stopped_us, reading.history.ended_us
    for place in reading.places[ln.CancelTaken]:
        line = reading.lines[place]
        assert isinstance(line, ln.CancelTaken)
        attempt = reading.find_attempt(line.job, line.visit, line.attempt)
        for work in () if attempt is None else attempt.works:
            if work.start.bot != line.bot or work.place > place:
                continue
            end_us = ended_us if work.end_place is None else reading.at_us(work.end_place)
            if end_us > max(line.at_us, calm_us) + _STOPS_US:
                text = f"work {work.start.work} goes on long after its bot was told to stop"
                yield _violation(Invariant.STOPPED, work, place, reading, text)


def check_in_house(reading: Reading) -> Iterator[Violation]:
    """Check I32 of work in an engine's own process: it does not outlive its attempt for long."""
    calm_us, ended_us = reading.history.faults_stopped_us, reading.history.ended_us
    for attempt in reading.attempts.values():
        if attempt.end is None:
            continue
        over_us = max(reading.at_us(attempt.end_place), calm_us)
        for work in attempt.works:
            end_us = ended_us if work.end_place is None else reading.at_us(work.end_place)
            if work.start.by == "engine" and end_us > over_us + _STOPS_US:
                text = f"work {work.start.work} goes on long after its attempt has ended"
                yield _violation(Invariant.STOPPED, work, attempt.end_place, reading, text)


def rest_place(attempt: Attempt) -> int | None:
    """Return the place of the record from which on the bot is known not to do the attempt; None: never."""
    if attempt.ended_by_word:
        return attempt.end_place
    return next((place for place, event in attempt.after if not isinstance(event, ev.BotQuarantined)), None)


def _violation(invariant: Invariant, work: Work, place: int, reading: Reading, text: str) -> Violation:
    return Violation(invariant, reading.at_us(place), text, work.start.job, work.start.bot)
