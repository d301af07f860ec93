"""I29: nothing outlives its reason: no seat, wait, timer, task, table row, message or incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.model.events import BotQuarantined, IncidentKind
from ee_core.model.waits import LeaseWait
from ee_core.simulation.checks.ending import World, is_fit
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ee_core.model.ids import JobId, VisitId
    from ee_core.model.job import Job
    from ee_core.simulation.checks.reading import Reading
    from ee_core.simulation.history import ArmedWait, FinalBot, Leftover

Found = tuple[str, "JobId | None", "FinalBot | None"]  # what is wrong, and with whom


def check_left(reading: Reading, jobs: Mapping[JobId, Job], world: World) -> Iterator[Violation]:
    """Check I29, of jobs whose replayed state is known."""
    ended_us = world.ended_us
    for text, job, bot in _all(reading, jobs, world):
        if job is None or job in jobs or job not in reading.jobs:
            yield Violation(Invariant.LEFT, ended_us, text, job, None if bot is None else bot.bot)


def _all(reading: Reading, jobs: Mapping[JobId, Job], world: World) -> Iterator[Found]:
    for live in reading.history.final.jobs:
        if live.job not in reading.jobs:
            yield f"{live.engine} holds a job that the journal does not know", live.job, None
    strangers = set(world.engines) - set(reading.owners.values())
    # said once for each: what it holds is all stale
    for engine in sorted(strangers & _holders(reading)):
        yield f"{engine} holds jobs or waits of a partition that another engine drives", None, None
    for wait in reading.history.final.armed:
        text = "" if wait.engine in strangers else _unwanted(jobs.get(wait.job), world, wait)
        if text:
            yield f"{wait.key} is armed, {text}", wait.job, None
    for left in reading.history.final.leftovers:
        text = "" if left.engine in strangers else _reason_gone(jobs, world, left)
        if text:
            yield f"{left.kind} {left.name}: {text}", left.job, None
    for bot in world.bots.values():
        yield from ((text, about, bot) for text, about in _of_bot(reading, jobs, bot))
    for job in jobs.values():
        yield from ((text, job.id, None) for text in _incidents(job, world))


def _unwanted(job: Job | None, world: World, wait: ArmedWait) -> str:
    if wait.engine not in world.engines:
        return f"its engine {wait.engine} has ended"
    return "" if job is not None and wait.key in job.waits else "the job does not wait for it"


def _holders(reading: Reading) -> set[str]:
    final = reading.history.final
    return {job.engine for job in final.jobs} | {wait.engine for wait in final.armed}


def _of_bot(reading: Reading, jobs: Mapping[JobId, Job], bot: FinalBot) -> Iterator[tuple[str, JobId | None]]:
    if bot.job is not None and not _is_active(jobs, bot.job, bot.visit, bot.attempt):
        yield f"its seat is kept for {bot.visit}/{bot.attempt}, which needs it no more", bot.job
    if bot.state == "draining" and not any(
        wait.key.startswith("drain:") and getattr(wait, "bot", None) == bot.bot
        for job in jobs.values()
        if job.drains
        for wait in job.waits.values()
    ):
        yield "it is draining, and no job has a drain for it", None
    running = bot.running
    if running is None or bot.worker:
        return
    attempt = reading.attempts.get((running.job, running.visit, running.attempt))
    quarantined = attempt is not None and any(isinstance(event, BotQuarantined) for _, event in attempt.after)
    if not quarantined and not _is_active(jobs, running.job, running.visit, running.attempt):
        yield f"it works on {running.visit}/{running.attempt}, for which nobody waits", running.job


def _is_active(jobs: Mapping[JobId, Job], job: JobId, visit: VisitId | None, number: int | None) -> bool:
    """Whether a bot may be kept for something: an attempt that is open or drains; without a number, a visit that is live."""
    found = jobs.get(job)
    if found is None or not found.is_open:
        return False
    if visit is None:
        return True
    if number is None:
        return visit in found.live
    known = found.visits.get(visit)
    attempt = known.find_attempt(number) if known is not None else None
    return known is not None and attempt is not None and (attempt.draining or known.open_attempt is attempt)


def _reason_gone(jobs: Mapping[JobId, Job], world: World, left: Leftover) -> str:
    if left.engine and left.engine not in world.engines:
        return f"{left.engine} has ended"
    if left.job is None:
        return ""
    job = jobs.get(left.job)
    if job is None:
        return "there is no such job"
    if not job.is_open:
        return "the job is over"
    if left.visit is not None and left.visit not in job.live and not _drains(job, left.visit):
        return f"{left.visit} is over"
    return ""


def _drains(job: Job, visit: VisitId) -> bool:
    known = job.visits.get(visit)
    return known is not None and any(attempt.draining for attempt in known.attempts)


def _incidents(job: Job, world: World) -> Iterator[str]:
    for wait in job.waits.values():
        if not isinstance(wait, LeaseWait) or not wait.no_bot:
            continue
        for incident in job.incidents.values():
            if incident.kind is IncidentKind.NO_BOT and incident.visit == wait.visit:
                fit = next((bot.bot for bot in world.bots.values() if is_fit(bot, wait)), None)
                if fit is not None:
                    yield f"{incident.id} says that no bot fits {wait.visit}, and {fit} does"
