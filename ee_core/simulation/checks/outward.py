"""I24, I25, I26, I33: what engines do to the world waits for the journal, and leases for the lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ee_core.model import events as ev
from ee_core.simulation import lines as ln
from ee_core.simulation.checks.reading import is_recorded
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.ids import BotId, JobId
    from ee_core.simulation.checks.reading import Attempt, Reading

# Words that end an attempt, so that a record must follow; the others are the Reactor's, or an incident.
_ENDING: Final = frozenset({"succeeded", "failed", "stopped", "lost", "stale", "wrong_ledger"})
_KEPT: Final = frozenset(
    {"succeeded", "failed", "stopped", "lost"}
)  # what is recorded when it comes late (R17)


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


def check_told(reading: Reading) -> Iterator[Violation]:
    """Check I33: at the end, hooks have been told of every event."""
    if reading.parked:
        return
    for job, name in reading.history.final.untold:
        yield Violation(Invariant.TOLD, reading.history.ended_us, f"no hook was told of {name}", job)


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
    """Check I26: lease numbers rise with every holder, and a fence's lease is one that the lock gave to its engine.

    It is held from when the bot has answered the claim of that lease, and not assigned before.
    """
    leases = _Leases({}, {}, {}, set(), {})
    for place, line in enumerate(reading.lines):
        if isinstance(line, ln.LeaseWritten):
            text = _written(leases, line) or _held(reading, leases, line)
            if text:
                yield Violation(Invariant.LEASES, line.at_us, text, bot=line.bot)
        elif isinstance(line, ln.BotSaid) and line.bot is not None:
            if line.lease and line.job is None:
                leases.answers[line.bot, line.lease] = place, line
            leases.claimed[line.bot] = max(leases.claimed.get(line.bot, 0), line.highest.lease)
            if line.lease and (line.bot, line.lease) not in leases.holders:
                text = f"the bot answers the claim of lease {line.lease}, which nobody was given"
                yield Violation(Invariant.LEASES, line.at_us, text, bot=line.bot)
        elif isinstance(line, ln.Committed):
            yield from _committed(leases, line)


def _committed(leases: _Leases, line: ln.Committed) -> Iterator[Violation]:
    for record in line.records:
        for event in record.events:
            text = _assigned(leases, line.engine, event) if isinstance(event, ev.AttemptAssigned) else ""
            if text:
                yield Violation(Invariant.LEASES, line.at_us, text, record.job)


@dataclass(frozen=True, slots=True)
class _Leases:
    """What is known of leases up to some line."""

    last: dict[BotId, ln.LeaseWritten]
    holders: dict[tuple[BotId, int], str | None]  # who was given a lease first
    claimed: dict[BotId, int]  # the highest lease that a bot has seen
    held: set[
        tuple[BotId, int]
    ]  # leases that were ever held: a commit may land after its lease was given back
    answers: dict[tuple[BotId, int], tuple[int, ln.BotSaid]]  # the last to each claim


def _written(leases: _Leases, line: ln.LeaseWritten) -> str:
    before = leases.last.get(line.bot)
    leases.last[line.bot] = line
    leases.holders.setdefault((line.bot, line.lease), line.holder)
    if line.state == "held":
        leases.held.add((line.bot, line.lease))
    if line.robbed:
        return f"lease {line.lease} is given to {line.holder}, and {before and before.holder} lives"
    if before is not None and _falls(before, line):
        return f"lease {line.lease} of {line.holder} after {before.lease} of {before.holder}"
    if line.state == "held" and leases.claimed.get(line.bot, 0) < line.lease:
        return f"lease {line.lease} is held, the bot has not answered its claim"
    return ""


def _held(reading: Reading, leases: _Leases, line: ln.LeaseWritten) -> str:
    """Judge that a bot is held: what it said it works on, when it answered the claim, must be waited for."""
    if line.state != "held" or (line.bot, line.lease) not in leases.answers:
        return ""
    place, said = leases.answers[line.bot, line.lease]
    if said.running is None:
        return ""
    attempt = reading.find_attempt(said.running.job, said.running.visit, said.running.attempt)
    is_over = attempt is not None and is_recorded(attempt, place, is_damaged=False)
    if is_over and not any(_is_unsure(reading.lines[at]) for at in reading.places[ln.FaultInjected]):
        return f"it is held, and works on {said.running.visit}, for which nobody waits"
    return ""


def _is_unsure(line: ln.Line) -> bool:
    """Whether after this fault an engine may know less than the journal."""
    return isinstance(line, ln.FaultInjected) and line.kind in {
        ln.FaultKind.COMMIT_UNKNOWN,
        ln.FaultKind.COMMIT_LATE,
    }


def _assigned(leases: _Leases, engine: str, event: ev.AttemptAssigned) -> str:
    if event.bot is None or event.fence is None:
        return ""
    lease = event.fence.lease
    holder = leases.holders.get((event.bot, lease))
    if holder != engine:
        return f"{engine} assigns {event.bot} under lease {lease} of {holder}"
    if (event.bot, lease) not in leases.held:
        return f"{engine} assigns {event.bot} under lease {lease}, which was never held"
    return ""


def _falls(before: ln.LeaseWritten, line: ln.LeaseWritten) -> bool:
    if line.lease != before.lease:
        return line.lease < before.lease
    return line.holder is not None and line.holder != before.holder
