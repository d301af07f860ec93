"""What must not be left at the end of any engine test: work done twice, waits armed for nobody, jobs unlike their records."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ee_core.model.evolve import apply
from ee_core.model.job import Job
from ee_core.model.oracle import recompute_waits
from engine_world.bots import BotLife, WorkerLife

if TYPE_CHECKING:
    from engine_world.world import World


def check_leftovers(world: World) -> None:
    """Look for what must not be at the end of any test."""
    assert not world.violations
    _check_effects(world)
    if world.engine is not None and world.engine.life.is_running:
        _check_engine(world, world.engine.engine)


def _check_effects(world: World) -> None:
    starts = Counter(world.started())
    assert not [start for start, times in starts.items() if times > 1], "an attempt was begun twice"
    running: dict[str, str] = {}
    for effect in world.effects:
        bot = world.crew.get(effect.where)
        if not isinstance(bot, BotLife) or isinstance(bot, WorkerLife):
            continue
        name = f"{effect.job}/{effect.visit}/{effect.attempt}"
        if effect.what == "start":
            assert effect.where not in running, f"{effect.where} does {running[effect.where]} and {name}"
            running[effect.where] = name
        else:
            assert running.pop(effect.where) == name


def _check_engine(world: World, engine: Any) -> None:
    """What is armed is what open jobs wait for, and of jobs that are over nothing is left anywhere."""
    jobs = {driver.job.id: driver.job for driver in engine.jobs}
    jobs |= {job: _recalled(world, engine, job) for job in engine.jobs._resting}
    assert {
        job for job, row in world.store.summaries.items() if row.open
    } <= jobs.keys() | engine.jobs.parked.keys()
    for job in jobs.values():
        _check_job(world, job)
    reactor, fleet = engine.reactor, engine.fleet
    armed = {(job, key) for job, waits in reactor._armed.items() for key in waits}
    wanted = {(job.id, key) for job in jobs.values() for key in job.waits}
    parked = engine.jobs.parked
    assert {each for each in armed if each[0] not in parked} == wanted
    kinds = Counter(key.partition(":")[0] for _, key in wanted)
    assert len(reactor.requests) + len(reactor._inhouse) <= kinds["response"]
    assert len(reactor._drains) == kinds["drain"]
    assert len(fleet._lines) == kinds["lease"]
    seats = fleet._seats.values()
    occupants = {occupant for seat in seats for occupant in seat.occupants}
    assert {occupant[0] for occupant in occupants} <= jobs.keys() | parked.keys()
    assert not [seat.bot for seat in seats if seat.granting]
    assert not reactor.outbox._letters
    assert not engine.spawner._commands._chains
    if not wanted:
        assert not len(reactor._timers), list(reactor._timers._due)
        assert not occupants
        assert not len(reactor.requests), "requests are left"
        assert not reactor.requests._any
        assert not engine.spawner.admission._held


def _recalled(world: World, engine: Any, job: str) -> Job:
    """Return a job that is not in memory as its engine would bring it back."""
    records = world.records(job)
    twin = Job.blank(job, engine.workflows._compiled[records[0].events[0].workflow])
    for record in records:
        apply(twin, record)
    return twin


def _check_job(world: World, job: Job) -> None:
    twin = Job.blank(job.id, job.workflow)
    for record in world.records(job.id):
        apply(twin, record)
    assert twin == job, f"job {job.id} is not what its records say"
    assert dict(job.waits) == dict(recompute_waits(job))
    assert job.waits, f"job {job.id} waits for nothing"
