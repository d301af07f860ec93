"""A journal whose answers may be wrong in the ways that a real one's are: late, missing, or no.

What it stores is what the journal behind it stores; nothing is ever damaged here. One stands before each engine's own
journal, and lets nothing through once that engine's process is dead.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from ee_core.errors import EngineError, JournalUnavailableError
from ee_core.simulation.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from types import TracebackType

    from ee_core.contracts.journal import (
        Entry,
        JobFilter,
        JobSummary,
        Journal,
        JournalTraits,
        PartitionHead,
        Pruned,
        Pruning,
        StoredCommit,
    )
    from ee_core.model.ids import JobId, WorkflowHash
    from ee_core.simulation.life import Life

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_GIVEN_UP_S = 2.0  # a driver waits so long for an answer


class JournalWeather:
    """How the disk fares; one for all engines on it.

    Attributes:
        is_down: Nothing is written or read.
        refused: Calls that fail, and how often they still do.
        before_commit: Called with the engine's life before each commit; may end that life.
        after_commit: Likewise when it is stored, and not answered yet.
        late: Runs what lands after it was given up; outlives every engine.
        writer: Whose write the store sees now.
    """

    def __init__(self, faults: Faults, late: Life) -> None:
        self.faults = faults
        self.late = late
        self.is_down = False
        self.refused: dict[str, int] = {}
        self.writer: Life | None = None
        self.before_commit: Callable[[Life], None] = lambda life: None
        self.after_commit: Callable[[Life], None] = lambda life: None


class FaultyJournal:
    """Keeps the contract `Journal` as long as no fault is on."""

    def __init__(self, inner: Journal, weather: JournalWeather, life: Life) -> None:
        self._inner = inner
        self._weather = weather
        self._is_closed = False
        self._life = life

    async def __aenter__(self) -> Self:
        self._check("open")
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def traits(self) -> JournalTraits:
        return self._inner.traits

    @property
    def store_id(self) -> str:
        return self._inner.store_id

    async def open_partition(self, partition: int) -> PartitionHead:
        self._check("open_partition")
        await self._dawdle("open_partition")
        self._weather.writer = self._life
        return await self._inner.open_partition(partition)

    async def commit(self, head: PartitionHead, entries: Sequence[Entry]) -> PartitionHead:
        weather, faults = self._weather, self._weather.faults
        weather.before_commit(self._life)
        self._check_up()
        if faults.hits(Fault.COMMIT_SLOW):
            await asyncio.sleep(faults.chance(Fault.COMMIT_SLOW).uniform(0.01, 3.0))
            self._check_up()
        if faults.hits(Fault.COMMIT_FAILED):
            raise JournalUnavailableError("no space left on device")
        if faults.hits(Fault.COMMIT_LATE):
            weather.late.start(self._land(head, entries, faults.chance(Fault.COMMIT_LATE).uniform(0.5, 12.0)))
            await asyncio.sleep(_GIVEN_UP_S)
            raise JournalUnavailableError(f"no answer within {_GIVEN_UP_S} s; it may be written")
        weather.writer = self._life
        following = await self._inner.commit(head, entries)
        weather.after_commit(self._life)
        self._life.check(JournalUnavailableError)
        if faults.hits(Fault.COMMIT_UNKNOWN):
            raise JournalUnavailableError("the connection broke; it may be written")
        return following

    async def confirm_partition(self, head: PartitionHead) -> None:
        self._check("confirm_partition")
        await self._inner.confirm_partition(head)

    async def close_partition(self, head: PartitionHead) -> None:
        self._check("close_partition")
        self._weather.writer = self._life
        await self._inner.close_partition(head)

    async def prune(self, head: PartitionHead, pruning: Pruning) -> Pruned:
        self._check("prune")
        return await self._inner.prune(head, pruning)

    async def rebuild(self, head: PartitionHead, summaries: Sequence[JobSummary]) -> None:
        self._check("rebuild")
        await self._inner.rebuild(head, summaries)

    async def _land(self, head: PartitionHead, entries: Sequence[Entry], delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self._weather.writer = self._life
        try:
            await self._inner.commit(head, entries)
        except EngineError as error:
            # somebody wrote there meanwhile; nobody is left who could be told
            _log.debug("a commit that was given up is refused: %s", error)

    def read(self, partition: int, *, after: int = 0) -> AsyncIterator[StoredCommit]:
        self._check("read")
        return _Dawdling(self._inner.read(partition, after=after), self._dawdle, "read")

    def history(self, job: JobId) -> AsyncIterator[bytes]:
        self._check("history")
        return _Dawdling(self._inner.history(job), self._dawdle, "history")

    def open_jobs(self, partition: int) -> AsyncIterator[JobId]:
        self._check("open_jobs")
        return _Dawdling(self._inner.open_jobs(partition), self._dawdle, "open_jobs")

    async def find_job(self, job: JobId) -> JobSummary | None:
        self._check("find_job")
        await self._dawdle("find_job")
        return await self._inner.find_job(job)

    async def list_jobs(self, wanted: JobFilter) -> list[JobSummary]:
        self._check("list_jobs")
        return await self._inner.list_jobs(wanted)

    async def put_content(self, name: WorkflowHash, content: bytes) -> None:
        self._check("put_content")
        await self._dawdle("put_content")
        await self._inner.put_content(name, content)

    async def get_content(self, name: WorkflowHash) -> bytes:
        self._check("get_content")
        await self._dawdle("get_content")
        return await self._inner.get_content(name)

    async def close(self) -> None:
        self._is_closed = True
        await self._inner.close()

    async def _dawdle(self, call: str) -> None:
        if self._is_closed:
            raise JournalUnavailableError(f"{call}: the journal was closed")
        faults = self._weather.faults
        if faults.hits(Fault.JOURNAL_SLOW, call):
            await asyncio.sleep(faults.chance(Fault.JOURNAL_SLOW).uniform(0.01, 3.0))
            self._check_up()

    def _check(self, call: str) -> None:
        self._check_up()
        left = self._weather.refused.get(call, 0)
        self._weather.refused[call] = left - 1
        if left > 0 or self._weather.faults.hits(Fault.JOURNAL_FAILED, call):
            raise JournalUnavailableError(f"{call}: the disk does not answer")

    def _check_up(self) -> None:
        self._life.check(JournalUnavailableError)
        if self._weather.is_down:
            raise JournalUnavailableError("the disk does not answer")


class _Dawdling(Generic[_T]):
    """An iterator that may take its time before each item, and then gives what there was when it was begun."""

    def __init__(self, items: AsyncIterator[_T], dawdle: Callable[[str], Awaitable[None]], call: str) -> None:
        self._items = items
        self._dawdle = dawdle
        self._call = call
        self._read: deque[_T] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        if self._read is None:
            # in one go: a generator that is dropped while it dawdles would be ended by the garbage collector
            self._read = deque([item async for item in self._items])
        if not self._read:
            raise StopAsyncIteration
        await self._dawdle(self._call)
        return self._read.popleft()
