"""Looks at what is there when a run has ended: jobs, armed waits, bots, and what parts still hold for a job.

A wait counts as armed only where its producer has it: a lease in the fleet's lines, a response among the requests that
are out, a timer among those that are set. So a wait that lost its producer is missing here, and the checker says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.model.ids import BotId, JobId, VisitId
from ee_core.model.waits import (
    AdmissionWait,
    DrainWait,
    LeaseWait,
    OperatorWait,
    ResponseWait,
    TimerWait,
)
from ee_core.simulation.env import START_US
from ee_core.simulation.history import ArmedWait, Final, FinalBot, FinalJob, Leftover
from ee_core.simulation.lines import Running
from ee_core.simulation.snapshot import to_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ee_core.engine.engine import Engine
    from ee_core.model.waits import Wait
    from ee_core.simulation.bots import BotLife
    from ee_core.simulation.world import World


def look(world: World) -> Final:
    """Return what is there now."""
    living = [life.engine for life in world.engines if life.is_running and life.is_ready]
    engines = [engine for engine in living if engine is not None]
    return Final(
        jobs=tuple(
            FinalJob(job=driver.job.id, engine=engine.id, state=to_snapshot(driver.job))
            for engine in engines
            for driver in engine.jobs
        ),
        armed=tuple(wait for engine in engines for wait in _armed(engine)),
        bots=tuple(_bot(world, bot) for bot in world.bots.values()),
        leftovers=(
            *(left for engine in engines for left in _leftovers(engine)),
            *_messages(world),
            *_responses(world),
        ),
        untold=tuple(world.recorder.untold()) if engines else (),
    )


def _armed(engine: Engine) -> Iterator[ArmedWait]:
    reactor = engine.reactor
    for job, waits in reactor._armed.items():
        for wait in waits.values():
            producer = _producer(engine, job, wait)
            if producer is not None:
                yield ArmedWait(job=job, key=wait.key, engine=engine.id, **producer)


def _producer(engine: Engine, job: JobId, wait: Wait) -> dict[str, Any] | None:
    """Say who will bring a wait's fact; None when nobody has it."""
    here = (job, wait.key)
    match wait:
        case LeaseWait():
            is_granted = any(seat.granting == job for seat in engine.fleet._seats.values())
            has = is_granted or here in engine.fleet._lines._wants
            return {"producer": "fleet"} if has else None
        case ResponseWait():
            return _answerer(engine, job, wait)
        case DrainWait():
            due_us = _due(engine, "drain", here=here)
            return None if due_us is None else {"producer": "bot", "target": wait.bot, "due_us": due_us}
        case TimerWait():
            set_for = engine.reactor._timers._due.get(here)
            return None if set_for is None else {"producer": "timer", "due_us": _true_us(set_for[0])}
        case OperatorWait():
            return {"producer": "operator"}
        case AdmissionWait():
            return {"producer": "admission"} if job in engine.spawner.admission._held else None


def _answerer(engine: Engine, job: JobId, wait: ResponseWait) -> dict[str, Any] | None:
    here = (job, wait.key)
    if wait.local:
        return {"producer": "engine"} if wait.no_bot or here in engine.reactor._inhouse._begun else None
    if engine.reactor.requests.find(*here) is None:
        return None
    due_us = _due(engine, "accept", "heartbeat", "run", "repeat", "missing", "ask", here=here)
    if wait.bot is None:
        return {"producer": "worker", "due_us": due_us}
    return {"producer": "bot", "target": wait.bot, "due_us": due_us}


def _due(engine: Engine, *names: str, here: tuple[JobId, str]) -> int | None:
    due = engine.reactor._timers._due
    times = [due[name, *here][0] for name in names if (name, *here) in due]
    return _true_us(min(times)) if times else None


def _true_us(at_s: float) -> int:
    return START_US + round(at_s * 1_000_000)


def _bot(world: World, life: BotLife) -> FinalBot:
    spec = life.spec
    record = next((record for record in world.table.records() if record.bot == spec.id), None)
    seat = None
    engine = world.engine.engine
    if engine is not None and world.engine.is_running:
        seat = engine.fleet._seats.get(BotId(spec.id))
    occupant = next(iter(seat.occupants), None) if seat is not None else None
    said = life.running if life.is_running else None
    running = said and Running(
        job=JobId(said.job), visit=VisitId(said.visit), attempt=said.attempt, fence=said.fence
    )
    return FinalBot(
        bot=BotId(spec.id),
        alive=life.is_running,
        state="" if record is None else record.state.value,
        engine=None if record is None else record.holder,
        job=occupant[0] if occupant else None,
        visit=occupant[1] if occupant else None,
        attempt=occupant[2] if occupant else None,
        running=running or None,
        activities=spec.activities,
        labels=dict(spec.labels),
        worker=spec.worker,
    )


def _leftovers(engine: Engine) -> Iterator[Leftover]:
    reactor, fleet = engine.reactor, engine.fleet
    for key in reactor._timers._due:
        parts = key if isinstance(key, tuple) else (key,)
        job = parts[-2] if len(parts) >= 2 else None
        yield Leftover(kind="timer", name=":".join(map(str, parts)), engine=engine.id, job=job)
    for seat in fleet._seats.values():
        for job, visit, _ in seat.occupants:
            yield Leftover(kind="row", name=f"seat of {seat.bot}", engine=engine.id, job=job, visit=visit)
    tables: dict[str, Iterable[tuple[JobId, str]]] = {
        "lines": fleet._lines._wants,
        "requests": reactor.requests._armed,
        "in-house": reactor._inhouse._begun,
        "drains": reactor._drains._armed,
        "held": [(job, "admission") for job in sorted(engine.spawner.admission._held)],
    }
    for name, rows in tables.items():
        for job, key in rows:
            yield Leftover(kind="row", name=f"{name}: {key}", engine=engine.id, job=job)
    for job in reactor._armed:
        yield Leftover(kind="row", name="armed", engine=engine.id, job=job)
    for command in engine.spawner._commands._chains:
        yield Leftover(kind="row", name="commands", engine=engine.id, job=JobId(command))


def _responses(world: World) -> Iterator[Leftover]:
    for bot in world.bots.values():
        for job, visit, attempt in bot.owes:
            name = f"response of {visit}/{attempt} by {bot.spec.id}, not acknowledged"
            yield Leftover(kind="response", name=name, job=JobId(job))


def _messages(world: World) -> Iterator[Leftover]:
    for kind, shelf in world.broker._shelves.items():
        waiting = [message for messages in shelf._unread.values() for message in messages]
        for queue in (*shelf._exact.values(), *shelf._wild.values()):
            waiting += queue.waiting
        for message in waiting:
            yield Leftover(kind="message", name=f"{kind.value} {message.subject}")
