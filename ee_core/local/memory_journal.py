"""A journal that keeps everything in memory: for tests, for simulation, and for runs of which nothing is kept.

The `MemoryStore` is the disk: it outlives the journals opened on it, as a file outlives processes. So a simulation
crashes an engine by dropping its journal, and adopts by opening another on the same store; two open at once stand for
two processes. Records are framed and chained as in a file, so damage is found here by the same code.

Nothing here waits for anything, but a commit and an opening let the loop turn once after they are stored: a caller that
is cancelled there does not know the outcome, as with a real disk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from ee_core.contracts.journal import JournalTraits, PartitionHead, Pruned
from ee_core.errors import (
    ConfigError,
    ConflictError,
    JournalConflictError,
    JournalCorruptError,
    JournalUnavailableError,
    NotFoundError,
)
from ee_core.hookspecs import hookimpl
from ee_core.local.entries import (
    broken_history,
    check_member,
    check_partition,
    check_sizes,
    frame_entries,
    read_commit,
    to_stub,
)
from ee_core.model.chain import ChainCheck
from ee_core.model.record import chain, chain_start, residue, unframe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from ee_core.contracts.env import Env
    from ee_core.contracts.journal import Entry, JobFilter, JobSummary, Journal, Pruning, StoredCommit
    from ee_core.model.ids import JobId, WorkflowHash
    from ee_core.model.record import Framed

_MAX_PARTITIONS: Final = 1024


@dataclass(slots=True)
class MemoryCommit:
    """One stored commit."""

    epoch: int
    frames: list[bytes]
    link: bytes
    left: bytes | None = None  # the residue, once records were pruned


@dataclass(slots=True)
class MemoryEpoch:
    """One opening of a partition."""

    after: int  # position at which it began
    stopped: bool = False  # in order


@dataclass(slots=True)
class MemoryPartition:
    """One partition; position n is ``commits[n - 1]``."""

    epoch: int = 0
    told: int = 0
    epochs: list[MemoryEpoch] = field(default_factory=list)
    commits: list[MemoryCommit] = field(default_factory=list)
    jobs: dict[JobId, None] = field(default_factory=dict)  # in the order of their first record


@dataclass(slots=True)
class MemoryStore:
    """What would be on a disk."""

    store_id: str
    count: int = 1
    partitions: list[MemoryPartition] = field(init=False)
    records: dict[JobId, list[bytes]] = field(default_factory=dict)  # the same frames, by job
    summaries: dict[JobId, JobSummary] = field(default_factory=dict)
    contents: dict[WorkflowHash, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.partitions = [MemoryPartition() for _ in range(self.count)]


class MemoryJournal:
    """Keeps the contract `ee_core.contracts.journal.Journal` on a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._state = "not open yet"
        self._put: set[WorkflowHash] = set()  # contents that a job of ours may be about to name

    async def __aenter__(self) -> Self:
        if self._state != "not open yet":
            raise JournalUnavailableError(
                "the memory journal was opened before; make another on the same store"
            )
        self._state = ""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def traits(self) -> JournalTraits:
        return JournalTraits(durable=False, partitions=self._store.count, shared=False)

    @property
    def store_id(self) -> str:
        return self._open().store_id

    async def open_partition(self, partition: int) -> PartitionHead:
        part = self._partition(partition)
        position = len(part.commits)
        fruitless = 0
        for epoch in reversed(part.epochs):
            if epoch.after != position or epoch.stopped:
                break
            fruitless += 1
        part.epochs.append(MemoryEpoch(position))
        part.epoch += 1
        head = PartitionHead(partition, position, part.epoch, part.told, fruitless)
        await asyncio.sleep(0)
        return head

    async def confirm_partition(self, head: PartitionHead) -> None:
        self._written(head)

    async def close_partition(self, head: PartitionHead) -> None:
        part = self._written(head)
        part.told = max(part.told, head.told)
        part.epochs[-1].stopped = True

    async def commit(self, head: PartitionHead, entries: Sequence[Entry]) -> PartitionHead:
        part = self._partition(head.partition)
        check_sizes(entries)
        if head.epoch != part.epoch or head.position > len(part.commits):
            raise _conflict(part, head)
        following = PartitionHead(head.partition, head.position + 1, head.epoch, max(part.told, head.told))
        frames = frame_entries(entries)
        link = chain(self._link(head.partition, head.position), following.position, head.epoch, frames)
        if head.position == len(part.commits):
            self._store_commit(part, MemoryCommit(head.epoch, frames, link), entries)
        elif part.commits[head.position].link != link:  # else it is there already [J5]
            raise _conflict(part, head)
        part.told = following.told
        await asyncio.sleep(0)
        return following

    async def read(self, partition: int, *, after: int = 0) -> AsyncIterator[StoredCommit]:
        part = self._partition(partition)
        epoch = part.commits[after - 1].epoch if 0 < after <= len(part.commits) else 0
        check = ChainCheck(partition, position=after, epoch=epoch, link=self._link(partition, after))
        for position, stored in enumerate(part.commits[after:], after + 1):
            self._open()
            commit = read_commit(check, position, stored.epoch, stored.frames, stored.link, stored.left)
            if commit.records:
                yield commit

    async def history(self, job: JobId) -> AsyncIterator[bytes]:
        for expected, data in enumerate(tuple(self._open().records.get(job, ()))):
            self._open()
            yield check_member(job, expected, _unframe(job, expected, data))

    async def open_jobs(self, partition: int) -> AsyncIterator[JobId]:
        jobs, summaries = self._partition(partition).jobs, self._store.summaries
        for job in [job for job in jobs if summaries[job].open]:
            self._open()
            yield job

    async def find_job(self, job: JobId) -> JobSummary | None:
        return self._open().summaries.get(job)

    async def list_jobs(self, wanted: JobFilter) -> list[JobSummary]:
        found = [summary for summary in self._open().summaries.values() if _fits(summary, wanted)]
        found.sort(key=lambda summary: (summary.accepted_us, summary.job), reverse=True)
        return found[: wanted.limit]

    async def put_content(self, name: WorkflowHash, content: bytes) -> None:
        if self._open().contents.setdefault(name, bytes(content)) != content:
            raise ConflictError(f"content {name!r} is stored already with other bytes")
        self._put.add(name)

    async def get_content(self, name: WorkflowHash) -> bytes:
        content = self._open().contents.get(name)
        if content is None:
            raise NotFoundError(f"content {name!r} is not in the journal")
        return content

    async def prune(self, head: PartitionHead, pruning: Pruning) -> Pruned:
        part, store = self._written(head), self._store
        jobs = self._find_pruned(part, pruning)
        stubs = [
            job
            for job in part.jobs
            if store.summaries[job].pruned and (store.summaries[job].finished_us or 0) < pruning.forget_us
        ][: pruning.limit]
        if pruning.is_trial:
            return Pruned(tuple(jobs), len(stubs))
        self._take_out(head.partition, set(jobs))
        for job in jobs:
            store.records.pop(job, None)
            store.summaries[job] = to_stub(store.summaries[job])
        for job in stubs:
            del part.jobs[job], store.summaries[job]
        return Pruned(tuple(jobs), len(stubs), 0 if jobs else self._drop_contents())

    async def rebuild(self, head: PartitionHead, summaries: Sequence[JobSummary]) -> None:
        part, store = self._written(head), self._store
        records: dict[JobId, list[bytes]] = {}
        for data in (data for stored in part.commits for data in stored.frames):
            records.setdefault(unframe(data).job, []).append(data)
        stubs = [job for job, summary in store.summaries.items() if summary.pruned and job in part.jobs]
        for job in [job for job in part.jobs if job not in stubs]:
            store.summaries.pop(job, None)
            store.records.pop(job, None)
        part.jobs = dict.fromkeys([*stubs, *(summary.job for summary in summaries)])
        store.summaries |= {summary.job: summary for summary in summaries}
        store.records |= records

    async def close(self) -> None:
        self._state = "closed"

    def _open(self) -> MemoryStore:
        if self._state:
            raise JournalUnavailableError(f"the memory journal is {self._state}")
        return self._store

    def _partition(self, partition: int) -> MemoryPartition:
        store = self._open()
        check_partition(partition, store.count)
        return store.partitions[partition]

    def _written(self, head: PartitionHead) -> MemoryPartition:
        """Return the partition that a head still writes [J22]."""
        part = self._partition(head.partition)
        if head.epoch != part.epoch:
            raise _conflict(part, head)
        return part

    def _find_pruned(self, part: MemoryPartition, pruning: Pruning) -> list[JobId]:
        settled = max(0, min(part.told, len(part.commits) - 1))
        late = {unframe(data).job for stored in part.commits[settled:] for data in stored.frames}
        over = [
            (summary.finished_us, job)
            for job, summary in ((job, self._store.summaries[job]) for job in part.jobs if job not in late)
            if not summary.open and not summary.pruned and summary.finished_us is not None
        ]
        return [job for finished_us, job in sorted(over) if finished_us < pruning.before_us][: pruning.limit]

    def _take_out(self, partition: int, jobs: set[JobId]) -> None:
        """Take the records of jobs out of their commits; raises before anything has changed."""
        changed: list[tuple[MemoryCommit, list[bytes], bytes]] = []
        check = ChainCheck(partition, position=0, epoch=0, link=self._link(partition, 0))
        for position, stored in enumerate(self._store.partitions[partition].commits, 1):
            before = check.link
            keys = read_commit(check, position, stored.epoch, stored.frames, stored.link, stored.left).keys
            left = [data for key, data in zip(keys, stored.frames, strict=True) if key.job not in jobs]
            if len(left) < len(stored.frames):
                changed.append((stored, left, residue(before, stored.link, position, stored.epoch, left)))
        for stored, left, hash_ in changed:
            stored.frames, stored.left = left, hash_

    def _drop_contents(self) -> int:
        store = self._store
        needed = self._put | {summary.hash for summary in store.summaries.values() if not summary.pruned}
        dropped = [name for name in store.contents if name not in needed]
        for name in dropped:
            del store.contents[name]
        return len(dropped)

    def _link(self, partition: int, position: int) -> bytes:
        commits = self._store.partitions[partition].commits
        if position == 0:
            return chain_start(self._store.store_id, partition)
        if not 0 < position <= len(commits):
            raise JournalCorruptError(
                f"partition {partition} has no commit {position}, its last is {len(commits)}",
                position=position,
            )
        return commits[position - 1].link

    def _store_commit(self, part: MemoryPartition, commit: MemoryCommit, entries: Sequence[Entry]) -> None:
        part.commits.append(commit)
        for entry, data in zip(entries, commit.frames, strict=True):
            self._store.records.setdefault(entry.job, []).append(data)
            self._store.summaries[entry.job] = entry.summary
            part.jobs.setdefault(entry.job)


def _unframe(job: JobId, index: int, data: bytes) -> Framed:
    try:
        return unframe(data)
    except JournalCorruptError as error:
        raise broken_history(job, index, error) from error


def _conflict(part: MemoryPartition, head: PartitionHead) -> JournalConflictError:
    return JournalConflictError(
        f"partition {head.partition} stands at commit {len(part.commits)} of epoch {part.epoch}, "
        f"not at {head.position} of {head.epoch}: another writer has it"
    )


def _fits(summary: JobSummary, wanted: JobFilter) -> bool:
    if wanted.before_us is not None:
        place = (summary.accepted_us, summary.job if wanted.before_job else "")
        if place >= (wanted.before_us, wanted.before_job):
            return False
    same = (
        (wanted.status, summary.status),
        (wanted.outcome, summary.outcome),
        (wanted.workflow, summary.workflow),
        (wanted.owner, summary.owner),
    )
    labels = all(summary.labels.get(key) == value for key, value in wanted.labels)
    return labels and all(value in ("", found) for value, found in same)


@hookimpl
def ee_open_journal(settings: Mapping[str, Any], env: Env) -> Journal:
    """Make a journal on a store of its own; setting `partitions` (default 1) is for tests."""
    partitions = settings.get("partitions", 1)
    unknown = sorted(settings.keys() - {"partitions"})
    if unknown:
        raise ConfigError(f"journal.{unknown[0]} is no setting of the memory journal; it has: partitions")
    if (
        isinstance(partitions, bool)
        or not isinstance(partitions, int)
        or not 1 <= partitions <= _MAX_PARTITIONS
    ):
        raise ConfigError(f"journal.partitions is {partitions!r}; give a number from 1 to {_MAX_PARTITIONS}")
    return MemoryJournal(MemoryStore(env.new_id(), partitions))
