"""What happens in a run, drawn from its seed before it begins: jobs, bots, faults and their hours.

A plan is data: it can be printed, made smaller by `shrink`, and carried out by `world`. After `storm_s` nothing goes
wrong any more, and everything must come to its end.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ee_core.simulation.bots import BotSpec
from ee_core.simulation.faults import RATED, STROKES, Fault
from ee_core.simulation.shapes import SHAPES, VARIANTS, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STORM_S: Final = 30.0
_KEY_GONE_S: Final = 15.0  # an engine's key lives shorter
_RATES: Final = {
    Fault.MESSAGE_GARBLED: 0.3,
    Fault.JOURNAL_FAILED: 0.05,
    Fault.LEDGER_FAILED: 0.1,
    Fault.COMMIT_LATE: 0.1,
    Fault.SEND_FAILED: 0.05,
    Fault.SEND_UNKNOWN: 0.05,
}
_RATE: Final = 0.15  # of the others, at most
_RARE: Final = {Fault.BOT_GONE: 0.05, Fault.JOURNAL_SLOW: 0.25}  # those that are on in so many of the runs
_COMMON: Final = tuple(fault for fault in Fault if fault not in _RARE)
_TROUBLED: Final = 0.2  # of the runs have a cancel with strokes around it
_OF_ENGINES: Final = tuple(fault for fault in STROKES if fault.value.startswith(("engine_", "crash_")))
_OF_BOTS: Final = tuple(fault for fault in STROKES if fault.value.startswith("bot_"))
_HEAVY: Final = 3.0  # times as much, now and then


@dataclass(frozen=True, slots=True)
class JobPlan:
    """One job."""

    id: str
    at_s: float
    workflow: dict[str, Any]
    priority: int = 0
    copies: int = 1  # so often the command is sent
    cancel_at_s: float | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    bindings: dict[str, Any] | None = None
    name: str = ""  # of the workflow, where its content may have none

    @property
    def title(self) -> str:
        """What people call its workflow."""
        return self.name or str(self.workflow["name"])


@dataclass(frozen=True, slots=True)
class Stroke:
    """Something that happens at an instant, and is over after a while."""

    at_s: float
    fault: Fault
    target: str = ""  # a bot; "": the engine of the hour
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    seed: int
    jobs: tuple[JobPlan, ...]
    bots: tuple[BotSpec, ...]
    rates: Mapping[Fault, float] = field(default_factory=dict)
    strokes: tuple[Stroke, ...] = ()
    storm_s: float = _STORM_S
    fifo: bool = False  # what is ready runs in the order in which it became so
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the engine
    has_person: bool = True  # who answers incidents and releases bots

    @property
    def calm(self) -> Plan:
        """The same without faults."""
        return replace(self, rates={}, strokes=())

    def describe(self) -> str:
        """Tell it in a few lines."""
        out = [
            f"seed {self.seed}, {'in order' if self.fifo else 'shuffled'}, faults until {self.storm_s:g} s"
        ]
        out += [
            f"  bot {bot.id}: {', '.join(bot.activities)}{' (worker)' if bot.worker else ''}"
            for bot in self.bots
        ]
        out += [f"  setting {name}: {value}" for name, value in self.settings.items()]
        for job in self.jobs:
            extra = f", cancelled at {job.cancel_at_s:.3f} s" if job.cancel_at_s is not None else ""
            out.append(f"  {job.at_s:8.3f} s  job {job.id}: {job.title}, sent {job.copies} times{extra}")
        out += [
            f"  {stroke.at_s:8.3f} s  {stroke.fault.value} {stroke.target} for {stroke.for_s:.3f} s"
            for stroke in self.strokes
        ]
        out += [f"  {fault.value}: {rate:.3f} of calls" for fault, rate in self.rates.items()]
        return "\n".join(out)


def draw(seed: int, *, shapes: Sequence[str] = (), faults: Sequence[Fault] = ()) -> Plan:
    """Draw a plan.

    Args:
        shapes: Of which jobs are made; none: all.
        faults: Which may be on; none: all. A random half of them is.
    """
    chance = random.Random(f"plan:{seed}")  # noqa: S311 - a simulation must repeat, not be unguessable
    storm_s = _STORM_S * chance.uniform(0.3, 1.3)
    bots = _draw_bots(chance)
    names = list(shapes or SHAPES)
    jobs = tuple(
        _draw_job(chance, n, chance.choice(names), storm_s) for n in range(chance.choice((1, 1, 2, 2, 3, 5)))
    )
    # swarm: what is always on hides what shows only when the other things are off
    on = [fault for fault in (faults or _COMMON) if fault not in _RARE and chance.random() < 0.5]
    rates = {fault: _draw_rate(chance, fault) for fault in on if fault in RATED}
    strokes = [
        _draw_stroke(chance, fault, bots, storm_s)
        for fault in on
        if fault in STROKES
        for _ in range(chance.choice((0, 1, 1, 2)))
    ]
    # with a chance of their own: what is rare does not move the rest of the plan
    rare = random.Random(f"rare:{seed}")  # noqa: S311 - as above
    seldom = [fault for fault in (faults or _RARE) if rare.random() < _RARE.get(fault, 0.0)]
    rates |= {fault: _draw_rate(rare, fault) for fault in seldom if fault in RATED}
    strokes += [_draw_stroke(rare, fault, bots, storm_s) for fault in seldom if fault in STROKES]
    if not faults and rare.random() < _TROUBLED:
        cancelled, more = _draw_troubled_cancel(rare, jobs[0], bots, storm_s)
        jobs = (cancelled, *jobs[1:])
        strokes += more
    return Plan(
        seed=seed,
        jobs=jobs,
        bots=bots,
        rates=rates,
        strokes=tuple(sorted(strokes, key=lambda stroke: stroke.at_s)),
        storm_s=storm_s,
        settings=_draw_settings(chance),
    )


def _draw_rate(chance: random.Random, fault: Fault) -> float:
    heavy = _HEAVY if chance.random() < 0.15 else 1.0
    return min(0.6, _RATES.get(fault, _RATE) * chance.uniform(0.2, 1.0) * heavy)


def _draw_settings(chance: random.Random) -> dict[str, Any]:
    settings: dict[str, Any] = {"passivate_after_s": chance.choice((0.5, 5.0, 600.0))}
    if chance.random() < 0.4:
        settings["drain_timeout_s"] = chance.choice((3.0, 15.0))
    if chance.random() < 0.25:
        settings["max_open_jobs"] = 2
    return settings


def _draw_bots(chance: random.Random) -> tuple[BotSpec, ...]:
    count = chance.choice((1, 1, 2, 2, 3))
    bots = [BotSpec(f"pc-{n + 1}") for n in range(count)]
    if chance.random() < 0.3:
        bots.append(BotSpec("worker-1", ("fetch",), worker=True))
    return tuple(bots)


def _draw_job(chance: random.Random, number: int, shape: str, storm_s: float) -> JobPlan:
    at_s = chance.uniform(0.0, storm_s * 0.6)
    cancel_at_s = at_s + chance.uniform(-0.5, 10.0) if chance.random() < 0.2 else None
    return JobPlan(
        id=f"j{number + 1}",
        at_s=at_s,
        workflow=write(shape, chance.randrange(VARIANTS)),
        priority=chance.choice((0, 0, 5)),
        copies=chance.choice((1, 1, 1, 2)),
        cancel_at_s=cancel_at_s if cancel_at_s is None else max(0.0, cancel_at_s),
    )


def _draw_troubled_cancel(
    chance: random.Random, job: JobPlan, bots: Sequence[BotSpec], storm_s: float
) -> tuple[JobPlan, list[Stroke]]:
    """Draw a cancel with strokes around it: a drain is short, and what is drawn by itself seldom meets one."""
    cancel_at_s = min(job.at_s + chance.uniform(0.3, 8.0), storm_s * 0.9)
    strokes = []
    for fault in (chance.choice(_OF_ENGINES), chance.choice(_OF_BOTS)):
        if chance.random() < 0.7:
            drawn = _draw_stroke(chance, fault, bots, storm_s)
            at_s = max(0.0, min(cancel_at_s + chance.uniform(-1.0, 1.5), storm_s * 0.9))
            strokes.append(replace(drawn, at_s=at_s, for_s=min(drawn.for_s, storm_s - at_s)))
    return replace(job, cancel_at_s=cancel_at_s), strokes


def _draw_stroke(chance: random.Random, fault: Fault, bots: Sequence[BotSpec], storm_s: float) -> Stroke:
    at_s = chance.uniform(0.0, storm_s * 0.9)
    target = chance.choice(bots).id if fault.value.startswith("bot_") else ""
    if fault is Fault.CLOCK_JUMP:
        target = chance.choice(("", *(bot.id for bot in bots)))
        return Stroke(at_s, fault, target, chance.choice((-3600.0, -10.0, 10.0, 86_400.0)))
    for_s = chance.choice((0.0, 0.1, 1.0, 5.0, 12.0)) * chance.uniform(0.5, 1.5)
    if fault is Fault.LOCK_DOWN:
        for_s = max(for_s, _KEY_GONE_S * chance.uniform(0.5, 1.2))
    return Stroke(at_s, fault, target, min(for_s, storm_s - at_s))
