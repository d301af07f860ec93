"""Each clause of the journal kit is failed by a journal that breaks that clause, and by no other clause's test.

The journals here are the memory journal with one thing wrong. A clause without a wrong journal here would be decoration.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ee_core.contracts import journal as contract
from ee_core.contracts.journal import PartitionHead, StoredCommit
from ee_core.errors import (
    JournalConflictError,
    JournalCorruptError,
    JournalUnavailableError,
    PayloadTooLargeError,
)
from ee_core.local.memory_journal import MemoryCommit, MemoryJournal, MemoryStore
from ee_core.model.record import chain, chain_start, unframe
from ee_core.testing.conformance import clauses_in, clauses_tested
from ee_core.testing.journal import JournalConformance
from ee_core.testing.journal_store import JournalStore


class Right(MemoryJournal):
    """Keeps every clause, also those that need a disk: what it has in memory is taken for one."""

    def __init__(self, harness):
        super().__init__(harness.store)
        self.harness = harness

    @property
    def traits(self):
        return replace(super().traits, durable=True)

    async def commit(self, head, entries):
        self._open()
        if self.harness.is_hindered:
            raise JournalUnavailableError("the disk is full")
        return await super().commit(head, entries)


class TearsCommits(Right):
    """Breaks J1: shows half a commit to whoever reads meanwhile."""

    async def commit(self, head, entries):
        part = self._store.partitions[0]
        if len(entries) < 4 or head.position != len(part.commits):
            return await super().commit(head, entries)
        after = await super().commit(head, entries)
        whole = part.commits.pop()
        link = part.commits[-1].link if part.commits else chain_start(self._store.store_id, 0)
        half = whole.frames[: len(entries) // 2]
        part.commits.append(MemoryCommit(head.epoch, half, chain(link, after.position, head.epoch, half)))
        await asyncio.sleep(0)
        part.commits[-1] = whole
        return after


class TakesLaterPositions(Right):
    """Breaks J2: a position that is not there yet is taken for the last."""

    async def commit(self, head, entries):
        last = len(self._store.partitions[0].commits)
        return await super().commit(replace(head, position=min(head.position, last)), entries)


class WritesWhenClosed(Right):
    """Breaks J3: others see its commits only after it was closed in order."""

    async def commit(self, head, entries):
        after = await super().commit(head, entries)
        self.harness.writers[after.position] = self
        return after

    async def read(self, partition, *, after=0):
        async for commit in super().read(partition, after=after):
            writer = self.harness.writers.get(commit.position, self)
            if writer is self or writer._state == "closed":
                yield commit


class RepeatsForOldEpochs(Right):
    """Breaks J4: accepts the stored commit of an epoch that is over."""

    async def commit(self, head, entries):
        part = self._partition(0)
        stored = part.commits[head.position].frames if head.position < len(part.commits) else []
        if head.epoch < part.epoch and [unframe(data).body for data in stored] == [
            one.body for one in entries
        ]:
            return PartitionHead(0, head.position + 1, head.epoch)
        return await super().commit(head, entries)


class RefusesRepeats(Right):
    """Breaks J5: takes the repeated commit for another's."""

    async def commit(self, head, entries):
        if head.position < len(self._partition(0).commits):
            raise JournalConflictError("another writer was first")
        return await super().commit(head, entries)


class ReadsOneTooMany(Right):
    """Breaks J6: gives the commit at the position too."""

    def read(self, partition, *, after=0):
        return super().read(partition, after=max(after - 1, 0))


class ForgetsKeys(Right):
    """Breaks J6: does not say whose records they are."""

    async def read(self, partition, *, after=0):
        async for commit in super().read(partition, after=after):
            yield replace(commit, keys=())


class TrustsItsDisk(Right):
    """Breaks J7: checks nothing when it reads."""

    async def read(self, partition, *, after=0):
        part = self._partition(partition)
        if any(stored.left for stored in part.commits):  # what was pruned is a clause of its own
            async for commit in super().read(partition, after=after):
                yield commit
            return
        if 0 < after == len(part.commits) + 1:
            self._link(partition, after)
        for position, stored in enumerate(part.commits[after:], after + 1):
            self._open()
            framed = [_unchecked(data) for data in stored.frames]
            keys = tuple(contract.RecordKey(job, index) for job, index, _ in framed)
            yield StoredCommit(position, stored.epoch, tuple(body for _, _, body in framed), keys)


class ForgetsFinishedJobs(Right):
    """Breaks J8: the history of a job ends with the job."""

    async def history(self, job):
        async for body in super().history(job):
            summary = await self.find_job(job)
            if summary is None or summary.open:
                yield body


class GivesOpenJobsByName(Right):
    """Breaks J9: sorts by id."""

    async def open_jobs(self, partition):
        for job in sorted([job async for job in super().open_jobs(partition)]):
            yield job


class GivesOneMorePage(Right):
    """Breaks J10: the next page begins with the last job of the page before."""

    async def list_jobs(self, wanted):
        before = wanted.before_us
        return await super().list_jobs(replace(wanted, before_us=None if before is None else before + 1))


class WritesContentsOver(Right):
    """Breaks J11: the last content of a name wins."""

    async def put_content(self, name, content):
        self._open().contents[name] = content
        self._put.add(name)


class SharesItsEpoch(Right):
    """Breaks J12: who opens a partition that is open joins its writer."""

    async def open_partition(self, partition):
        opened = self.harness.openers
        joins = any(other is not self and not other._state for other in opened)
        opened.append(self)
        if joins:
            part = self._partition(partition)
            return PartitionHead(partition, len(part.commits), part.epoch)
        return await super().open_partition(partition)


class NamesItselfAnew(Right):
    """Breaks J13: the name is that of the opening."""

    @property
    def store_id(self):
        return f"{super().store_id}-{id(self)}"


class TakesLargeCommits(Right):
    """Breaks J14: limits the record, not the commit."""

    async def commit(self, head, entries):
        try:
            return await super().commit(head, entries)
        except PayloadTooLargeError as error:
            if "commit" not in str(error):
                raise
            half = len(entries) // 2
            return await super().commit(await super().commit(head, entries[:half]), entries[half:])


class GivesUpForGood(Right):
    """Breaks J15: after one failed write it refuses all."""

    async def commit(self, head, entries):
        try:
            return await super().commit(head, entries)
        except JournalUnavailableError:
            self._state = self._state or "closed after the disk is full"
            raise


class AnswersWhenClosed(Right):
    """Breaks J16: still finds jobs."""

    async def find_job(self, job):
        return self._store.summaries.get(job)


class ForgetsWhatWasTold(Right):
    """Breaks J17: keeps what was told with a commit, but not with a clean stop."""

    async def close_partition(self, head):
        await super().close_partition(replace(head, told=0))


class CountsStops(Right):
    """Breaks J18: a clean stop counts as an opening that came to nothing."""

    async def close_partition(self, head):
        await super().close_partition(head)
        self._store.partitions[0].epochs[-1].stopped = False


class PrunesDrains(Right):
    """Breaks J19: a job that is finished is over for it, though a bot drains."""

    async def prune(self, head, pruning):
        summaries = self._store.summaries
        for job, summary in list(summaries.items()):
            if summary.finished_us is not None and summary.open and summary.finished_us < pruning.before_us:
                summaries[job] = replace(summary, open=False)
        return await super().prune(head, pruning)


class PrunesTheUntold(Right):
    """Breaks J19: takes what observers have not heard of."""

    async def prune(self, head, pruning):
        self._store.partitions[0].told = head.position
        return await super().prune(head, pruning)


class TrustsWhatIsLeft(Right):
    """Breaks J19: does not look at commits that lost records any more."""

    def _take_out(self, partition, jobs):
        super()._take_out(partition, jobs)
        part = self._store.partitions[partition]
        link = chain_start(self._store.store_id, partition)
        for position, stored in enumerate(part.commits, 1):
            link = stored.link = chain(link, position, stored.epoch, stored.frames)
            stored.left = None

    async def read(self, partition, *, after=0):
        part = self._partition(partition)
        if any(stored.left or not stored.frames for stored in part.commits):
            for position, stored in enumerate(part.commits[after:], after + 1):
                framed = [_unchecked(data) for data in stored.frames]
                keys = tuple(contract.RecordKey(job, index) for job, index, _ in framed)
                if framed:
                    yield StoredCommit(position, stored.epoch, tuple(body for _, _, body in framed), keys)
            return
        async for commit in super().read(partition, after=after):
            yield commit


class LeavesNoStub(Right):
    """Breaks J20: forgets the digest with the records."""

    async def prune(self, head, pruning):
        pruned = await super().prune(head, pruning)
        summaries = self._store.summaries
        for job in pruned.jobs:
            if not pruning.is_trial:
                summaries[job] = replace(summaries[job], digest="")
        return pruned


class DropsFreshContents(Right):
    """Breaks J21: drops a content whose job has not come yet."""

    async def prune(self, head, pruning):
        self._put.clear()
        return await super().prune(head, pruning)


class LetsAnyonePrune(Right):
    """Breaks J22: prunes for whoever asks."""

    async def prune(self, head, pruning):
        return await super().prune(replace(head, epoch=self._partition(0).epoch), pruning)


class KeepsTheOldIndex(Right):
    """Breaks J23: adds what is missing and leaves what is false."""

    async def rebuild(self, head, summaries):
        stubs = {job for job, summary in self._store.summaries.items() if summary.pruned}
        await super().rebuild(head, summaries)
        for job in stubs:
            del self._store.summaries[job], self._store.partitions[0].jobs[job]


class BlamesTheJob(Right):
    """Breaks J24: says that the job is damaged, where it is the disk."""

    async def history(self, job):
        try:
            async for body in super().history(job):
                yield body
        except JournalCorruptError as error:
            raise JournalCorruptError(str(error), job=job, index=error.index) from error


class AnswersFromMemory(Right):
    """Breaks J25: does not look who writes by now."""

    async def confirm_partition(self, head):
        self._open()


WRONG = {
    TearsCommits: "J1",
    TakesLaterPositions: "J2",
    WritesWhenClosed: "J3",
    RepeatsForOldEpochs: "J4",
    RefusesRepeats: "J5",
    ReadsOneTooMany: "J6",
    ForgetsKeys: "J6",
    TrustsItsDisk: "J7",
    ForgetsFinishedJobs: "J8",
    GivesOpenJobsByName: "J9",
    GivesOneMorePage: "J10",
    WritesContentsOver: "J11",
    SharesItsEpoch: "J12",
    NamesItselfAnew: "J13",
    TakesLargeCommits: "J14",
    GivesUpForGood: "J15",
    AnswersWhenClosed: "J16",
    ForgetsWhatWasTold: "J17",
    CountsStops: "J18",
    PrunesDrains: "J19",
    PrunesTheUntold: "J19",
    TrustsWhatIsLeft: "J19",
    LeavesNoStub: "J20",
    DropsFreshContents: "J21",
    LetsAnyonePrune: "J22",
    KeepsTheOldIndex: "J23",
    BlamesTheJob: "J24",
    AnswersFromMemory: "J25",
}


class Harness(JournalStore):
    """A memory store for journals of one class, right or wrong."""

    made = 0

    def __init__(self, journal_class):
        Harness.made += 1
        self.store = MemoryStore(f"a-store-of-the-kit-{Harness.made}")
        self.is_hindered = False
        self.writers = {}
        self.openers = []
        self._journal_class = journal_class

    def connect(self):
        return self._journal_class(self)

    async def flip(self, position):
        frames = self.store.partitions[0].commits[position - 1].frames
        own = self.store.records[unframe(frames[-1]).job]
        place = own.index(frames[-1])
        frames[-1] = own[place] = frames[-1][:-1] + bytes([frames[-1][-1] ^ 1])

    async def lose(self, position):
        del self.store.partitions[0].commits[position - 1]

    async def spoil_index(self):
        partition = self.store.partitions[0]
        for job in [job for job in partition.jobs if not self.store.summaries[job].pruned]:
            del partition.jobs[job], self.store.summaries[job], self.store.records[job]

    @asynccontextmanager
    async def hindered(self):
        self.is_hindered = True
        yield "the disk is full"
        self.is_hindered = False


def _unchecked(data):
    """Take a frame apart without looking at its checksum."""
    length, name_length = int.from_bytes(data[:4]), data[12]
    return data[13 : 13 + name_length].decode(), int.from_bytes(data[4:8]), data[-length:]


async def failed_clauses(journal_class):
    """Run every test of the kit; return the clauses whose tests failed, in order."""
    kit = JournalConformance()
    failed = []
    for name, test in vars(JournalConformance).items():
        if not name.startswith("test_"):
            continue
        marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        assert [mark.args[0] for mark in marks] in ([], ["harm"])
        for arguments in [{"harm": harm} for harm in marks[0].args[1]] if marks else [{}]:
            try:
                async with asyncio.timeout(10):
                    await test(kit, lambda: Harness(journal_class), **arguments)
            except (Exception, pytest.fail.Exception):  # noqa: BLE001 - a wrong journal may fail in any way
                failed.append(name.split("_")[1].upper())
    return list(dict.fromkeys(failed))


async def test_the_right_journal_passes_the_kit():
    assert await failed_clauses(Right) == []


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{WRONG[wrong]}-{wrong.__name__}")
async def test_a_wrong_journal_fails_its_clause_alone(wrong):
    assert await failed_clauses(wrong) == [WRONG[wrong]]


def test_every_clause_has_a_test_and_a_wrong_journal():
    assert clauses_tested(vars(JournalConformance)) == clauses_in(contract)
    assert set(WRONG.values()) == set(clauses_in(contract))
