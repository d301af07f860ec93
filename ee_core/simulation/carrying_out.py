"""Carries out one run: the storm of its plan, then calm until everything has come to its end.

The same plan gives the same history, on every machine with the same Python and in every process.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ee_core.model.workflow import from_content
from ee_core.simulation.activities import SCRIPTED
from ee_core.simulation.env import START_US
from ee_core.simulation.final import look
from ee_core.simulation.history import History, Waited
from ee_core.simulation.life import ProcessLoop
from ee_core.simulation.loop import VirtualLoopError
from ee_core.simulation.plan import draw
from ee_core.simulation.quiet import quiet
from ee_core.simulation.storm import Storm
from ee_core.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ee_core.simulation.activities import Cast
    from ee_core.simulation.faults import Fault
    from ee_core.simulation.plan import Plan

CALM_S: Final = 900.0  # in which everything must have come to its end
_WANTED_S: Final = 200.0  # a job that is open so long after the storm is not wanted any more
_SETTLE_S: Final = 5.0
_LOOKS_S: Final = 1.0
_OWED_S: Final = 150.0  # a bot repeats a response at least once a minute


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run, and what it has covered."""

    plan: Plan
    history: History
    hits: Mapping[Fault, int]
    waits_hit: Mapping[tuple[Fault, str], int]  # faults while there was a wait of a kind
    events: Mapping[str, int]
    commits: int
    steps: int  # of the engines that `ProcessLoop.strike_at` watched


def simulate(seed: int) -> History:
    """Draw a plan from a seed, carry it out, and return what was seen."""
    return carry_out(draw(seed)).history


def carry_out(
    plan: Plan,
    *,
    prepare: Callable[[World, ProcessLoop], None] = lambda world, loop: None,
    cast: Cast = SCRIPTED,
    storm: Callable[[World], Awaitable[None]] | None = None,
    until: Callable[[World], Awaitable[None]] | None = None,
) -> Run:
    """Carry out a plan.

    Args:
        prepare: Called before the first process starts.
        cast: Plays the activity types.
        storm: In which things may go wrong; without it, the plan's.
        until: Waits for the end after the storm; without it, until all jobs are over, which are cancelled if that
            takes too long.

    Raises:
        VirtualLoopError: A process does not die, or nothing would ever happen again.
    """
    loop = ProcessLoop(None if plan.fifo else plan.seed)
    standstills: list[str] = []
    runs: list[Run] = []  # no result of the task: the Runner has its task's repr made, of a whole history

    async def play() -> None:
        task = asyncio.current_task()
        assert task is not None, "it runs as one"

        def end(text: str) -> None:
            standstills.append(text)
            task.cancel()

        loop.on_standstill = end
        world = World(plan, cast)
        prepare(world, loop)
        try:
            async with world:
                runs.append(await _play(world, loop, storm or _rage, until or _come_to_an_end))
        except asyncio.CancelledError:
            if not standstills:
                raise
            runs.clear()

    with quiet(), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(play())
        left = loop.pending_tasks()
    if not runs or left:
        raise VirtualLoopError(standstills[0] if standstills else f"tasks are left: {left}")
    return runs[0]


async def _play(
    world: World,
    loop: ProcessLoop,
    storm: Callable[[World], Awaitable[None]],
    until: Callable[[World], Awaitable[None]],
) -> Run:
    plan = world.plan
    for job in plan.jobs:
        world.clients.begin(job)
    if plan.has_person:
        world.clients.operate(world.jobs_with_incidents, world.quarantined_bots)
    await storm(world)
    await world.end_rivals()
    calm_us = world.recorder.now_us
    await until(world)
    return Run(
        plan=plan,
        history=History(
            seed=plan.seed,
            scenario=", ".join(job.title for job in plan.jobs),
            lines=tuple(world.recorder.lines),
            workflows={name: from_content(content) for name, content in world.store.contents.items()},
            faults_stopped_us=calm_us,
            ended_us=world.recorder.now_us,
            final=look(world),
            waited=world.waited,
        ),
        hits=Counter(world.faults.hits_by),
        waits_hit=dict(world.waits_hit),
        events=dict(world.recorder.events),
        commits=len(world.store.partitions[0].commits),
        steps=loop.steps,
    )


async def _rage(world: World) -> None:
    await Storm(world).rage()


async def _come_to_an_end(world: World) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while world.open_jobs or world.clients.unanswered or not world.engine.is_ready:
        if loop.time() > began_s + CALM_S:
            break
        if loop.time() > began_s + _WANTED_S and world.waited is None:
            lines, now_us = world.recorder.lines, world.recorder.now_us
            world.waited = Waited(lines=len(lines), at_us=now_us, final=look(world))
            for job in world.open_jobs:
                world.clients.cancel(job)
        await asyncio.sleep(_LOOKS_S)
    await _settle(world)


async def _settle(world: World) -> None:
    """Wait a moment for what may still be under way, and until every response that bots owe is acknowledged."""
    await asyncio.sleep(_SETTLE_S)
    for _ in range(round(_OWED_S / _LOOKS_S)):
        if not any(bot.owes for bot in world.bots.values()):
            return
        await asyncio.sleep(_LOOKS_S)


__all__ = ["CALM_S", "START_US", "Run", "carry_out", "simulate"]
