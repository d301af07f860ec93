"""I31: nobody waits in silence: looked at long after the last fault, while jobs are open that should be over.

A wait that is there since then is excused by what can be seen of the world: work that goes on, bots that are at work or
not there, a person who is asked. That its producer lives is not enough here: it had the time to bring the fact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_core.model.events import IncidentKind
from ee_core.model.evolve import apply
from ee_core.model.waits import (
    AdmissionWait,
    DrainWait,
    LeaseWait,
    OperatorWait,
    ResponseWait,
    TimerWait,
    Wait,
)
from ee_core.simulation import lines as ln
from ee_core.simulation.checks import ending, replaying
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ee_core.model.job import Job
    from ee_core.model.waits import WaitKey
    from ee_core.simulation.checks.reading import Reading, Story

_LONG_US: Final = 100_000_000  # longer than any time-out and delay of a simulated workflow
_UNDRAINED_US: Final = 400_000_000  # longer than the drain time-out of any simulated engine


def check_waiting(reading: Reading) -> Iterator[Violation]:
    """Check I31, of a history that was cut off when jobs had been open for long."""
    world = _World(reading)
    for story in reading.jobs.values():
        if story.damaged or story.buried or story.partition in reading.parked:
            continue
        job, since_us = _replay(reading, story)
        for key, wait in job.waits.items():
            began_us = max(since_us[key], reading.history.faults_stopped_us)
            if world.ended_us - began_us < _LONG_US:
                continue
            text = _REASONS[type(wait)](world, job, wait)
            if text:
                yield Violation(Invariant.WAITING, world.ended_us, f"{key} is still there, {text}", job.id)


def check_drains(reading: Reading) -> Iterator[Violation]:
    """Check I31 of drains, at the very end: a bot without a word for minutes is quarantined, living or dead (R16)."""
    ended_us, calm_us = reading.history.ended_us, reading.history.faults_stopped_us
    if ended_us - calm_us < _UNDRAINED_US:
        return
    for story in reading.jobs.values():
        if story.damaged or story.buried or story.partition in reading.parked:
            continue
        job, since_us = _replay(reading, story)
        for key, wait in job.waits.items():
            if isinstance(wait, DrainWait) and ended_us - max(since_us[key], calm_us) > _UNDRAINED_US:
                text = f"{key} is still there, and {wait.bot} is not quarantined"
                yield Violation(Invariant.WAITING, ended_us, text, job.id)


def _has_jumped(reading: Reading) -> bool:
    """Whether a clock did, so that a recorded instant means nothing."""
    return any(
        isinstance(line := reading.lines[place], ln.FaultInjected) and line.kind is ln.FaultKind.CLOCK_JUMPED
        for place in reading.places[ln.FaultInjected]
    )


class _World(ending.World):
    """What there is, and whether the time of its clocks means anything."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.attempts = {work[:3] for work in self.works}
        self.repeated = {
            (wait.job, wait.key) for wait in reading.history.final.armed if ending.is_due(self, wait)
        }
        self.is_dated = not _has_jumped(reading)


def _replay(reading: Reading, story: Story) -> tuple[Job, dict[WaitKey, int]]:
    """Return a job, and since when it has each of its waits."""
    job = replaying.blank(reading, story, {})
    since_us: dict[WaitKey, int] = {}
    for place, _, record in story.records:
        delta = apply(job, record)
        for key in delta.dropped:
            since_us.pop(key, None)
        for wait in delta.added:
            since_us.setdefault(wait.key, reading.at_us(place))
    return job, since_us


def _no_bot(world: _World, _job: Job, wait: Wait) -> str:
    assert isinstance(wait, LeaseWait)
    if wait.deadline_us is not None and world.is_dated:
        return "and its time-out has passed"
    fitting = [bot for bot in world.bots.values() if ending.is_fit(bot, wait)]
    if not fitting:
        return "" if wait.no_bot else "no bot fits, and nobody was told"
    idle = next((bot.bot for bot in fitting if bot.running is None and bot.job is None), None)
    return "" if idle is None else f"and {idle} is idle"


def _no_word(world: _World, job: Job, wait: Wait) -> str:
    assert isinstance(wait, ResponseWait)
    if wait.no_bot or (job.id, wait.visit, wait.attempt) in world.attempts:
        return ""
    if wait.bot is None and (job.id, wait.key) in world.repeated:
        return ""  # a broker that lost a request takes the same one again when it has forgotten that, minutes later
    return "and nobody works on it"


def _no_stop(world: _World, _job: Job, wait: Wait) -> str:
    assert isinstance(wait, DrainWait)
    return f"and {wait.bot} lives" if world.lives(wait.bot) else ""


def _no_time(world: _World, _job: Job, _wait: Wait) -> str:
    return "and its time has come" if world.is_dated else ""


def _no_person(_world: _World, job: Job, wait: Wait) -> str:
    assert isinstance(wait, OperatorWait)
    incident = job.incidents[wait.incident]
    return "" if incident.kind is IncidentKind.NO_BOT else "and a person looks at it every few seconds"


def _no_room(world: _World, _job: Job, _wait: Wait) -> str:
    return "" if world.open_jobs > 1 else "and no other job is open"


_REASONS: Final[Mapping[type, Callable[[_World, Job, Wait], str]]] = {
    LeaseWait: _no_bot,
    ResponseWait: _no_word,
    DrainWait: _no_stop,
    TimerWait: _no_time,
    OperatorWait: _no_person,
    AdmissionWait: _no_room,
}
