"""The journal as one engine of an engine test sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ee_core.errors import JournalUnavailableError
from ee_core.local.memory_journal import MemoryJournal
from engine_world.life import Gate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine_world.life import Life
    from engine_world.world import World


class Disk(Gate):
    """The journal as one engine sees it; `World.disk` says how it fares."""

    def __init__(self, world: World, life: Life) -> None:
        super().__init__(MemoryJournal(world.store), life, JournalUnavailableError)
        self._world = world

    async def commit(self, head: Any, entries: Any) -> Any:
        disk = self._world.disk
        disk.tries.append(tuple(entry.body for entry in entries))
        if disk.latency_s:
            await asyncio.sleep(disk.latency_s)
        if disk.full:
            raise JournalUnavailableError("no space left")
        if self._life.is_dead:
            raise JournalUnavailableError("dead")
        following = await self._part.commit(head, entries)
        self._world.note("commit", self._life.name, tuple((entry.job, entry.index) for entry in entries))
        if disk.forgetful:
            raise JournalUnavailableError("written, and nobody said so")
        return following

    async def history(self, job: Any) -> AsyncIterator[bytes]:
        await asyncio.sleep(self._world.disk.read_latency_s)
        async for body in self.__getattr__("history")(job):
            yield body
