"""What a journal plugin promises: the append-only record that is the only truth.

A journal is a set of partitions; a job lives in one. It stores encoded records (`ee_core.model.record`), and
beside each the few facts an index needs; it never looks inside. The kit is `ee_core.testing.journal`.

[J1] `commit` is atomic: all its records are stored, in order, or none.
[J2] `commit` with an expected position or an epoch that is not the partition's raises `JournalConflictError`, and stores nothing.
[J3] When `commit` has returned, its records survive the death of the process and, if `traits.durable`, the loss of power.
[J4] `open_partition` raises the epoch by one, durably; from then on every commit of an earlier epoch is refused as in [J2], also one that was stored and is repeated.
[J5] The identical commit repeated (same position, epoch and records) after an unknown outcome returns the same position and is stored once; another one for that position is refused as in [J2].
[J6] `read` yields the commits of a partition after a position, in order, complete but for what was pruned, each with the records as they were given and with whose they are.
[J7] The commits of a partition are chained by a hash, and each record is framed with a checksum: a gap, a fork, a changed byte or a foreign epoch raises `JournalCorruptError`
that names the position; nothing after it is yielded.
[J8] `history` yields all records of one job, in order of index, also long after it finished; none for an unknown job, or a pruned one.
[J9] `open_jobs` yields the id of every job of a partition whose last summary says `open`, oldest first.
[J10] `list_jobs` and `find_job` show the last summary of each job, finished ones too, newest first (by `accepted_us`, then by id, both falling), filtered as asked.
[J11] `put_content` is durable when it returns; `get_content` returns the identical bytes, or raises `NotFoundError`; putting the same again changes nothing, putting other bytes under the same hash raises `ConflictError`.
[J12] Two processes may open one journal; a second `open_partition` makes the first one's commits fail, never mix.
[J13] Store identity: `store_id` is random, made once, and the same at every later opening.
[J14] A record over `MAX_RECORD_BYTES` or a commit over `MAX_COMMIT_BYTES` is refused with `PayloadTooLargeError`, and nothing is stored.
[J15] A failed write (disk full, read-only) raises `JournalUnavailableError` naming the cause; the same commit may be repeated and succeeds when the cause is gone.
[J16] After `close` every call raises `JournalUnavailableError`.
[J17] `commit` and `close_partition` keep the head's `told`, unless a higher one is kept; `open_partition` returns the one that is kept, also to another process.
[J18] `open_partition` counts in `fruitless` the openings directly before it after which nothing was committed, and which `close_partition` did not end.
[J19] `prune` takes away the records of jobs that are over (finished before its instant, not `open`) and lie before the last commit and not after `told`, and of no others;
the partition reads on without them, and damage and gaps in what is left are found as in [J7].
[J20] A pruned job leaves a stub: `find_job` and `list_jobs` show it with `pruned`, its workflow, digest, outcome and instants, without owner and labels; the stub goes when the job finished before
the pruning's `forget_us`.
[J21] The `prune` that finds no more jobs drops the contents that no job with records names and that this journal object did not put; all others stay.
[J22] `prune`, `rebuild` and `close_partition` with the epoch of an earlier writer are refused as in [J2].
[J23] `rebuild` makes the index anew: from then on [J8], [J9] and [J10] hold for the summaries that are given, and for the stubs, whatever had become of the index.
[J24] A record of a history whose frame is damaged, or that is not there, raises `JournalCorruptError` without a `job`: the partition is damaged, and nobody knows what else.
[J25] `confirm_partition` returns as long as the head's epoch is the partition's, is refused as in [J2] from then on, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from ee_core.model.ids import JobId, WorkflowHash  # noqa: TC001 - codecs of the index read a summary's types at run time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class JobSummary:
    """What the index shows of a job; rebuilt from its records if it is ever lost."""

    job: JobId  # its id
    workflow: str  # name
    version: str  # of the workflow
    hash: WorkflowHash | None  # None for a tombstone
    status: str  # JobStatus value
    outcome: str  # Outcome value, "" while not finished
    owner: str  # as in the command
    labels: dict[str, str]  # as in the command
    priority: int  # as in the command
    accepted_us: int  # instant of its first record
    finished_us: int | None  # instant of its terminal event; None before
    incidents: int  # open ones
    open: bool  # not finished, or finished with drains left
    digest: str = ""  # of the command it came with (R26); "" for a tombstone
    pruned: bool = False  # set by the journal: only this stub is left of it


@dataclass(frozen=True, slots=True)
class Entry:
    """One record on its way into the journal."""

    job: JobId  # whose record it is
    index: int  # of the record in the job, from 0
    body: bytes  # the encoded record
    summary: JobSummary  # the job as it stands after the record


@dataclass(frozen=True, slots=True)
class RecordKey:
    """Whose record it is."""

    job: JobId  # its id
    index: int  # of the record in the job


@dataclass(frozen=True, slots=True)
class StoredCommit:
    """One commit as read back."""

    position: int  # of the commit in the partition
    epoch: int  # of its writer
    records: tuple[bytes, ...]  # as they were given, in order
    keys: tuple[
        RecordKey, ...
    ] = ()  # one for each record, from its frame: a body that cannot be read parks its job


@dataclass(frozen=True, slots=True)
class PartitionHead:
    """Where a partition stands after it was opened for writing."""

    partition: int  # its number, from 0
    position: int  # of the last commit, 0 when empty
    epoch: int  # of the writer
    told: int = 0  # last commit whose events all observers have heard of; rises only
    fruitless: int = 0  # openings directly before this one that came to nothing [J18]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What may go."""

    before_us: int  # the records of jobs that finished before
    forget_us: int  # the stubs of jobs that finished before
    limit: int = 100  # most jobs in one call, for commits wait meanwhile
    is_trial: bool = False  # only say what would go


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or with `is_trial` would go."""

    jobs: tuple[JobId, ...] = ()  # whose records went, the one that finished first at the front
    forgotten: int = 0  # stubs
    contents: int = 0  # none in a trial


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list shows; every field that is set must match."""

    status: str = ""  # empty: any
    outcome: str = ""  # empty: any
    workflow: str = ""  # name; empty: any
    owner: str = ""  # empty: any
    labels: tuple[tuple[str, str], ...] = ()  # all must be equal
    limit: int = 100  # most rows
    before_us: int | None = None  # accepted before this instant: the next page
    before_job: str = ""  # with it: of those accepted at that very instant, the ones whose id sorts lower


@dataclass(frozen=True, slots=True)
class JournalTraits:
    """What the engine may rely on."""

    durable: bool  # survives the loss of power
    partitions: int  # how many there are
    shared: bool  # engines on several machines may use it


@runtime_checkable
class Journal(Protocol):
    """A journal, open inside its context; safe to use from many tasks of one loop, one commit at a time per partition."""

    @property
    def traits(self) -> JournalTraits:
        """Fixed while open."""

    @property
    def store_id(self) -> str:
        """The random name of this store."""

    async def __aenter__(self) -> Self:
        """Open the store, making it when there is none.

        The plugin's hook returns the object unopened and touches nothing; whoever uses it says `async with`.
        Opening twice, or again after closing, is an error.

        Raises:
            ConfigError: A setting is wrong, or what stands there is no journal of ours.
            JournalUnavailableError: Locked by somebody else, not to be reached, or not writable.
            NewerVersionError: Made by a newer EE.
        """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `close`; hides no exception."""

    async def open_partition(self, partition: int) -> PartitionHead:
        """Become the writer of a partition.

        Raises:
            JournalUnavailableError: Not opened, or not known to be: call again, and the epoch may have risen by two.
            NotFoundError: There is no such partition.
        """

    async def commit(self, head: PartitionHead, entries: Sequence[Entry]) -> PartitionHead:
        """Store entries after the head's position, under its epoch.

        Cancelling the caller leaves the outcome unknown and the journal whole: repeat the identical call.

        Args:
            head: As the last `open_partition` or `commit` returned it.
            entries: At least one.

        Returns:
            The new head.

        Raises:
            JournalConflictError: Somebody else is the writer; nothing was stored.
            JournalUnavailableError: Not stored, or not known to be: repeat the identical call.
            PayloadTooLargeError: Nothing was stored.
        """

    async def confirm_partition(self, head: PartitionHead) -> None:
        """Look whether its writer still is the writer; one that has nothing to commit would not hear of it otherwise.

        Raises:
            JournalConflictError: Somebody else is the writer by now.
            JournalUnavailableError: Not known; ask again.
        """

    async def close_partition(self, head: PartitionHead) -> None:
        """Leave a mark that its writer stopped in order, and what it has told; idempotent.

        Raises:
            JournalConflictError: Somebody else is the writer by now.
            JournalUnavailableError: Not written; the next opening counts this one as fruitless if nothing was committed.
        """

    async def prune(self, head: PartitionHead, pruning: Pruning) -> Pruned:
        """Take away what nobody needs any more, some jobs at a time: call it until it returns no jobs.

        Raises:
            JournalConflictError: Somebody else is the writer; nothing went.
            JournalCorruptError: What would go is damaged; nothing went.
            JournalUnavailableError: As `commit`.
        """

    async def rebuild(self, head: PartitionHead, summaries: Sequence[JobSummary]) -> None:
        """Make the index of a partition's jobs anew.

        Args:
            head: As `open_partition` returned it.
            summaries: Of each job that has records, in the order of their first ones.

        Raises:
            JournalConflictError: Somebody else is the writer; nothing changed.
            JournalCorruptError: A frame is damaged; nothing changed.
        """

    def read(self, partition: int, *, after: int = 0) -> AsyncIterator[StoredCommit]:
        """Iterate over the commits of a partition.

        Args:
            partition: From 0.
            after: A position up to that of the last commit, 0 for all; a higher one raises `JournalCorruptError`.
        """

    def history(self, job: JobId) -> AsyncIterator[bytes]:
        """Iterate over the records of one job."""

    def open_jobs(self, partition: int) -> AsyncIterator[JobId]:
        """Iterate over the jobs that are not over."""

    async def find_job(self, job: JobId) -> JobSummary | None:
        """Return the index's row of a job."""

    async def list_jobs(self, wanted: JobFilter) -> list[JobSummary]:
        """Return rows of the index, newest first."""

    async def put_content(self, name: WorkflowHash, content: bytes) -> None:
        """Keep a workflow's content under its hash."""

    async def get_content(self, name: WorkflowHash) -> bytes:
        """Return a content."""

    async def close(self) -> None:
        """Finish what is being written and close; idempotent."""
