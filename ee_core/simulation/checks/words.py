"""I20, I21, I22: bots' words: those that records quote were said, drains end by them, and grants wait for them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from ee_core.model import events as ev
from ee_core.simulation import lines as ln
from ee_core.simulation.checks.reading import Attempt, AttemptKey, Reading, bot_name, is_recorded
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.ids import BotId

_SAID_LOST: Final = frozenset(
    {"lost", "stopped", "wrong_ledger"}
)  # reasons of a loss that are words of the bot
_RESTS: Final = frozenset({"succeeded", "failed", "stopped", "lost", "stale", "wrong_ledger", "idle"})
_RESULTS: Final = frozenset({"succeeded", "failed"})
_WORKS: Final = frozenset({"accepted", "heartbeat", "succeeded", "failed"})  # said by who has begun


class _Said:
    """What bots have said up to some line."""

    def __init__(self) -> None:
        self.words: dict[AttemptKey, list[ln.BotSaid]] = defaultdict(list)
        self.pending: dict[BotId, dict[AttemptKey, Attempt]] = defaultdict(
            dict
        )  # that a bot may still work on
        self.seated: dict[BotId, dict[AttemptKey, Attempt]] = defaultdict(dict)  # whose end is not recorded
        self.quarantined: dict[BotId, int] = {}  # place where its lock's record said so first
        self.rested: set[AttemptKey] = set()  # assigned attempts that the bot surely does not do
        self.results: dict[AttemptKey, list[ln.ActivityEnded]] = defaultdict(list)


def check_words(reading: Reading) -> Iterator[Violation]:
    """Check I20, I21 and I22 in one walk over the lines."""
    said = _Said()
    for place, line in enumerate(reading.lines):
        match line:
            case ln.BotSaid():
                _hear(said, line)
            case ln.ActivityEnded():
                start = reading.works[line.work].start
                said.results[start.job, start.visit, start.attempt].append(line)
            case ln.LeaseWritten(state="quarantined"):
                said.quarantined[line.bot] = place
            case ln.Committed():
                yield from _commit(reading, said, place, line)
            case _:
                pass


def _hear(said: _Said, line: ln.BotSaid) -> None:
    key: AttemptKey | None = None
    if line.job is not None and line.visit is not None and line.attempt is not None:
        key = (line.job, line.visit, line.attempt)
        said.words[key].append(line)
    if line.bot is None:
        return
    pending = said.pending[line.bot]
    for other in [name for name, attempt in pending.items() if _disproves(line, key, attempt)]:
        del pending[other]
        said.rested.add(other)


def _disproves(line: ln.BotSaid, key: AttemptKey | None, attempt: Attempt) -> bool:
    """Whether a bot's word proves that it does not do an attempt, and never will (section 6 of the design)."""
    if key == attempt.key:
        return line.kind in _RESTS and line.fence in (attempt.assigned.fence, None)
    fence = attempt.assigned.fence
    if fence is None or line.highest <= fence:
        return False
    running = line.running
    if running is not None:
        return (running.job, running.visit, running.attempt) != attempt.key
    if key is None:
        return line.kind == "idle"
    return line.kind in _WORKS and line.fence is not None and line.fence > fence


def _commit(reading: Reading, said: _Said, place: int, line: ln.Committed) -> Iterator[Violation]:
    for record in line.records:
        is_operated = any(isinstance(event, ev.OperatorActed) for event in record.events)
        for event in record.events:
            found: tuple[Invariant, str] | None = None
            attempt = _attempt_of(reading, record, event)
            if attempt is None:
                continue
            if isinstance(event, ev.AttemptAssigned):
                found = _grant(reading, said, place, attempt)
            elif isinstance(event, ev.BotDrained | ev.BotQuarantined):
                found = _drained(said, place, attempt, event)
            elif not is_operated or isinstance(event, ev.LateResponse):
                found = _quoted(said, attempt, event)
            elif isinstance(event, ev.AttemptSucceeded):
                found = _taken(reading, attempt, event)
            if found is not None:
                yield Violation(found[0], line.at_us, found[1], record.job, attempt.assigned.bot)


def _attempt_of(reading: Reading, record: ev.Record, event: ev.AnyEvent) -> Attempt | None:
    visit, number = getattr(event, "visit", None), getattr(event, "attempt", 0)
    return reading.attempts.get((record.job, visit, number)) if visit and number else None


def _grant(reading: Reading, said: _Said, place: int, attempt: Attempt) -> tuple[Invariant, str] | None:
    """Judge an assignment: the bot does nothing else, and that is durable (I22)."""
    bot, fence = attempt.assigned.bot, attempt.assigned.fence
    if bot is None or fence is None or attempt.place != place:
        return None
    pending, seated = said.pending[bot], said.seated[bot]
    for name, one in tuple(seated.items()):
        is_damaged = reading.jobs[name[0]].damaged
        if is_recorded(one, place, is_damaged=is_damaged) or not _is_one_lease(one, attempt):
            del seated[name]
    others = [name for name, one in pending.items() if _is_older(one, attempt)] or list(seated)
    for key in others:
        pending.pop(key, None)
        seated.pop(key, None)
    pending[attempt.key] = seated[attempt.key] = attempt
    if others:
        return Invariant.GRANTS, f"{bot} is assigned to {attempt.key}, and may still work on {others[0]}"
    return None


def _is_older(one: Attempt, attempt: Attempt) -> bool:
    """Whether an attempt has a lower fence: a higher one makes the bot refuse the lower, which harms nobody."""
    first, second = one.assigned.fence, attempt.assigned.fence
    return first is not None and second is not None and first < second


def _is_one_lease(one: Attempt, attempt: Attempt) -> bool:
    """Whether one engine assigned both: another's journal is not its own, and the bot's claim had to do."""
    first, second = one.assigned.fence, attempt.assigned.fence
    return first is not None and second is not None and first.lease == second.lease


def _drained(
    said: _Said, place: int, attempt: Attempt, event: ev.BotDrained | ev.BotQuarantined
) -> tuple[Invariant, str] | None:
    bot = attempt.assigned.bot
    if bot is None:
        return Invariant.DRAINS, f"a drain of {attempt.key}, which has no bot"
    if isinstance(event, ev.BotDrained):
        if attempt.key in said.rested:
            return None
        return Invariant.DRAINS, f"the drain of {attempt.key} ends, and {bot} has said nothing"
    if event.bot == bot and attempt.place < said.quarantined.get(bot, -1) < place:
        return None
    return (
        Invariant.DRAINS,
        f"{event.bot} is quarantined for {attempt.key}, and its lock's record does not say so",
    )


def _quoted(said: _Said, attempt: Attempt, event: ev.AnyEvent) -> tuple[Invariant, str] | None:
    """Judge an event that stands for a word of the bot: it has said so, of that attempt and under that fence (I20)."""
    match event:
        case ev.AttemptSucceeded(by=""):
            kinds = {"succeeded"}
        case ev.AttemptFailed():
            kinds = {"failed"}
        case ev.AssignmentVoided():
            kinds = {"stale"}
        case ev.LateResponse():
            if attempt.assigned.bot is None and event.kind not in _RESULTS:
                return None  # the host's own word: it may stop work before the first step of its code
            kinds = {event.kind}
        case ev.AttemptLost() if event.why in _SAID_LOST:
            if (
                attempt.key in said.rested
            ):  # also by an answer to a question, which names no fence, or to a claim
                return None
            kinds = {event.why}
        case ev.AttemptLost() if attempt.assigned.bot is not None and not event.drains:
            return Invariant.DRAINS, f"{attempt.key} is lost by {event.why!r}, and its bot is not drained"
        case _:
            return None
    if _was_said(said, attempt, kinds, event):
        return None
    return (
        Invariant.WORDS,
        f"{type(event).__name__} of {attempt.key}, {bot_name(attempt.assigned.bot)} has not said so",
    )


def _was_said(said: _Said, attempt: Attempt, kinds: set[str], event: ev.AnyEvent) -> bool:
    words = [
        word
        for word in said.words.get(attempt.key, ())
        if word.fence == attempt.assigned.fence and attempt.assigned.bot in {None, word.bot}
    ]
    if not any(word.kind in kinds and _is_equal(word, event) for word in words):
        return False
    if "succeeded" not in kinds:
        return True  # a bot may fail or stop before it calls any code
    return any(_is_equal(end, event) for end in said.results.get(attempt.key, ()) if end.how == "succeeded")


def _is_equal(word: ln.BotSaid | ln.ActivityEnded, event: ev.AnyEvent) -> bool:
    match event:
        case ev.AttemptSucceeded():
            return bool(word.output == event.output)
        case ev.AttemptFailed():
            return word.error == event.error
        case ev.LateResponse():
            # why a bot stopped is told for people, and not judged
            return event.kind not in _RESULTS or (word.output == event.output and word.error == event.error)
        case _:
            return True


def _taken(reading: Reading, attempt: Attempt, event: ev.AttemptSucceeded) -> tuple[Invariant, str] | None:
    """Judge a result that an operator took: a bot has given it, late (I20)."""
    job, visit, _ = attempt.key
    if event.by != "take_result":
        return None
    for one in reading.jobs[job].attempts[visit]:
        if any(isinstance(late, ev.LateResponse) and late.output == event.output for _, late in one.after):
            return None
    return Invariant.WORDS, f"an operator took a result of {attempt.key} that never came"


# -- silence -------------------------------------------------------------------------------------------------------


def check_silence(reading: Reading) -> Iterator[Violation]:
    """Check I35: a bot is given up for its silence only when the engine had no sign of it for as long as it may be silent."""
    signs: dict[tuple[str, AttemptKey], list[int]] = defaultdict(list)  # by engine; when it took them
    asked: dict[AttemptKey, int] = {}  # since when the bot's ledger is asked
    for line in reading.lines:
        if isinstance(line, ln.ResponseSettled):
            if (attempt := _sign_of(reading, line)) is not None:
                signs[line.engine, attempt.key].append(line.at_us)
        elif isinstance(line, ln.Committed):
            for record in line.records:
                for event in record.events:
                    if not isinstance(event, ev.AttemptLost | ev.AttemptQuestioned):
                        continue
                    key = (record.job, event.visit, event.attempt)
                    if event.why == "heartbeat" and _was_heard(
                        reading, key, signs[line.engine, key], asked.get(key), line.at_us
                    ):
                        text = f"{event.visit}/{event.attempt} is given up for silence, and its bot was heard"
                        yield Violation(Invariant.SILENT, line.at_us, text, record.job)
                    asked[key] = line.at_us


def _sign_of(reading: Reading, word: ln.ResponseSettled) -> Attempt | None:
    """Return the attempt of which a bot gives a sign of life; a word under a foreign fence is none."""
    attempt = reading.find_attempt(word.job, word.visit, word.attempt)
    if attempt is None or word.kind not in {"accepted", "heartbeat"}:
        return None
    ours = word.fence == attempt.assigned.fence and attempt.assigned.bot in {None, word.bot}
    return attempt if ours else None


def _was_heard(
    reading: Reading, key: AttemptKey, signs: list[int], asked_us: int | None, now_us: int
) -> bool:
    """Whether there is no gap as long as a bot may be silent, since its first sign or since it was asked."""
    activity = reading.activity(key[0], key[1])
    if activity is None or not signs:
        return False
    allowed_ms, times = activity.timeouts.heartbeat_ms, signs
    if asked_us is not None:
        allowed_ms = min(allowed_ms, activity.timeouts.ask_ms)
        times = [asked_us, *(at_us for at_us in signs if at_us >= asked_us)]
    gaps = (after - before for before, after in itertools.pairwise([*times, now_us]))
    return max(gaps) < allowed_ms * 1000
