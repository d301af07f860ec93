"""The open jobs of a partition, each with its Executor; and how a job is rebuilt from its records."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from ee_core.errors import (
    EngineError,
    JournalConflictError,
    JournalCorruptError,
    JournalUnavailableError,
    NewerVersionError,
    NotFoundError,
)
from ee_core.model.decide import Ignored, decide
from ee_core.model.events import JobAccepted
from ee_core.model.evolve import apply
from ee_core.model.facts import ResponseReceived
from ee_core.model.job import Job, JobStatus
from ee_core.model.record import decode_record
from ee_core.model.waits import WaitDelta
from ee_core.spawner.resting import Resting, may_rest
from ee_core.tasks import begin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from ee_core.contracts.env import Env
    from ee_core.contracts.journal import JobSummary, Journal
    from ee_core.model.compiled import CompiledWorkflow
    from ee_core.model.events import Record
    from ee_core.model.facts import AnyFact
    from ee_core.model.ids import JobId
    from ee_core.model.waits import Wait, WaitingJob
    from ee_core.workflows import Workflows

_log = logging.getLogger(__name__)
_RECALL_REPEAT_S = 1.0
_ADOPT_AT_ONCE = 64  # jobs that are read side by side at the start; all are in memory
_ARM_AT_ONCE = 256  # jobs; then other tasks have their turn
# What is ignored for one of these may be news of a record that another engine wrote; all other reasons stay true.
_NEWS = (Ignored("unknown_attempt"), Ignored("incident_closed"), Ignored("choice_not_offered"))


class Driver(Protocol):
    """An Executor, as the Spawner knows it."""

    job: Job
    parked: EngineError | None
    idle_since_s: float

    def rest(self) -> None: ...
    def tell(self, fact: AnyFact) -> Awaitable[object]: ...
    async def settle(self) -> None: ...
    async def run(self) -> None: ...


class MakeDriver(Protocol):
    """Makes the Executor of a job."""

    def __call__(self, job: Job) -> Driver: ...


class Adopted(Protocol):
    """Arms all waits of a job that was read from the journal."""

    def __call__(self, job: WaitingJob, delta: WaitDelta) -> None: ...


class Forsaken(Protocol):
    """Drops what is armed of a job that is driven no further."""

    def __call__(self, job: JobId) -> None: ...


class Jobs:
    """All open jobs; used from the engine's loop only.

    Attributes:
        parked: Jobs whose records cannot be read or whose decisions failed, with the reason; others go on.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        partition: int,
        env: Env,
        workflows: Workflows,
        make_driver: MakeDriver,
        adopted: Adopted,
        forsaken: Forsaken,
        passivate_after_s: float,
    ) -> None:
        self.parked: dict[JobId, EngineError] = {}
        self._journal = journal
        self._partition = partition
        self._env = env
        self._workflows = workflows
        self._make_driver = make_driver
        self._adopted = adopted
        self._forsaken = forsaken
        self._passivate_after_s = passivate_after_s
        self._drivers: dict[JobId, Driver] = {}
        self._resting: set[JobId] = set()  # open, and not in memory: their waits are armed all the same
        self._unarmed: deque[tuple[WaitingJob, tuple[Wait, ...]]] = deque()  # adopted, oldest first
        self._recalling = asyncio.Lock()  # a job that is not in memory is read by one at a time
        self.started = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._on_over: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._drivers) + len(self._resting)

    @property
    def resting(self) -> int:
        """How many open jobs are not in memory."""
        return len(self._resting)

    def __iter__(self) -> Iterator[Driver]:
        return iter(list(self._drivers.values()))

    def on_over(self, callback: Callable[[], None]) -> None:
        """Call back whenever a job is driven no more: it is over, or parked."""
        self._on_over.append(callback)

    async def run(self) -> None:
        """Drive jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self.started.set()
            for driver in self:
                self._start(driver)
            try:
                await self._passivate()
            finally:
                self._tasks = None  # whoever comes now is told that nothing durable came of it

    async def _passivate(self) -> None:
        """Let jobs leave memory that have waited long enough; runs until cancelled."""
        while True:
            await asyncio.sleep(self._passivate_after_s / 2)
            horizon_s = asyncio.get_running_loop().time() - self._passivate_after_s
            for driver in self:
                # a held job is asked for again and again, so it stays
                is_held = driver.job.status is JobStatus.NOT_STARTED
                if driver.idle_since_s < horizon_s and not is_held:
                    driver.rest()

    async def adopt(self) -> list[JobId]:
        """Read the open jobs of the partition; call it once, before `run`.

        A job for which nothing is to be done now is not kept in memory, only what it waits for.

        Returns:
            The jobs that go on, oldest first. One whose records cannot be read is parked and named in the log.

        Raises:
            JournalCorruptError: A frame is damaged: that is the partition's, and none of its jobs may be driven (R27).
            JournalUnavailableError: Nothing can be said of the jobs; call it in another engine.
            NewerVersionError: A newer EE wrote here; nothing may be driven by this one.
        """
        adopted = []
        rest_until_us = self._env.now() + round(self._passivate_after_s * 1e6)
        async with aclosing(self._read_open()) as reading:
            async for job_id, job in reading:
                if isinstance(job, EngineError):
                    self._refuse(job_id, job)
                elif job is not None and job.is_open:
                    adopted.append(job_id)
                    self._take_up(job, rests=may_rest(job, rest_until_us))
        return adopted

    async def _read_open(self) -> AsyncGenerator[tuple[JobId, Job | EngineError | None], None]:
        """Yield the open jobs, or why one cannot be read, oldest first; some are read side by side."""
        ids: list[JobId] = []
        async for job_id in self._journal.open_jobs(self._partition):
            ids.append(job_id)
            if len(ids) == _ADOPT_AT_ONCE:
                for job in await self._read_all(ids):
                    yield job
                ids = []
        for job in await self._read_all(ids):
            yield job

    async def _read_all(self, ids: list[JobId]) -> list[tuple[JobId, Job | EngineError | None]]:
        async def read(job_id: JobId) -> Job | EngineError | None:
            try:
                return await self.recall(job_id)
            except EngineError as error:
                return error

        async with asyncio.TaskGroup() as tasks:
            reading = [(job_id, tasks.create_task(read(job_id), name=f"adopt-{job_id}")) for job_id in ids]
        return [(job_id, task.result()) for job_id, task in reading]

    def _refuse(self, job_id: JobId, error: EngineError) -> None:
        """Park an adopted job that cannot be read, unless that is no fault of its own."""
        if isinstance(error, NewerVersionError | JournalUnavailableError):
            raise error  # parked for it, the job would hang until the next start
        if isinstance(error, JournalCorruptError) and not error.job:
            raise error
        self.parked[job_id] = error
        _log.error("job %s is parked: %s", job_id, error, extra={"action": "job_parked", "job": job_id})

    def _take_up(self, job: Job, *, rests: bool) -> None:
        waits = tuple(job.waits.values())
        if rests:
            self._resting.add(job.id)
            self._unarmed.append((Resting(job.id, job.priority), waits))
        else:
            self._drivers[job.id] = self._make_driver(job)
            self._unarmed.append((job, waits))

    async def arm_adopted(self) -> None:
        """Arm the waits of all jobs that were adopted; others have their turn meanwhile, and none of the jobs is told."""
        armed = 0
        while self._unarmed:
            job, waits = self._unarmed.popleft()
            try:
                self._adopted(job, WaitDelta(waits))
            except Exception as error:  # noqa: BLE001 - what one job waits for may not keep an engine from starting
                _log.exception(
                    "job %s cannot be armed", job.id, extra={"action": "arm_failed", "job": job.id}
                )
                self._drivers.pop(job.id, None)
                self._resting.discard(job.id)
                self.parked[job.id] = EngineError(
                    f"what job {job.id} waits for cannot be armed: {error!r}; please report this"
                )
                self._forsaken(job.id)
            armed += 1
            if armed % _ARM_AT_ONCE == 0:
                await asyncio.sleep(0)

    def add(self, job: Job) -> Driver:
        """Drive a new job from now on.

        Raises:
            JournalUnavailableError: The engine stops; nothing is recorded.
        """
        driver = self._make_driver(job)
        self._start(driver)
        self._drivers[job.id] = driver
        return driver

    def find(self, job: JobId) -> Driver | None:
        """Return the driver of an open job."""
        return self._drivers.get(job)

    async def find_job(self, job_id: JobId) -> Job | None:
        """Return a job as it is durable, open or over; None when it was never accepted.

        Raises:
            EngineError: The job is parked.
        """
        driver = self._drivers.get(job_id)
        if driver is not None:
            await driver.settle()
            return driver.job
        if job_id in self.parked:
            raise self.parked[job_id]
        return await self.recall(job_id)

    async def find_stub(self, job: JobId) -> JobSummary | None:
        """Return what is left of a job whose records were pruned; None of any other job."""
        summary = await self._journal.find_job(job)
        return summary if summary is not None and summary.pruned else None

    async def tell(self, job: JobId, fact: AnyFact) -> object:
        """Tell a fact to a job, open or over; returns when what came of it is durable.

        Raises:
            NotFoundError: The job was never accepted.
            JournalConflictError: Another engine drives it.
            EngineError: The partition is lost, or the job is parked.
        """
        driver = self._drivers.get(job)
        if driver is None and job in self._resting:
            driver = await self._wake(job)
        if driver is not None:
            told = await driver.tell(fact)
            if told in _NEWS:
                await self._check_current(driver)
            return told
        if job in self.parked:
            raise self.parked[job]
        summary = await self._journal.find_job(job)
        if summary is None:
            raise NotFoundError(f"job {job!r} is not known; see `eectl job list`")
        if summary.open:
            raise JournalConflictError(f"job {job!r} is open and not driven here: another engine has it")
        if not isinstance(fact, ResponseReceived):
            return Ignored("finished")
        async with self._recalling:
            return await self._tell_over(job, fact)

    async def _check_current(self, driver: Driver) -> None:
        """Make sure that what a job does not know was never recorded.

        An engine may have lost its partition without having heard of it. What it ignores because an attempt has ended
        stays true, for records are never taken back; that there is no such attempt or incident may be wrong by now, and
        the bot's or the person's answer to it would be acknowledged and lost.

        Raises:
            JournalConflictError: Another engine has gone on with the job.
        """
        job, stored = driver.job, 0
        async for _ in self._journal.history(job.id):
            stored += 1
        # only records that are surely ours may be counted: one that is under way could hide one of the other engine
        await driver.settle()
        if driver.parked is not None:
            raise driver.parked
        if stored > job.next_index:
            raise JournalConflictError(
                f"job {job.id} has {stored} records, {job.next_index} are known here: another engine drives it"
            )

    async def _wake(self, job_id: JobId) -> Driver | None:
        """Bring a resting job back into memory, once all are armed; its waits are armed already."""
        await self.started.wait()
        async with self._recalling:
            if job_id in self._resting:
                try:
                    job = await self._recall_patiently(job_id)
                except EngineError as error:
                    self._resting.discard(job_id)
                    self._park(job_id, error)
                    raise
                self._resting.discard(job_id)
                if job is not None:
                    self.add(job)
            return self._drivers.get(job_id)

    async def _recall_patiently(self, job_id: JobId) -> Job | None:
        """Recall a job, however long the journal cannot be read: the fact that it is for comes once."""
        while True:
            try:
                return await self.recall(job_id)
            except JournalUnavailableError as error:
                _log.warning(
                    "job %s cannot be read, trying again: %s",
                    job_id,
                    error,
                    extra={"action": "recall_late", "job": job_id},
                )
            await asyncio.sleep(_RECALL_REPEAT_S)

    async def _tell_over(self, job_id: JobId, fact: ResponseReceived) -> object:
        """Keep a late word about a job that is over: its bot was quarantined, or nobody waited for it (R17)."""
        driver = self._drivers.get(job_id)
        if driver is None:
            job = await self.recall(job_id)
            decided = Ignored("finished") if job is None else decide(job, fact)
            if job is None or isinstance(decided, Ignored):
                return decided
            driver = self.add(job)
        return await driver.tell(fact)

    async def recall(self, job_id: JobId, takes: Callable[[Record], bool] = lambda _: True) -> Job | None:
        """Rebuild a job from its records, up to the first one that is not taken; None when there are none."""
        job: Job | None = None
        async for body in self._journal.history(job_id):
            record = _decode(job_id, body)
            if job is None:
                job = Job.blank(job_id)
                first = record.events[0]
                if isinstance(first, JobAccepted):
                    job.workflow = await self._content_of(job_id, first)
            if not takes(record):
                break
            apply(job, record)
        return job

    async def _content_of(self, job_id: JobId, accepted: JobAccepted) -> CompiledWorkflow:
        try:
            return await self._workflows.get(accepted.workflow)
        except JournalCorruptError as error:
            raise JournalCorruptError(
                f"job {job_id!r} cannot go on, its workflow {accepted.name!r} is damaged: {error}", job=job_id
            ) from error

    def _start(self, driver: Driver) -> None:
        if begin(self._tasks, self._drive(driver), name=f"job-{driver.job.id}") is None:
            raise JournalUnavailableError(f"job {driver.job.id} is not driven any more: the engine stops")

    async def _drive(self, driver: Driver) -> None:
        await driver.run()
        self._drivers.pop(driver.job.id, None)
        if driver.parked is None and driver.job.is_open:
            self._resting.add(driver.job.id)
            return
        # of which nothing is recorded: it was refused, and its id may be used again
        if driver.parked is not None and not driver.job.is_blank:
            self._park(driver.job.id, driver.parked)
        for callback in self._on_over:
            callback()

    def _park(self, job_id: JobId, error: EngineError) -> None:
        self.parked[job_id] = error
        self._forsaken(job_id)


def _decode(job: JobId, body: bytes) -> Record:
    """Decode a record whose frame is whole: what is wrong with it is the job's alone (R27)."""
    try:
        return decode_record(body)
    except JournalCorruptError as error:
        raise JournalCorruptError(f"job {job!r} cannot go on: {error}", job=job, index=error.index) from error
