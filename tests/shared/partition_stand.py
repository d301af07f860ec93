"""A partition that writes to a memory journal, for tests of what stands on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.partition import Partition

if TYPE_CHECKING:
    from ee_core.errors import EngineError


class Stand:
    """The partition, its journal and store; open inside its context, a running loop given."""

    def __init__(self) -> None:
        self.store = MemoryStore("store")
        self.journal = MemoryJournal(self.store)
        self.lost: list[EngineError] = []
        self.partition = Partition(self.journal, 0, on_lost=self.lost.append, confirm_after_s=10)

    async def __aenter__(self) -> Self:
        await self.journal.__aenter__()
        await self.partition.open()
        self.task = asyncio.create_task(self.partition.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})
        await self.journal.close()

    @property
    def commits(self) -> list[int]:
        """How many records each commit has."""
        return [len(commit.frames) for commit in self.store.partitions[0].commits]
