"""Every place of a run where something may go wrong, found in the run that nothing disturbs.

Up to its place a disturbed run is the undisturbed one again, so each place is met exactly once, and its name says how
to meet it again: ``crash-after-write:12``, ``dies-during:mix#1``, ``message-lost:activity.ack:3``.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ee_core.simulation import lines as ln
from ee_core.simulation.faulty_broker import HELD_S
from ee_core.simulation.life import current_life
from ee_core.simulation.rehearsal_cast import SLOW_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ee_core.model.ids import JobId
    from ee_core.simulation.carrying_out import Run
    from ee_core.simulation.life import Life
    from ee_core.simulation.rehearsal_cast import FakeCast, Point
    from ee_core.simulation.world import World

ENGINE: Final = "the engine"
OBSERVERS: Final = "jobs.events"  # messages that nobody reads in a rehearsal
SIGNS: Final = 3  # signs of life of one sort that are looked at: the later ones are like them
_SIGNS: Final = frozenset({"bots.heartbeat", "activity.response heartbeat"})


class Kind(StrEnum):
    """What goes wrong."""

    CRASH_BEFORE_WRITE = "crash-before-write"
    CRASH_AFTER_WRITE = "crash-after-write"
    ANSWER_LOST = "answer-lost"
    DIES_BEFORE = "dies-before"
    DIES_DURING = "dies-during"
    DIES_AFTER = "dies-after"
    SLOW = "slow"
    MESSAGE_LOST = "message-lost"
    MESSAGE_DOUBLED = "message-doubled"
    MESSAGE_LATE = "message-late"


_WRITES: Final[Mapping[Kind, str]] = {
    Kind.CRASH_BEFORE_WRITE: "the engine dies before journal write",
    Kind.CRASH_AFTER_WRITE: "the engine dies after journal write",
    Kind.ANSWER_LOST: "the journal's answer is lost to write",
}
_MESSAGES: Final[Mapping[Kind, str]] = {
    Kind.MESSAGE_LOST: "is lost",
    Kind.MESSAGE_DOUBLED: "comes twice",
    Kind.MESSAGE_LATE: f"comes {HELD_S:g} s late",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One place, and what goes wrong there."""

    kind: Kind
    where: str
    text: str  # for people

    @property
    def name(self) -> str:
        """What it is asked for by."""
        return f"{self.kind.value}:{self.where}"


@dataclass(slots=True)
class Observed:
    """What is seen in the run that nothing disturbs."""

    messages: list[tuple[str, str, str]] = field(default_factory=list)  # channel, sort, what it says
    attempts: list[tuple[str, str]] = field(default_factory=list)  # its name, who carries it out
    effects: set[str] = field(default_factory=set)  # attempts that came to theirs

    def watch(self, world: World, cast: FakeCast) -> None:
        """Look on from the beginning."""
        tell = world.network.on_send

        def sent(life: Life, subject: str, body: bytes) -> None:
            tell(life, subject, body)
            if world.faults.script is not None:  # later nothing goes wrong any more
                self.messages.append(_describe(world.subjects.tail(subject), body))

        def reached(point: Point, visit: str, attempt: int) -> None:
            if point == "after":
                self.effects.add(name_attempt(visit, attempt))
            else:
                bot = find_bot(world)
                who = ENGINE if bot is None else f"bot {bot}"
                self.attempts.append((name_attempt(visit, attempt), who))

        world.faults.script = lambda fault, about: False
        world.network.on_send = sent
        cast.on_point = reached


def find_bot(world: World) -> str | None:
    """Return the bot whose process runs now; None: it is an engine's."""
    life = current_life()
    return next((name for name, bot in world.bots.items() if bot.life is life), None)


def find_places(run: Run, observed: Observed, job: JobId) -> list[Place]:
    """Return every place of an undisturbed run: writes, attempts, messages."""
    return [*_write_places(run, job), *_attempt_places(observed), *_message_places(observed)]


def left_out(observed: Observed) -> dict[str, int]:
    """Count the messages that are not looked at, by why."""
    sorts = Counter(sort for _, sort, _ in observed.messages)
    signs = sum(max(0, sorts[sort] - SIGNS) for sort in _SIGNS)
    found = {
        "messages for observers, whom nothing depends on": sorts[OBSERVERS],
        f"signs of life after the first {SIGNS} of their sort": signs,
    }
    return {why: count for why, count in found.items() if count}


# -- places --------------------------------------------------------------------------------------------------------


def _write_places(run: Run, job: JobId) -> Iterator[Place]:
    said = [_say_write(line, job) for line in run.history.lines if isinstance(line, ln.Committed)]
    for kind, text in _WRITES.items():
        for number, what in enumerate(said, start=1):
            yield Place(kind, str(number), f"{text} {number} of {len(said)} ({what})")


def _say_write(line: ln.Committed, job: JobId) -> str:
    events = [event for record in line.records if record.job == job for event in record.events]
    told = [f"{type(event).__name__} {getattr(event, 'visit', '')}".rstrip() for event in events]
    more = f" and {len(told) - 2} more" if told[2:] else ""
    return ", ".join(told[:2]) + more or "nothing of the job"


def _attempt_places(observed: Observed) -> Iterator[Place]:
    for attempt, who in observed.attempts:
        if who != ENGINE:  # an engine's own begins with a write
            yield Place(Kind.DIES_BEFORE, attempt, f"{who} dies before it begins {attempt}")
        yield Place(Kind.DIES_DURING, attempt, f"{who} dies while it works on {attempt}")
        if attempt in observed.effects:
            yield Place(Kind.DIES_AFTER, attempt, f"{who} dies after the effect of {attempt}")
    for attempt, who in observed.attempts:
        yield Place(Kind.SLOW, attempt, f"{who} takes up to {SLOW_S:g} s for {attempt}")


def name_attempt(visit: str, number: int) -> str:
    """Name an attempt: the first of a visit by the visit alone."""
    return visit if number == 1 else f"{visit}/{number}"


def _message_places(observed: Observed) -> Iterator[Place]:
    for kind, text in _MESSAGES.items():
        numbers: Counter[str] = Counter()
        sorts: Counter[str] = Counter()
        for channel, sort, what in observed.messages:
            numbers[channel] += 1
            sorts[sort] += 1
            if sort == OBSERVERS or (sort in _SIGNS and sorts[sort] > SIGNS):
                continue
            yield Place(kind, f"{channel}:{numbers[channel]}", f"{what} {text}")


# -- messages ------------------------------------------------------------------------------------------------------


def channel_of(tail: str) -> str:
    """Return the channel of a subject, which is the same whoever it is for."""
    words = tail.split(".")
    return "reply" if words[0] == "_INBOX" else ".".join(words[:2])


def _describe(tail: str, body: bytes) -> tuple[str, str, str]:
    channel = channel_of(tail)
    said: Any = json.loads(body)
    value = said if isinstance(said, dict) else {}
    visit = f" about {value['visit']}" if value.get("visit") else ""
    to = tail.rsplit(".", 1)[-1]
    match channel:
        case "activity.response":
            return channel, f"{channel} {value['kind']}", f"{value['kind']!r} of {to}{visit}"
        case "activity.execute":
            any_worker = "._any." in tail
            return channel, channel, f"the request{visit} to {'any worker' if any_worker else to}"
        case "activity.ack" | "activity.query" | "activity.cancel":
            return channel, channel, f"{_WORDS[channel]} to {to}{visit}"
        case _:
            return channel, channel, f"{_WORDS.get(channel, channel)} {value.get('bot', '')}".rstrip()


_WORDS: Final[Mapping[str, str]] = {
    "activity.ack": "the acknowledgement",
    "activity.query": "the question",
    "activity.cancel": "the request to stop",
    "reply": "the answer to the command",
    "jobs.execute": "the command",
    "jobs.command": "the command to the job's engine",
    "bots.call": "the call who is there",
    "bots.hello": "the hello of",
    "bots.heartbeat": "the heartbeat of",
}
