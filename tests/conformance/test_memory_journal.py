"""The memory journal keeps the contract, but for what needs a disk."""

import itertools

import pytest

from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.model.record import unframe
from ee_core.testing.journal import JournalConformance
from ee_core.testing.journal_store import JournalStore


class MemoryJournalStore(JournalStore):
    def __init__(self, store_id):
        self._store = MemoryStore(store_id)

    def connect(self):
        return MemoryJournal(self._store)

    async def flip(self, position):
        frames = self._store.partitions[0].commits[position - 1].frames
        own = self._store.records[unframe(frames[-1]).job]
        place = own.index(frames[-1])
        frames[-1] = own[place] = frames[-1][:-1] + bytes([frames[-1][-1] ^ 1])

    async def spoil_index(self):
        partition = self._store.partitions[0]
        for job in [job for job in partition.jobs if not self._store.summaries[job].pruned]:
            del partition.jobs[job], self._store.summaries[job], self._store.records[job]

    async def lose(self, position):
        # in memory the next one takes its place, so the place of those after it is lost too
        del self._store.partitions[0].commits[position - 1]


class TestMemoryJournal(JournalConformance):
    @pytest.fixture
    def new_store(self):
        numbers = itertools.count()
        return lambda: MemoryJournalStore(f"a-store-of-the-kit-{next(numbers)}")
