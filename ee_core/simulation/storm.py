"""Carries out the strokes of a plan: what befalls engines, bots, network, disk and clocks at their hours."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from ee_core.simulation.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ee_core.simulation.life import Life
    from ee_core.simulation.plan import Stroke
    from ee_core.simulation.world import World


class Storm:
    """The strokes of one run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._life = world.nature
        self._do: Mapping[Fault, Callable[[Stroke], Awaitable[None]]] = {
            Fault.ENGINE_CRASH: self._crash,
            Fault.CRASH_BEFORE_COMMIT: self._crash_before,
            Fault.CRASH_AFTER_COMMIT: self._crash_after,
            Fault.ENGINE_STOP: self._stop,
            Fault.ENGINE_PAUSE: self._pause_engine,
            Fault.ENGINE_RIVAL: self._rival,
            Fault.BOT_CRASH: self._crash_bot,
            Fault.BOT_PAUSE: self._pause_bot,
            Fault.BOT_DISK_LOST: self._lose_disk,
            Fault.BROKER_DOWN: self._cut,
            Fault.BROKER_RESTART: self._restart_broker,
            Fault.JOURNAL_DOWN: self._stop_disk,
            Fault.LOCK_DOWN: self._stop_lock,
            Fault.CLOCK_JUMP: self._jump,
            Fault.BOT_GONE: self._lose_bot,
        }

    async def rage(self) -> None:
        """Let everything happen; returns when the last is over and its time has come."""
        world = self._world
        tasks = [self._life.start(self._strike(stroke)) for stroke in world.plan.strokes]
        await asyncio.sleep(world.plan.storm_s)
        if tasks:
            await asyncio.wait(tasks)
        world.faults.calm()
        world.disk.before_commit = world.disk.after_commit = lambda life: None

    async def _strike(self, stroke: Stroke) -> None:
        await asyncio.sleep(stroke.at_s)
        self._world.faults.note(stroke.fault, stroke.target)
        await self._do[stroke.fault](stroke)

    # -- engines -------------------------------------------------------------------------------------------------

    async def _crash(self, stroke: Stroke) -> None:
        engine = self._world.engine
        self._world.rest(engine, stroke.for_s)
        await engine.kill()

    async def _crash_before(self, stroke: Stroke) -> None:
        self._world.disk.before_commit = self._fuse(stroke)

    async def _crash_after(self, stroke: Stroke) -> None:
        self._world.disk.after_commit = self._fuse(stroke)

    def _fuse(self, stroke: Stroke) -> Callable[[Life], None]:
        """Return what ends the engine that commits next."""
        world = self._world

        def burn(life: Life) -> None:
            world.disk.before_commit = world.disk.after_commit = lambda life: None
            world.crash(life, stroke.for_s)

        return burn

    async def _stop(self, stroke: Stroke) -> None:
        engine = self._world.engine
        self._world.rest(engine, stroke.for_s)
        await engine.stop()

    async def _pause_engine(self, stroke: Stroke) -> None:
        life = self._world.engine.life
        life.pause()
        await asyncio.sleep(stroke.for_s)
        life.resume()

    async def _rival(self, stroke: Stroke) -> None:
        """Let another engine take over: from one that stands still, or from one that goes on as if nothing were."""
        before = self._world.engine.life
        if stroke.for_s > 1.0:
            before.pause()
        self._world.start_engine()
        await asyncio.sleep(stroke.for_s)
        before.resume()

    # -- bots ----------------------------------------------------------------------------------------------------

    async def _crash_bot(self, stroke: Stroke) -> None:
        bot = self._world.bots[stroke.target]
        self._world.rest(bot, stroke.for_s)
        await bot.kill()

    async def _lose_bot(self, stroke: Stroke) -> None:
        bot = self._world.bots[stroke.target]
        self._world.rest(bot, math.inf)
        await bot.kill()

    async def _pause_bot(self, stroke: Stroke) -> None:
        life = self._world.bots[stroke.target].life
        life.pause()
        await asyncio.sleep(stroke.for_s)
        life.resume()

    async def _lose_disk(self, stroke: Stroke) -> None:
        bot = self._world.bots[stroke.target]
        self._world.rest(bot, stroke.for_s)
        await bot.lose_disk()

    # -- the rest ------------------------------------------------------------------------------------------------

    async def _cut(self, stroke: Stroke) -> None:
        await self._cut_for(stroke.for_s, empty=False)

    async def _restart_broker(self, stroke: Stroke) -> None:
        await self._cut_for(stroke.for_s, empty=True)

    async def _cut_for(self, for_s: float, *, empty: bool) -> None:
        network = self._world.network
        network.go_down()
        await asyncio.sleep(for_s)
        network.come_up(empty=empty)

    async def _stop_disk(self, stroke: Stroke) -> None:
        self._world.disk.is_down = True
        await asyncio.sleep(stroke.for_s)
        self._world.disk.is_down = False

    async def _stop_lock(self, stroke: Stroke) -> None:
        self._world.lock.is_down = True
        await asyncio.sleep(stroke.for_s)
        self._world.lock.is_down = False

    async def _jump(self, stroke: Stroke) -> None:
        world = self._world
        env = world.bots[stroke.target].env if stroke.target else world.engine.env
        env.wall_offset_us += round(stroke.for_s * 1_000_000)
