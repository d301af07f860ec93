"""Drives one job: facts in, records out, then the net change of waits.

Every fact that waits is decided and applied; then one commit holds all their records; only then do the tellers
hear, the Reactor gets the change of waits, and observers see the events. The Executor never talks to a bot, a
lock, a broker or a clock: instants come in with the facts.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ee_core.contracts.journal import Entry, JobSummary
from ee_core.errors import EngineError, PayloadTooLargeError
from ee_core.model.decide import Ignored, decide
from ee_core.model.events import Record
from ee_core.model.evolve import apply
from ee_core.model.facts import ResponseKind, ResponseReceived
from ee_core.model.limits import MAX_RECORD_BYTES
from ee_core.model.record import encode_record
from ee_core.model.waits import WaitDelta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ee_core.model.facts import AnyFact
    from ee_core.model.job import Job
    from ee_core.model.waits import Wait, WaitKey
    from ee_core.partition import Partition

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The fact was used; its events are durable."""

    events: int


Told = Recorded | Ignored


class Reconcile(Protocol):
    """What the Executor asks of the Reactor after each commit."""

    def __call__(self, job: Job, delta: WaitDelta) -> None:
        """Arm what was added, drop what vanished; never waits."""


class Observe(Protocol):
    """Who sees committed records, in order per job."""

    def __call__(self, job: Job, records: Sequence[Record]) -> None:
        """Called after the commit and after `Reconcile`; must not raise."""


class AdviseRetry(Protocol):
    """Asks the hooks for the delay before another attempt."""

    def __call__(self, job: Job, fact: ResponseReceived) -> int | None:
        """Return milliseconds, or None to give up."""


class Executor:
    """One job's driver; `tell` may be called from any task of the loop, `run` is the job's one task."""

    def __init__(
        self,
        job: Job,
        partition: Partition,
        *,
        reconcile: Reconcile,
        observe: Observe,
        advise_retry: AdviseRetry,
    ) -> None:
        self.job = job
        self.parked: EngineError | None = None  # why the job is driven no further
        self.idle_since_s = 0.0  # loop time at which the last turn ended
        self._partition = partition
        self._reconcile = reconcile
        self._observe = observe
        self._advise_retry = advise_retry
        self._inbox: list[tuple[AnyFact, asyncio.Future[Told]]] = []
        self._wake = asyncio.Event()
        self._is_over = False
        self._rests = False
        self._settled = asyncio.Event()
        self._settled.set()

    def tell(self, fact: AnyFact) -> asyncio.Future[Told]:
        """Hand a fact to the job.

        Returns:
            A future, done when what was decided from the fact is durable. It raises the partition's error when
            that is lost, and `EngineError` when the job is parked. Cancelling it does not take the fact back.
        """
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        told.add_done_callback(_retrieve)
        if self.parked is not None:
            told.set_exception(self.parked)
            return told
        if self._is_over:
            told.set_result(Ignored("finished"))
            return told
        self._inbox.append((fact, told))
        self._settled.clear()
        self._wake.set()
        return told

    async def settle(self) -> None:
        """Wait until everything told so far is durable; what `job` shows then is durable too."""
        await self._settled.wait()

    def rest(self) -> None:
        """Let `run` return when nothing was told meanwhile: the job waits, and is rebuilt when a fact comes."""
        self._rests = True
        self._wake.set()

    async def run(self) -> None:
        """Drive the job until it is over: finished, no bot drains for it any more, and nothing was told since.

        It returns earlier, with nothing lost, when the job may `rest`; then this object is done with.
        """
        self.idle_since_s = asyncio.get_running_loop().time()
        while (self.job.is_open or self._inbox) and self.parked is None:
            await self._wake.wait()
            self._wake.clear()
            if self._rests and not self._inbox:
                return
            self._rests = False
            facts, self._inbox = self._inbox, []
            await self._turn(facts)
            self.idle_since_s = asyncio.get_running_loop().time()
            if not self._inbox:
                self._settled.set()
        self._is_over = True
        for _, told in self._inbox:
            if not told.done():
                told.set_result(Ignored("finished"))
        self._inbox.clear()
        self._settled.set()

    async def _turn(self, facts: list[tuple[AnyFact, asyncio.Future[Told]]]) -> None:
        turn = _Turn()
        try:
            results = [self._decide(fact, turn) for fact, _ in facts]
            position = 0
            if turn.entries:
                position = await self._partition.write(turn.entries)
        except EngineError as error:
            self._park(error, facts)
            return
        except Exception as error:  # noqa: BLE001 - a fault of one job's decision may not take the others along
            _log.exception("a decision of job %s failed", self.job.id, extra={"action": "decide_failed"})
            self._park(
                EngineError(f"job {self.job.id} cannot be driven: {error!r}; please report this"), facts
            )
            return
        if turn.records:
            # the Reactor before the tellers: whoever is told finds the waits as they are now
            self._pass_on(turn, position)
        for (_, told), result in zip(facts, results, strict=True):
            if not told.done():
                told.set_result(result)

    def _pass_on(self, turn: _Turn, position: int) -> None:
        try:
            self._reconcile(self.job, turn.delta())
            self._observe(self.job, turn.records)
            self._partition.note_told(position)
        except Exception as error:  # noqa: BLE001 - what one job waits for may not take the others along
            _log.exception("job %s cannot be armed", self.job.id, extra={"action": "arm_failed"})
            self._park(
                EngineError(
                    f"what job {self.job.id} waits for cannot be armed: {error!r}; please report this"
                ),
                [],
            )

    def _decide(self, fact: AnyFact, turn: _Turn) -> Told:
        if isinstance(fact, ResponseReceived) and fact.kind is ResponseKind.FAILED:
            fact = replace(fact, retry_delay_ms=self._advise_retry(self.job, fact))
        decided = decide(self.job, fact)
        if isinstance(decided, Ignored):
            return decided
        record = Record(job=self.job.id, index=self.job.next_index, at_us=fact.at_us, events=decided)
        body = encode_record(record)
        if len(body) > MAX_RECORD_BYTES:
            raise PayloadTooLargeError(
                size=len(body), limit=MAX_RECORD_BYTES, what=f"a record of job {self.job.id}"
            )
        turn.add(record, apply(self.job, record))
        turn.entries.append(Entry(self.job.id, record.index, body, summarize(self.job)))
        return Recorded(len(decided))

    def _park(self, error: EngineError, facts: list[tuple[AnyFact, asyncio.Future[Told]]]) -> None:
        # the state in memory may be ahead of the journal: nobody may see it or act on it
        self.parked = error
        for _, told in (*facts, *self._inbox):
            if not told.done():
                told.set_exception(error)
        self._inbox.clear()
        _log.error(
            "job %s is parked: %s", self.job.id, error, extra={"action": "job_parked", "job": self.job.id}
        )


def _retrieve(told: asyncio.Future[Told]) -> None:
    """Look at the error of a future whose caller may be gone: the job's log line says it already."""
    if not told.cancelled():
        told.exception()


class _Turn:
    """What one turn collects: records, entries, and the net change of waits."""

    __slots__ = ("_added", "_dropped", "entries", "records")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.entries: list[Entry] = []
        self._added: dict[WaitKey, Wait] = {}
        self._dropped: dict[WaitKey, None] = {}

    def add(self, record: Record, delta: WaitDelta) -> None:
        self.records.append(record)
        for key in delta.dropped:
            self._added.pop(key, None)
            self._dropped[key] = None
        for wait in delta.added:
            self._added[wait.key] = wait

    def delta(self) -> WaitDelta:
        """Return the net change; a wait that vanished and came back is one that changed."""
        gone = tuple(key for key in self._dropped if key not in self._added)
        return WaitDelta(tuple(self._added.values()), gone)


def summarize(job: Job) -> JobSummary:
    """Return what the index shows of a job."""
    return JobSummary(
        job=job.id,
        workflow=job.name,
        version=job.version,
        hash=job.hash or None,
        status=job.status.value,
        outcome=job.outcome.value if job.outcome else "",
        owner=job.owner,
        labels=job.labels,
        priority=job.priority,
        accepted_us=job.accepted_us,
        finished_us=job.finished_us,
        incidents=len(job.incidents),
        open=job.is_open,
        digest=job.digest,
    )
