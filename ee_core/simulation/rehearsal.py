"""A user's own workflow, run by the real engine with fake activities, once for each thing that may go wrong.

First nothing does, and that run is looked at: its journal writes, its attempts, its messages. Then it is made again for
each place, checked by the checker that the engine itself is proved with, and compared with the first. What differs by
the rules - a person is asked about a lost attempt, harmless work is done again - is told apart from what should not.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ee_core.model.events import IncidentKind
from ee_core.model.ids import JobId
from ee_core.model.waits import OperatorWait
from ee_core.simulation import lines as ln
from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.checker import DEFAULT_BOUND_US, check
from ee_core.simulation.engines import remember
from ee_core.simulation.loop import VirtualLoopError
from ee_core.simulation.plan import JobPlan, Plan
from ee_core.simulation.rehearsal_cast import FakeCast, cast_bots
from ee_core.simulation.rehearsal_ending import Ending, differences, node_of, read_ending
from ee_core.simulation.rehearsal_places import Observed, find_places, left_out
from ee_core.simulation.rehearsal_strikes import Strikes
from ee_core.simulation.retelling import change

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from ee_core.model.waits import Wait
    from ee_core.simulation.carrying_out import Run
    from ee_core.simulation.rehearsal_cast import Rehearsal
    from ee_core.simulation.rehearsal_places import Kind, Place
    from ee_core.simulation.rehearsal_strikes import Take
    from ee_core.simulation.world import World

JOB: Final = JobId("rehearsal")
_STAY_S: Final = 1e9  # a job that waits stays in memory: it is looked at there
_LOOKS_S: Final = 1.0
_PATIENCE_S: Final = 60.0  # for a bot that nobody has heard of: it says who it is more often
_SETTLE_S: Final = 5.0
_LIMIT: Final = 3  # times as long as the undisturbed run, and an hour


class Category(StrEnum):
    """What a disturbed run says of the workflow, the best first."""

    SAME = "same"
    REPEATED = "repeated"  # the same, and work was done again that may be
    ASKS = "asks_a_person"  # about an attempt of which nobody knows what it did
    DIFFERS = "differs"
    VIOLATES = "violates"  # the engine broke a promise


@dataclass(frozen=True, slots=True)
class Base:
    """The run that nothing disturbs."""

    ending: Ending
    places: tuple[Place, ...]
    left_out: Mapping[str, int]
    duration_s: float  # of virtual time
    took_s: float  # of real time


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one disturbed run.

    Attributes:
        nodes: Which it is about: those that a person is asked about, or that were done again.
        texts: What differs, is violated, or is asked.
    """

    place: Place
    category: Category
    nodes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


class NoEndError(Exception):
    """The workflow comes to no end even though nothing disturbs it."""


# -- runs ----------------------------------------------------------------------------------------------------------


def rehearse_undisturbed(rehearsal: Rehearsal) -> Base:
    """Make the run that nothing disturbs, and find the places of it.

    Raises:
        NoEndError: It goes on for ever.
    """
    observed = Observed()
    cast = FakeCast(rehearsal)
    began_s = time.perf_counter()
    try:
        run = carry_out(
            _plan(rehearsal),
            prepare=lambda world, loop: observed.watch(world, cast),
            cast=cast,
            storm=_storm(_STAY_S),
            until=_settle,
        )
    except VirtualLoopError as error:
        raise NoEndError(str(error)) from error
    violations = check(run.history, bound_us=round(_STAY_S * 1e6))
    assert not violations, f"the undisturbed run violates {violations[0]}"
    return Base(
        ending=read_ending(run.history, JOB),
        places=tuple(find_places(run, observed, JOB)),
        left_out=left_out(observed),
        duration_s=(run.history.ended_us - run.history.lines[0].at_us) / 1_000_000,
        took_s=time.perf_counter() - began_s,
    )


def rehearse_place(rehearsal: Rehearsal, base: Base, place: Place) -> Verdict:
    """Make the run in which something goes wrong in one place, and judge it."""
    verdict = make_run(rehearsal, base, _only(place), lambda: place)
    assert verdict is not None, "there is a place"
    return verdict


def make_run(
    rehearsal: Rehearsal, base: Base, take: Take, here: Callable[[], Place | None]
) -> Verdict | None:
    """Make a run in which something goes wrong, and judge it.

    Args:
        take: Asked at each place whether something goes wrong there.
        here: Says afterwards in which place something did; None: nothing is judged.
    """
    try:
        run = disturb(rehearsal, base, take)
    except VirtualLoopError as error:
        place = here()
        if place is None:
            raise
        return Verdict(place, Category.VIOLATES, texts=(f"it comes to no end: {error}",))
    place = here()
    return None if place is None else judge(rehearsal, base, place, run)


def tell_place(rehearsal: Rehearsal, base: Base, place: Place) -> tuple[Verdict, str]:
    """Make the run in which something goes wrong in one place; return what it is, and its story.

    Raises:
        VirtualLoopError: Something in it goes on for ever.
    """
    run = disturb(rehearsal, base, _only(place))
    lines = tuple(line for line in run.history.lines if not _is_noise(line))
    story = change(run.history, lines=lines, scenario=place.text).tell(JOB)
    said = read_ending(run.history, JOB).said
    return judge(rehearsal, base, place, run), f"{story}\nin the end: {said}"


def _is_noise(line: ln.AnyLine) -> bool:
    """Say whether a line tells nothing of the job: what observers are shown, and signs of life."""
    return isinstance(line, ln.EventShown) or getattr(line, "kind", "") == "heartbeat"


def disturb(rehearsal: Rehearsal, base: Base, take: Take) -> Run:
    """Make a run in which something goes wrong.

    Raises:
        VirtualLoopError: Something in it goes on for ever.
    """
    cast = FakeCast(rehearsal)
    return carry_out(
        _plan(rehearsal),
        prepare=lambda world, loop: _prepare(world, cast, take),
        cast=cast,
        storm=_storm(_bound_s(base)),
        until=_settle,
    )


def _prepare(world: World, cast: FakeCast, take: Take) -> None:
    Strikes(world, cast, take)


def _only(place: Place) -> Take:
    is_over = False

    def take(kind: Kind, where: str) -> bool:
        nonlocal is_over
        is_here = not is_over and (kind, where) == (place.kind, place.where)
        is_over = is_over or is_here
        return is_here

    return take


def _bound_s(base: Base) -> float:
    return max(DEFAULT_BOUND_US / 1_000_000, _LIMIT * base.duration_s)


def _plan(rehearsal: Rehearsal) -> Plan:
    remember(rehearsal.content, rehearsal.bindings, rehearsal.definition)
    job = JobPlan(
        JOB,
        0.0,
        rehearsal.content,
        inputs=rehearsal.inputs,
        bindings=rehearsal.bindings,
        name=rehearsal.workflow.name,
    )
    return Plan(
        seed=0,
        jobs=(job,),
        bots=cast_bots(rehearsal.workflow, rehearsal.bots),
        fifo=True,
        settings={"passivate_after_s": _STAY_S},
        has_person=False,
    )


def _storm(limit_s: float) -> Callable[[World], Awaitable[None]]:
    """Wait until nothing but a person can move the job, or it is over; then nothing goes wrong any more."""

    async def wait(world: World) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + limit_s
        missed_s = 0.0
        while loop.time() < until_s and missed_s < _PATIENCE_S and not _rests(world):
            missed_s = missed_s + _LOOKS_S if _misses_bot(world) else 0.0
            await asyncio.sleep(_LOOKS_S)
        world.faults.calm()
        world.disk.before_commit = world.disk.after_commit = lambda life: None

    return wait


async def _settle(world: World) -> None:
    del world
    await asyncio.sleep(_SETTLE_S)


def _rests(world: World) -> bool:
    is_busy = world.network.under_way or world.clients.unanswered or not world.engine.is_ready
    # a bot that comes back may be what is waited for
    if is_busy or not all(bot.is_running for bot in world.bots.values()):
        return False
    return all(
        bool(waits) and all(isinstance(wait, OperatorWait) for wait in waits) for waits in _waits(world)
    )


def _misses_bot(world: World) -> bool:
    """Say whether a job waits for a bot that is not known: it may come, or there may be none."""
    return any(getattr(wait, "no_bot", False) for waits in _waits(world) for wait in waits)


def _waits(world: World) -> Iterator[tuple[Wait, ...]]:
    """Yield what each open job waits for, in memory or not; nothing where no engine has armed it."""
    engine = world.engine.engine
    for job in world.open_jobs:
        yield () if engine is None else engine.reactor.waits_of(JobId(job))


# -- verdicts ------------------------------------------------------------------------------------------------------


def judge(rehearsal: Rehearsal, base: Base, place: Place, run: Run) -> Verdict:
    """Say what a disturbed run is."""
    violations = check(run.history, bound_us=round(_bound_s(base) * 1_000_000))
    if violations:
        texts = dict.fromkeys(f"{one.invariant}: {one.text}" for one in violations)
        return Verdict(place, Category.VIOLATES, texts=tuple(texts))
    ending = read_ending(run.history, JOB)
    if (
        not ending.outcome
        and ending.incidents
        and all(incident.kind is IncidentKind.LOST for incident in ending.incidents.values())
    ):
        return _asks(place, ending)
    found = differences(base.ending, ending, rehearsal.workflow)
    repeated = _repeated(rehearsal, base.ending, ending)
    if found:
        return Verdict(place, Category.DIFFERS, texts=tuple(found))
    if repeated:
        return Verdict(place, Category.REPEATED, nodes=repeated)
    return Verdict(place, Category.SAME)


def _asks(place: Place, ending: Ending) -> Verdict:
    visits = [incident.visit or "" for incident in ending.incidents.values()]
    return Verdict(
        place,
        Category.ASKS,
        nodes=tuple(sorted({node_of(visit) for visit in visits})),
        texts=tuple(sorted({ending.losses.get(visit, "") for visit in visits})),
    )


def _repeated(rehearsal: Rehearsal, base: Ending, ending: Ending) -> tuple[str, ...]:
    """Return the nodes whose effect happened more often than undisturbed, and may."""
    more = {node_of(visit) for visit, count in ending.effects.items() if count > base.effects[visit]}
    return tuple(sorted(more))
