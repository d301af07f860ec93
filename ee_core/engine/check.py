"""Looks through a journal: the chain, the frames, each job's records, and whether the index says what follows from them.

Nothing is changed here. What a job's summary should be comes out of the same evolving of its records as in an engine;
expressions are not needed for that, so neither are plugins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ee_core.contracts.journal import JobFilter, JobSummary
from ee_core.errors import EngineError, ExpressionError, JournalCorruptError, NewerVersionError
from ee_core.executor import summarize
from ee_core.model.compiled import CompiledWorkflow, compile_workflow
from ee_core.model.events import JobAccepted
from ee_core.model.evolve import apply
from ee_core.model.job import Job
from ee_core.model.record import decode_record
from ee_core.model.workflow import from_content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ee_core.contracts.journal import Journal, RecordKey
    from ee_core.model.expression import Scope
    from ee_core.model.ids import JobId, WorkflowHash

_PAGE: Final = 500  # rows of the index


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it was written."""

    text: str
    position: int | None = None  # of the commit, where it is known
    job: str = ""  # whose; "" when it is the partition's
    is_index: bool = False  # of the index alone: it can be made anew


@dataclass(slots=True)
class Findings:
    """What there is, and what is wrong with it."""

    commits: int = 0  # that still have records
    records: int = 0
    jobs: int = 0  # with records
    open: int = 0  # of them
    stubs: int = 0  # of pruned jobs
    damage: list[Damage] = field(default_factory=list)
    summaries: list[JobSummary] = field(default_factory=list)  # as they should be, by age of the first record

    @property
    def can_rebuild(self) -> bool:
        """Whether all records could be read: an index made of fewer would lose jobs."""
        return not any(not each.is_index and not each.job for each in self.damage)


async def check_journal(journal: Journal, partition: int = 0) -> Findings:
    """Read a partition from its first commit to its last, then the index.

    Raises:
        NewerVersionError: It was written by a newer EE.
        JournalUnavailableError: It cannot be read now.
    """
    reading = _Reading(journal)
    try:
        async for commit in journal.read(partition):
            reading.found.commits += 1
            for key, body in zip(commit.keys, commit.records, strict=True):
                reading.found.records += 1
                await reading.take(commit.position, key, body)
    except JournalCorruptError as error:
        reading.found.damage.append(Damage(str(error), error.position))
        await reading.name_damaged_jobs()
        return reading.found
    await reading.compare_index()
    return reading.found


@dataclass(frozen=True, slots=True)
class _Over:
    """What is kept of a job that is over: most get no more records, and need no more room than this."""

    summary: JobSummary
    next_index: int


class _Reading:
    """The jobs as they grow, while their records come by."""

    def __init__(self, journal: Journal) -> None:
        self.found = Findings()
        self._journal = journal
        self._jobs: dict[JobId, Job | _Over | None] = {}  # None: it cannot be read
        self._workflows: dict[WorkflowHash, CompiledWorkflow] = {}

    async def take(self, position: int, key: RecordKey, body: bytes) -> None:
        known = self._jobs.setdefault(key.job, Job.blank(key.job))
        if known is None:
            return
        try:
            if known.next_index != key.index:
                raise JournalCorruptError(
                    f"record {key.index} of job {key.job!r} is not the next one", job=key.job
                )
            job = await self._recall(key) if isinstance(known, _Over) else known
            await self._apply(job, body)
        except NewerVersionError:
            raise
        except EngineError as error:
            self._jobs[key.job] = None
            self.found.damage.append(Damage(str(error), position, key.job))
        else:
            self._jobs[key.job] = job if job.is_open else _Over(summarize(job), job.next_index)

    async def _recall(self, key: RecordKey) -> Job:
        """Rebuild a job that was over before a record: a bot's late word is kept all the same."""
        job = Job.blank(key.job)
        async for body in self._journal.history(key.job):
            if job.next_index == key.index:
                break
            await self._apply(job, body)
        return job

    async def _apply(self, job: Job, body: bytes) -> None:
        record = decode_record(body)
        first = record.events[0]
        if isinstance(first, JobAccepted):
            job.workflow = await self._workflow(first.workflow)
        apply(job, record)

    async def _workflow(self, name: WorkflowHash) -> CompiledWorkflow:
        if name not in self._workflows:
            content = await self._journal.get_content(name)
            self._workflows[name] = compile_workflow(from_content(content), name, _Unused)
        return self._workflows[name]

    async def compare_index(self) -> None:
        """Hold each job's row against its records, and look for rows without records."""
        for job, known in self._jobs.items():
            row = await self._row(job)
            if known is None:
                self.found.summaries.append(row or _unreadable(job))
                continue
            wanted = summarize(known) if isinstance(known, Job) else known.summary
            self.found.summaries.append(wanted)
            self.found.open += wanted.open
            if row is not None and row != wanted:
                self._blame_index(f"the index shows job {job!r} otherwise than its records do", job)
        self.found.jobs = len(self._jobs)
        await self._find_rows_without_records()

    async def _row(self, job: JobId) -> JobSummary | None:
        try:
            row = await self._journal.find_job(job)
        except JournalCorruptError as error:
            self._blame_index(str(error), job)
            return None
        if row is None:
            self._blame_index(f"the index does not show job {job!r}", job)
        return row

    async def _find_rows_without_records(self) -> None:
        try:
            async for row in self._rows():
                if row.pruned:
                    self.found.stubs += 1
                elif row.job not in self._jobs:
                    self._blame_index(f"the index shows job {row.job!r}, which has no records", row.job)
        except JournalCorruptError as error:
            self._blame_index(str(error), error.job)

    async def name_damaged_jobs(self) -> None:
        """After damage to the partition: say which jobs of the index have lost records by it."""
        try:
            async for row in self._rows():
                try:
                    async for _ in self._journal.history(row.job):
                        pass
                except JournalCorruptError as error:
                    self.found.damage.append(Damage(str(error), job=row.job))
        except JournalCorruptError as error:
            self._blame_index(str(error), error.job)

    async def _rows(self) -> AsyncIterator[JobSummary]:
        wanted = JobFilter(limit=_PAGE)
        while rows := await self._journal.list_jobs(wanted):
            for row in rows:
                yield row
            wanted = JobFilter(limit=_PAGE, before_us=rows[-1].accepted_us, before_job=rows[-1].job)

    def _blame_index(self, text: str, job: str) -> None:
        damage = Damage(text, job=job, is_index=True)
        if damage not in self.found.damage[-2:]:  # a damaged row is met by its job and in the list
            self.found.damage.append(damage)


def _unreadable(job: JobId) -> JobSummary:
    """What an index can say of a job whose records cannot be read: it is open, so an engine parks and names it."""
    return JobSummary(job, "", "", None, "Processing", "", "", {}, 0, 0, None, 0, open=True)


class _Unused:
    """An expression of a workflow whose jobs are only evolved: that never evaluates one."""

    references: tuple[str, ...] = ()

    def __init__(self, source: str) -> None:
        self.source = source

    def evaluate(self, scope: Scope) -> Any:
        del scope
        raise ExpressionError("a check evaluates nothing; please report this", source=self.source)
