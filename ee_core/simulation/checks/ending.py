"""I27, I28, I30: when all is over: jobs have ended, or say for what they wait, and somebody lives who will bring it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from ee_core.model.ids import BotId, JobId
from ee_core.model.job import Job, JobStatus
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
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from ee_core.model.workflow import BotSelector
    from ee_core.simulation.checks.reading import Reading
    from ee_core.simulation.history import ArmedWait, FinalBot

DEFAULT_BOUND_US: Final = 3_600_000_000  # an hour: longer than all time-outs of a workflow that names none
_GRACE_US: Final = 60_000_000  # in which an engine may still give up because of a fault before


def check_bound(
    reading: Reading, jobs: Mapping[JobId, Job], bound_us: int, but_not: Collection[JobId]
) -> Iterator[Violation]:
    """Check I27: every accepted job ends within the bound after faults have stopped, or waits for a person.

    Args:
        jobs: As replayed, at the end of the run.
        but_not: Jobs of which something worse is known.
    """
    for story in reading.jobs.values():
        if story.job in but_not or story.damaged or story.buried or story.partition in reading.parked:
            continue
        due_us = max(reading.at_us(story.first_place), reading.history.faults_stopped_us) + bound_us
        if story.finished is None:
            job = jobs.get(story.job)
            if job is None or not _waits_for_person(job):
                yield Violation(Invariant.BOUND, reading.history.ended_us, "it has not ended", story.job)
        elif (at_us := reading.at_us(story.finished_place)) > due_us and not story.acted:
            yield Violation(Invariant.BOUND, at_us, f"it ended later than {due_us}", story.job)


def _waits_for_person(job: Job) -> bool:
    return any(incident.choices for incident in job.incidents.values())


def check_engines(reading: Reading) -> Iterator[Violation]:
    """Check I30: an engine ends because it is stopped or killed, or loses its partition or, in a fault, its parts.

    Or its partition is quarantined, which needs three adoptions running that came to nothing (R27).
    """
    calm_us = reading.history.faults_stopped_us + _GRACE_US
    for place in reading.places[ln.EngineEnded]:
        line = reading.lines[place]
        assert isinstance(line, ln.EngineEnded)
        is_late = line.how == "unavailable" and line.at_us > calm_us
        if (
            line.how == "failed"
            or is_late
            or (line.how == "quarantined" and place not in reading.quarantines)
        ):
            text = f"engine {line.engine} ends, {line.how}: {line.detail}"
            yield Violation(Invariant.ENGINES, line.at_us, text)


class World:
    """Who lives at the end."""

    def __init__(self, reading: Reading) -> None:
        self.ended_us = reading.history.ended_us
        self.engines: set[str] = set()
        for line in reading.lines:
            if isinstance(line, ln.EngineStarted):
                self.engines.add(line.engine)
            elif isinstance(line, ln.EngineEnded):
                self.engines.discard(line.engine)
        self.bots: dict[BotId, FinalBot] = {bot.bot: bot for bot in reading.history.final.bots}
        self.works = {
            (work.start.job, work.start.visit, work.start.attempt, work.start.instance)
            for work in reading.works.values()
            if work.end_place is None
        }
        self.open_jobs = sum(not story.is_over for story in reading.jobs.values())

    def lives(self, bot: str) -> bool:
        """Whether a bot's process goes on."""
        found = self.bots.get(BotId(bot))
        return found is not None and found.alive

    def fits(self, wait: LeaseWait) -> bool:
        """Whether a living bot may do what a visit waits for."""
        return any(is_fit(bot, wait) for bot in self.bots.values())


def is_fit(bot: FinalBot, wait: LeaseWait) -> bool:
    """Whether a bot that lives, and is not quarantined, is one that a visit wants (R9)."""
    if not bot.alive or bot.worker or bot.state == "quarantined" or wait.activity not in bot.activities:
        return False
    if wait.selector.same_as:
        return bot.bot == wait.same_as
    return _is_selected(bot, wait.selector)


def _is_selected(bot: FinalBot, selector: BotSelector) -> bool:
    if selector.id and selector.id != bot.bot:
        return False
    if selector.pool and bot.labels.get("pool") != selector.pool:
        return False
    return all(bot.labels.get(name) == value for name, value in selector.labels.items())


def check_producers(reading: Reading, jobs: Mapping[JobId, Job], world: World) -> Iterator[Violation]:
    """Check I28: an open job waits, and each of its waits is armed once, with somebody who lives and will bring the fact."""
    armed: dict[tuple[JobId, str], list[ArmedWait]] = defaultdict(list)
    for wait in reading.history.final.armed:
        armed[wait.job, wait.key].append(wait)
    for job in jobs.values():
        story = reading.jobs[job.id]
        if not job.is_open or story.partition in reading.parked:
            continue
        owner = reading.owners.get(story.partition, "")
        if job.status is JobStatus.PROCESSING and not job.waits:
            yield Violation(
                Invariant.PRODUCERS, world.ended_us, "it is Processing and waits for nothing", job.id
            )
        for key, wait_ in job.waits.items():
            text = _unproduced(world, owner, job, wait_, armed.get((job.id, key), []))
            if text:
                yield Violation(Invariant.PRODUCERS, world.ended_us, f"{key} {text}", job.id)


def _unproduced(world: World, owner: str, job: Job, wait: Wait, found: list[ArmedWait]) -> str:
    if owner not in world.engines:
        return f"is for {owner or 'no engine'}, which does not live"
    ours = [one for one in found if one.engine == owner]
    if len(ours) != 1:
        return f"is armed {len(ours)} times by {owner}"
    kind, is_alive = _PRODUCERS[type(wait)](world, job, wait, ours[0])
    if ours[0].producer != kind:
        return f"is armed with {ours[0].producer!r}, it needs {kind!r}"
    return "" if is_alive else f"has no living {kind}"


def is_due(world: World, armed: ArmedWait) -> bool:
    """Whether the engine itself will look again."""
    return armed.due_us is not None and armed.due_us >= world.ended_us


def _fleet(world: World, _job: Job, wait: Wait, armed: ArmedWait) -> tuple[str, bool]:
    assert isinstance(wait, LeaseWait)
    return "fleet", wait.no_bot or world.fits(wait) or is_due(world, armed)


def _responder(world: World, job: Job, wait: Wait, armed: ArmedWait) -> tuple[str, bool]:
    assert isinstance(wait, ResponseWait)
    looks = wait.no_bot or is_due(world, armed)
    if wait.bot is not None:
        return "bot", looks or world.lives(wait.bot)
    if wait.local:
        return "engine", looks or (job.id, wait.visit, wait.attempt, armed.engine) in world.works
    return "worker", looks or any(
        bot.alive and bot.worker and wait.activity in bot.activities for bot in world.bots.values()
    )


def _clock(world: World, _job: Job, _wait: Wait, armed: ArmedWait) -> tuple[str, bool]:
    return "timer", is_due(world, armed)


def _person(_world: World, job: Job, wait: Wait, _armed: ArmedWait) -> tuple[str, bool]:
    assert isinstance(wait, OperatorWait)
    incident = job.incidents.get(wait.incident)
    return "operator", incident is not None and bool(incident.choices)


def _gate(world: World, _job: Job, _wait: Wait, _armed: ArmedWait) -> tuple[str, bool]:
    return "admission", world.open_jobs > 1  # it is asked again when a job ends


def _drain(world: World, _job: Job, wait: Wait, armed: ArmedWait) -> tuple[str, bool]:
    assert isinstance(wait, DrainWait)
    return "bot", world.lives(wait.bot) or is_due(world, armed)


_PRODUCERS: Final[Mapping[type, Callable[[World, Job, Wait, ArmedWait], tuple[str, bool]]]] = {
    LeaseWait: _fleet,
    ResponseWait: _responder,
    TimerWait: _clock,
    OperatorWait: _person,
    AdmissionWait: _gate,
    DrainWait: _drain,
}
