"""I24, I25, I26: what engines do to the world waits for the journal, and leases for the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_core.model import events as ev
from ee_core.simulation import lines as ln
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.ids import BotId, JobId
    from ee_core.simulation.checks.reading import Attempt, Reading

# Words that end an attempt, so that a record must follow; the others are the Reactor's, or an incident.
_ENDING: Final = frozenset({"succeeded", "failed", "stopped", "lost", "stale", "wrong_ledger"})
_KEPT: Final = frozenset({"succeeded", "failed"})  # what must not be forgotten when it comes late (R17)


def check_durable(reading: Reading) -> Iterator[Violation]:
    """Check I24: a request says what its stored record says, and observers see stored events."""
    shown: dict[tuple[JobId, int], set[str]] = {}
    for place, line in enumerate(reading.lines):
        text = ""
        match line:
            case ln.Committed():
                for record in line.records:
                    shown[record.job, record.index] = {type(event).__name__ for event in record.events}
            case ln.RequestSent():
                attempt = reading.attempts.get((line.job, line.visit, line.attempt))
                text = _unlike(line, place, attempt)
            case ln.EventShown():
                if line.name not in shown.get((line.job, line.record), ()):
                    text = f"{line.name} of record {line.record} is shown, and is not stored"
            case _:
                pass
        if text:
            assert isinstance(line, ln.RequestSent | ln.EventShown)
            yield Violation(Invariant.DURABLE, line.at_us, text, line.job)


def _unlike(line: ln.RequestSent, place: int, attempt: Attempt | None) -> str:
    name = f"the request for {line.visit}/{line.attempt}"
    if attempt is None or attempt.place > place:
        return f"{name} is sent before its record is stored"
    event = attempt.assigned
    sent, meant = (line.bot, line.fence, line.ledger), (event.bot, event.fence, event.ledger)
    if sent != meant:
        return f"{name} says {sent}, its record {meant}"
    if line.input_hash and line.input_hash != attempt.input_hash:
        return f"{name} has the input {line.input_hash}, its record {attempt.input_hash}"
    return ""


def check_taken(reading: Reading) -> Iterator[Violation]:
    """Check I25: a word that ends an attempt is acknowledged only after the record of it, or of another end."""
    for kind in (ln.ResponseSettled, ln.ResponseAcked):
        for place in reading.places[kind]:
            line = reading.lines[place]
            assert isinstance(line, ln.ResponseSettled | ln.ResponseAcked)
            attempt = reading.find_attempt(line.job, line.visit, line.attempt)
            if attempt is None or line.fence != attempt.assigned.fence or not _is_of(attempt, line.bot):
                continue  # not the answer to what was asked: it changes nothing (R19)
            text = _forgotten(line, place, attempt)
            if text:
                yield Violation(Invariant.TAKEN, line.at_us, text, line.job, line.bot)


def _is_of(attempt: Attempt, bot: BotId) -> bool:
    return attempt.assigned.bot in {None, bot}


def _forgotten(line: ln.ResponseSettled | ln.ResponseAcked, place: int, attempt: Attempt) -> str:
    name = f"{line.visit}/{line.attempt}"
    if isinstance(line, ln.ResponseSettled):
        if line.kind not in _ENDING:
            return ""
        what, is_kept = f"{line.kind!r} of {name}", line.kind in _KEPT
    else:
        what, is_kept = f"the answer about {name}", False  # it does not say which word it answers
    if attempt.end is None or attempt.end_place > place:
        return f"{what} is acknowledged, no end of the attempt is stored"
    if attempt.assigned.bot is None or attempt.ended_by_word or not is_kept:
        return ""
    kept = any(isinstance(event, ev.LateResponse) and when <= place for when, event in attempt.after)
    return "" if kept else f"{what} came late and is acknowledged, and is not stored"


def check_leases(reading: Reading) -> Iterator[Violation]:
    """Check I26: lease numbers rise with every holder, and a fence's lease is one that the lock gave to its engine."""
    last: dict[BotId, ln.LeaseWritten] = {}
    holders: dict[tuple[BotId, int], str | None] = {}
    for line in reading.lines:
        if isinstance(line, ln.LeaseWritten):
            before = last.get(line.bot)
            if before is not None and _falls(before, line):
                text = f"lease {line.lease} of {line.holder} after {before.lease} of {before.holder}"
                yield Violation(Invariant.LEASES, line.at_us, text, bot=line.bot)
            last[line.bot] = line
            holders.setdefault((line.bot, line.lease), line.holder)
        elif isinstance(line, ln.Committed):
            for record in line.records:
                for event in record.events:
                    if (
                        isinstance(event, ev.AttemptAssigned)
                        and event.bot is not None
                        and event.fence is not None
                    ):
                        holder = holders.get((event.bot, event.fence.lease))
                        if holder != line.engine:
                            text = f"{line.engine} assigns {event.bot} under lease {event.fence.lease} of {holder}"
                            yield Violation(Invariant.LEASES, line.at_us, text, record.job, event.bot)


def _falls(before: ln.LeaseWritten, line: ln.LeaseWritten) -> bool:
    if line.lease != before.lease:
        return line.lease < before.lease
    return line.holder is not None and line.holder != before.holder
