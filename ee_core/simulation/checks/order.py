"""I34: a bot goes to whoever is first in the line: by priority, then by age (R9).

Judged where nothing but the line decides: with one bot, under one lease, and for visits that stood in it before the bot
came free. Who comes while a grant is under way has come too late, and that is not seen here.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from ee_core.simulation import lines as ln
from ee_core.simulation.checks.violation import Invariant, Violation
from ee_core.simulation.checks.work import rest_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ee_core.simulation.checks.reading import Attempt, Reading
    from ee_core.simulation.checks.replaying import Span

_SURE_US: Final = 1_000_000  # what was recorded so long before is known to every part of an engine


def check_order(reading: Reading, spans: Sequence[Span]) -> Iterator[Violation]:
    """Check I34."""
    bots = {
        line.bot
        for place in reading.places[ln.BotStarted]
        if isinstance(line := reading.lines[place], ln.BotStarted) and not line.worker
    }
    if len(bots) != 1:
        return
    attempts = [attempt for attempt in reading.attempts.values() if attempt.assigned.bot in bots]
    attempts.sort(key=lambda attempt: attempt.place)
    for before, attempt in itertools.pairwise(attempts):
        free = rest_place(before)
        if free is None or free >= attempt.place or not _is_one_lease(before, attempt):
            continue
        passed = _find_passed(reading, spans, free, attempt)
        if passed is not None:
            job, visit, _ = attempt.key
            text = f"{attempt.assigned.bot} is assigned to {visit} of {job}, {passed.wait.visit} was before it in the line"
            yield Violation(Invariant.ORDER, reading.at_us(attempt.place), text, passed.job)


def _is_one_lease(first: Attempt, second: Attempt) -> bool:
    one, other = first.assigned.fence, second.assigned.fence
    return one is not None and other is not None and one.lease == other.lease


def _find_passed(reading: Reading, spans: Sequence[Span], free: int, attempt: Attempt) -> Span | None:
    """Return who stood in the line before the bot came free, before the one that got it, and got nothing."""
    got = next((span for span in spans if _is_of(span, attempt)), None)
    if got is None:
        return None
    known_us = reading.at_us(free) - _SURE_US
    for span in spans:
        stood = reading.at_us(span.begin) < known_us and (span.end is None or span.end > attempt.place)
        if stood and span.wait.same_as in {None, attempt.assigned.bot} and _is_before(span, got):
            return span
    return None


def _is_of(span: Span, attempt: Attempt) -> bool:
    job, visit, _ = attempt.key
    return span.job == job and span.wait.visit == visit and span.end == attempt.place


def _is_before(one: Span, other: Span) -> bool:
    if one.wait.selector.same_as and one.wait.same_as is None:
        return False  # of a node that had no bot: none fits
    if one.priority != other.priority:
        return one.priority > other.priority
    return one.wait.since_us + _SURE_US < other.wait.since_us
