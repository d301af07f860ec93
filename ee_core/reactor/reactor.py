"""Arms what a job waits for, drops what it waits for no more.

Because waits follow from state, a job that was just decided and one that was just read from the journal are treated
alike; `adopted` only gives deadlines some grace, and tells of work in this process that died with the last one.
Arming twice is harmless. New waits are armed before vanished ones are dropped: a bot that goes from an attempt to
its drain is never free in between.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from ee_core.errors import EngineError
from ee_core.model.facts import TimerDue
from ee_core.model.waits import AdmissionWait, DrainWait, LeaseWait, OperatorWait, ResponseWait, TimerWait

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.contracts.env import Env
    from ee_core.fleet import Fleet
    from ee_core.model.facts import AnyFact
    from ee_core.model.ids import JobId
    from ee_core.model.job import Job
    from ee_core.model.waits import Wait, WaitDelta, WaitKey
    from ee_core.reactor.drains import Drains
    from ee_core.reactor.inhouse import Inhouse
    from ee_core.reactor.outbox import Outbox
    from ee_core.reactor.requests import Requests
    from ee_core.reactor.responses import Responses, TellAnyJob
    from ee_core.reactor.timers import Timers

_log = logging.getLogger(__name__)


class OnWait(Protocol):
    """Tells the hooks that a wait was armed or dropped."""

    def __call__(self, job: JobId, wait: Wait, *, armed: bool, reason: str) -> None: ...


class Reactor:
    """The waits of all jobs of one partition, by job and key."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        requests: Requests,
        drains: Drains,
        inhouse: Inhouse,
        responses: Responses,
        outbox: Outbox,
        timers: Timers,
        env: Env,
        tell: TellAnyJob,
        on_wait: OnWait,
        on_admission: Callable[[JobId, bool], None],
    ) -> None:
        self.requests = requests
        self.fleet = fleet
        self._drains = drains
        self._inhouse = inhouse
        self._responses = responses
        self._outbox = outbox
        self._timers = timers
        self._env = env
        self._tell = tell
        self._on_wait = on_wait
        self._on_admission = on_admission
        self._armed: dict[JobId, dict[WaitKey, Wait]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        fleet.on_worker(requests.workers_changed)

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._outbox.run(), name="outbox")
            self._tasks.create_task(self._responses.run(), name="responses")
            self._tasks.create_task(self._inhouse.run(), name="inhouse")

    def count_waits(self) -> int:
        """Return how many waits are armed."""
        return sum(len(waits) for waits in self._armed.values())

    def reconcile(self, job: Job, delta: WaitDelta, *, adopted: bool = False) -> None:
        """Bring what is armed for a job in line with what changed; never waits."""
        armed = self._armed.setdefault(job.id, {})
        for wait in delta.added:
            reason = "changed" if wait.key in armed else "adopted" if adopted else "new"
            armed[wait.key] = wait
            self._arm(job, wait, adopted=adopted)
            self._on_wait(job.id, wait, armed=True, reason=reason)
        for key in delta.dropped:
            gone = armed.pop(key, None)
            if gone is not None:
                self._drop(job.id, gone)
                self._on_wait(job.id, gone, armed=False, reason="over")
        if not armed:
            del self._armed[job.id]

    def tell_soon(self, job: JobId, fact: AnyFact) -> None:
        """Tell a fact in a task of its own."""
        assert self._tasks is not None, "run() is on"
        self._tasks.create_task(self._tell_logged(job, fact), name=f"tell-{job}")

    async def _tell_logged(self, job: JobId, fact: AnyFact) -> None:
        try:
            await self._tell(job, fact)
        except EngineError as error:
            kind = type(fact).__name__
            _log.warning("%s was not told to job %s: %s", kind, job, error, extra={"action": "tell_failed"})

    # -- one kind of wait each -----------------------------------------------------------------------------------

    def _arm(self, job: Job, wait: Wait, *, adopted: bool) -> None:
        match wait:
            case LeaseWait():
                self._arm_lease(job, wait)
            case ResponseWait(local=True):
                self._inhouse.arm(job.id, wait, adopted=adopted)
            case ResponseWait():
                self.requests.arm(job.id, wait, adopted=adopted)
                if wait.bot is not None:
                    self.fleet.occupy(job.id, wait)
            case TimerWait():
                self._set_timer(job.id, wait.key, wait.due_us)
            case DrainWait():
                self._drains.arm(job.id, wait)
                self.fleet.drain(job.id, wait)
            case AdmissionWait():
                self._on_admission(job.id, True)
            case OperatorWait():
                pass  # its producer is a person; `ee_on_incident` has told of it

    def _arm_lease(self, job: Job, wait: LeaseWait) -> None:
        self.fleet.want(job.id, job.priority, wait)
        if wait.deadline_us is not None:
            self._set_timer(job.id, wait.key, wait.deadline_us)

    def _drop(self, job: JobId, wait: Wait) -> None:
        match wait:
            case LeaseWait():
                self.fleet.unwant(job, wait.key)
                self._timers.drop((job, wait.key))
            case ResponseWait(local=True):
                self._inhouse.drop(job, wait.key)
            case ResponseWait():
                self.requests.drop(job, wait.key)
                self._vacate_unless_draining(job, wait)
            case TimerWait():
                self._timers.drop((job, wait.key))
            case DrainWait():
                self._drains.drop(job, wait.key)
                self.fleet.vacate(wait.bot, (job, wait.visit, wait.attempt))
            case AdmissionWait():
                self._on_admission(job, False)
            case OperatorWait():
                pass

    def _vacate_unless_draining(self, job: JobId, wait: ResponseWait) -> None:
        if wait.bot is None:
            return
        drain = DrainWait(wait.visit, wait.attempt, wait.bot, wait.fence) if wait.fence else None
        if drain is None or drain.key not in self._armed.get(job, {}):
            self.fleet.vacate(wait.bot, (job, wait.visit, wait.attempt))

    def _set_timer(self, job: JobId, key: WaitKey, due_us: int) -> None:
        # told by the wall clock that recorded it: after a clock jump it is asked again, never early
        def due() -> None:
            left_us = due_us - self._env.now()
            if left_us > 0:
                self._set_timer(job, key, due_us)
            else:
                self.tell_soon(job, TimerDue(at_us=self._env.now(), wait=key))

        self._timers.set((job, key), (due_us - self._env.now()) / 1e6, due)
