"""The SQLite journal and the memory journal, told the same, say the same: each is the other's model."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ee_core.contracts.journal import JobFilter, PartitionHead
from ee_core.errors import JournalError
from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.testing.journal_store import entry, last_entry

STORE_ID = "a-store-of-this-test"
JOBS = ("job-c", "job-a", "job-b")

# who writes; the jobs of the commit; how far the position and the epoch are off, mostly not
writers = st.integers(0, 1)
offs = st.sampled_from([0, 0, 0, 0, -1, 1])
openings = st.tuples(st.just("open"), writers)
commits = st.tuples(
    st.just("commit"),
    writers,
    st.lists(st.sampled_from(JOBS), min_size=1, max_size=5),
    offs,
    offs,
    st.booleans(),
)
repeats = st.tuples(st.just("repeat"), writers)


class Told:
    """Two journals on one store, as of two processes, and what came of what they were told."""

    def __init__(self, journals):
        self.journals = journals
        self.outcomes = []
        self._heads = [PartitionHead(0, 0, 0)] * 2
        self._calls = [(PartitionHead(0, 0, 0), [entry("job-a", 0)])] * 2  # the last commit of each
        self._indexes = dict.fromkeys(JOBS, 0)

    async def tell(self, word, who, *arguments):
        try:
            await getattr(self, word)(who, *arguments)
            self.outcomes.append(self._heads[who])
        except JournalError as error:
            self.outcomes.append(type(error))

    async def open(self, who):
        self._heads[who] = await self.journals[who].open_partition(0)

    async def commit(self, who, jobs, position_off, epoch_off, ends):
        head = self._heads[who]
        place = replace(head, position=max(0, head.position + position_off), epoch=head.epoch + epoch_off)
        indexes = dict(self._indexes)
        entries = []
        for job in jobs:
            make = last_entry if ends else entry
            entries.append(make(job, indexes[job], accepted_us=JOBS.index(job)))
            indexes[job] += 1
        self._calls[who] = place, entries
        self._heads[who] = await self.journals[who].commit(place, entries)
        self._indexes = indexes

    async def repeat(self, who):
        await self.journals[who].commit(*self._calls[who])

    async def everything(self):
        """Return all that the second of the two shows."""
        journal = self.journals[1]
        return {
            "outcomes": self.outcomes,
            "commits": [commit async for commit in journal.read(0)],
            "open": [job async for job in journal.open_jobs(0)],
            "listed": await journal.list_jobs(JobFilter()),
            "histories": [await self._history(job) for job in JOBS],
        }

    async def _history(self, job):
        """Return a job's records, or how they are refused: a commit that is repeated may fit later, with old indexes."""
        try:
            return [body async for body in self.journals[1].history(job)]
        except JournalError as error:
            return type(error)


async def tell_both(folder, steps):
    store = MemoryStore(STORE_ID)
    path = folder / "journal.db"
    async with (
        MemoryJournal(store) as memory,
        MemoryJournal(store) as other_memory,
        SqliteJournal(path, new_store_id=STORE_ID) as sqlite,
        SqliteJournal(path, new_store_id="") as other_sqlite,
    ):
        both = Told([memory, other_memory]), Told([sqlite, other_sqlite])
        for told in both:
            for step in steps:
                await told.tell(*step)
        return [await told.everything() for told in both]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(openings, commits, commits, commits, repeats), max_size=25))
def test_journals_told_the_same_say_the_same(steps):
    with tempfile.TemporaryDirectory() as folder:
        memory, sqlite = asyncio.run(tell_both(Path(folder), [("open", 0), *steps]))

    assert memory == sqlite
