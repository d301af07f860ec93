"""An engine as a process: its parts behind gates, and a store that outlives it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ee_core.config import Settings
from ee_core.contracts.activity import ActivityTraits
from ee_core.engine import Parts, open_engine
from ee_core.errors import LockUnavailableError
from ee_core.local.lock import MemoryLock
from ee_core.local.policies import CorePolicies
from ee_core.registry import Registry
from engine_world.disk import Disk
from engine_world.life import Gate, Life
from engine_world.script import Script
from engine_world.wire import Wire

if TYPE_CHECKING:
    from engine_world.world import World

_FREE = ActivityTraits(stateless=True, idempotent=True)
_ONCE = ActivityTraits(stateless=True, idempotent=False)


class EngineLife:
    """An engine as a process."""

    def __init__(self, world: World, name: str, settings: dict[str, Any]) -> None:
        self.world = world
        self.life = Life(name)
        self.engine: Any = None
        self._despite_poison = settings.pop("despite_poison", False)
        self._settings = settings
        self._stop = asyncio.Event()

    async def start(self, *, wait: bool = True) -> None:
        ready = asyncio.Event()
        main = self.life.start(self._run(ready))
        if not wait:
            return
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({main, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if main.done():
            main.result()

    async def _run(self, ready: asyncio.Event) -> None:
        parts = self._make_parts()
        driving = open_engine(parts, despite_poison=self._despite_poison)
        async with parts.journal, parts.lock, driving as self.engine:
            ready.set()
            await self.engine.until_stopped(self._stop.wait())

    def _make_parts(self) -> Parts:
        world = self.world
        env = world.make_env()
        options = dict(self._settings)
        disabled = ("ee-example", "ee-activity-http", "ee-nats", *options.pop("disabled", ()))
        types = ("fetch", "post", "spare")
        settings = Settings.model_validate(
            {
                "engine": {"grace_s": 1.0} | options,
                "plugins": {"disabled": disabled},
                "activities": {name: {"make": self._make_type} for name in types},
            }
        )
        policies = CorePolicies(env, max_open_jobs=settings.engine.max_open_jobs)
        return Parts(
            settings=settings,
            env=env,
            registry=Registry(settings, env, core=policies),
            policies=policies,
            subjects=world.subjects,
            broker=Wire(world, self.life),
            lock=_Opened(
                MemoryLock(env, table=world.table),
                self.life,
                LockUnavailableError,
                lambda name: name in world.lock_down,
            ),
            journal=_OpenedDisk(world, self.life),
            catalogue=world.catalogue,
            secrets=world.secrets,
        )

    def _make_type(self, name: str) -> Script:
        return Script(name, self.world, traits=_ONCE if name == "post" else _FREE)

    async def stop(self) -> None:
        """Stop it cleanly, if it runs."""
        self._stop.set()
        if self.life.is_running:
            await self.life.main

    async def ended(self) -> BaseException | None:
        """Wait until it has ended by itself, and return why."""
        await self.world.until(lambda: not self.life.is_running)
        return self.life.main.exception()


class _Opened(Gate):
    """A part that is opened with its engine, and closed without anybody noticing when that is dead."""

    async def __aenter__(self) -> _Opened:
        await self._part.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._part.close()


class _OpenedDisk(Disk, _Opened):
    pass
