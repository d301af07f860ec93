"""Arms what a job waits for, drops what it waits for no more.

Because waits follow from state, a job that was just decided and one that was just read from the journal are treated
alike; `adopted` only gives deadlines some grace, and tells of work in this process that died with the last one.
Arming twice is harmless. New waits are armed before vanished ones are dropped: a bot that goes from an attempt to
its drain is never free in between.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ee_core.errors import EngineError, LockError
from ee_core.model.facts import DrainTimedOut, TimerDue
from ee_core.model.waits import AdmissionWait, DrainWait, LeaseWait, OperatorWait, ResponseWait, TimerWait
from ee_core.reactor.contradictions import Contradictions
from ee_core.reactor.drains import Drains
from ee_core.reactor.inhouse import Inhouse
from ee_core.reactor.outbox import Outbox
from ee_core.reactor.requests import Requests
from ee_core.reactor.responses import Responses
from ee_core.reactor.timers import Timers
from ee_core.tasks import begin

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.bot.secrets import Resolver
    from ee_core.contracts.broker import Broker
    from ee_core.contracts.env import Env
    from ee_core.fleet import Fleet
    from ee_core.messages.bots import BotHello
    from ee_core.messages.subjects import Subjects
    from ee_core.model.facts import AnyFact
    from ee_core.model.ids import JobId
    from ee_core.model.waits import Wait, WaitDelta, WaitingJob, WaitKey
    from ee_core.reactor.inhouse import FindActivity
    from ee_core.reactor.outbox import AddHeaders
    from ee_core.reactor.responses import TellAnyJob

_log = logging.getLogger(__name__)


class OnWait(Protocol):
    """Tells the hooks that a wait was armed or dropped."""

    def __call__(self, job: JobId, wait: Wait, *, armed: bool, reason: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the Reactor calls; each is one method of another part."""

    tell: TellAnyJob
    find_activity: FindActivity
    headers: AddHeaders
    on_wait: OnWait
    on_admission: Callable[[JobId, bool], None]
    secrets: Resolver


class Reactor:
    """The waits of all jobs of one partition, by job and key."""

    def __init__(
        self,
        broker: Broker,
        fleet: Fleet,
        *,
        partition: int,
        subjects: Subjects,
        env: Env,
        surroundings: Surroundings,
        grace_s: float,
        drain_timeout_s: float,
    ) -> None:
        self.fleet = fleet
        self.outbox = Outbox(broker, headers=surroundings.headers)
        self._timers = Timers()
        self._env = env
        self._surroundings = surroundings
        self._armed: dict[JobId, dict[WaitKey, Wait]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._drain_timeout_s = drain_timeout_s
        self._drains = Drains(
            partition=partition,
            subjects=subjects,
            outbox=self.outbox,
            timers=self._timers,
            timeout_s=drain_timeout_s,
            timed_out=self._drain_timed_out,
        )
        self._inhouse = Inhouse(
            env=env,
            tell=self.tell_soon,
            find_activity=surroundings.find_activity,
            secrets=surroundings.secrets,
            grace_s=grace_s,
        )
        self.requests = Requests(
            partition=partition,
            subjects=subjects,
            outbox=self.outbox,
            timers=self._timers,
            env=env,
            tell=self.tell_soon,
            has_worker=fleet.roster.has_worker,
        )
        self._responses = Responses(
            broker,
            partition=partition,
            subjects=subjects,
            outbox=self.outbox,
            requests=self.requests,
            env=env,
            tell=surroundings.tell,
            fleet=fleet,
        )
        self._contradictions = Contradictions(
            partition=partition,
            subjects=subjects,
            outbox=self.outbox,
            requests=self.requests,
            is_strange=fleet.is_strange,
        )
        fleet.on_worker(self.requests.workers_changed)

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self.outbox.run(), name="outbox")
            tasks.create_task(self._responses.run(), name="responses")
            try:
                await self._inhouse.run()
            finally:
                self._timers.close()
                self._tasks = None  # what is not told now follows from the waits at the next start

    async def wait_started(self) -> None:
        """Return when waits may be armed."""
        await self._inhouse.started.wait()

    def reconcile(self, job: WaitingJob, delta: WaitDelta, *, adopted: bool = False) -> None:
        """Bring what is armed for a job in line with what changed; never waits."""
        armed = self._armed.setdefault(job.id, {})
        for wait in delta.added:
            reason = "changed" if wait.key in armed else "adopted" if adopted else "new"
            armed[wait.key] = wait
            self._arm(job, wait, adopted=adopted)
            self._surroundings.on_wait(job.id, wait, armed=True, reason=reason)
        for key in delta.dropped:
            gone = armed.pop(key, None)
            if gone is not None:
                self._drop(job.id, gone)
                self._surroundings.on_wait(job.id, gone, armed=False, reason="over")
        if not armed:
            del self._armed[job.id]

    def waits_of(self, job: JobId) -> tuple[Wait, ...]:
        """Return what is armed of a job: what it waits for, also when it is not in memory."""
        return tuple(self._armed.get(job, {}).values())

    def forsake(self, job: JobId) -> None:
        """Drop what is armed of a job that is driven no further.

        What names a bot stays: it may be at work, and only its own word frees it; a later start hears that.
        """
        armed = self._armed.get(job, {})
        for wait in list(armed.values()):
            if not isinstance(wait, ResponseWait | DrainWait):
                del armed[wait.key]
                self._drop(job, wait)
                self._surroundings.on_wait(job, wait, armed=False, reason="lost")
        if not armed:
            self._armed.pop(job, None)

    def heard(self, heartbeat: BotHello) -> None:
        """Take in a bot's heartbeat: what it runs should be what is known here."""
        if not heartbeat.stateless:
            self._contradictions.heard(heartbeat)

    def tell_soon(self, job: JobId, fact: AnyFact) -> None:
        """Tell a fact in a task of its own."""
        begin(self._tasks, self._tell_logged(job, fact), name=f"tell-{job}")

    async def _tell_logged(self, job: JobId, fact: AnyFact) -> None:
        try:
            await self._surroundings.tell(job, fact)
        except EngineError as error:
            kind = type(fact).__name__
            _log.warning("%s was not told to job %s: %s", kind, job, error, extra={"action": "tell_failed"})

    def drain_due_us(self, job: JobId, key: WaitKey) -> int | None:
        """Return when a draining bot is quarantined if it has no word until then; None when it is not armed."""
        left_s = self._drains.left_s(job, key)
        return None if left_s is None else self._env.now() + round(left_s * 1_000_000)

    def _drain_timed_out(self, job: JobId, wait: DrainWait) -> None:
        begin(self._tasks, self._quarantine(job, wait), name=f"quarantine-{wait.bot}")

    async def _quarantine(self, job: JobId, wait: DrainWait) -> None:
        """Give a draining bot up: in the lock first, so that no engine uses it when the job waits for it no longer."""
        reason = f"no word for {self._drain_timeout_s:g} s about attempt {wait.attempt} of {wait.visit} of job {job}, which has ended"
        try:
            written = await self.fleet.quarantine(wait.bot, (job, wait.visit, wait.attempt), reason)
        except LockError as error:
            _log.warning(
                "bot %s is not quarantined, which is tried again: %s",
                wait.bot,
                error,
                extra={"action": "quarantine_failed", "bot": wait.bot, "job": job},
            )
            return
        if written is not None:
            now_us = self._env.now()
            await self._tell_logged(
                job, DrainTimedOut(at_us=now_us, visit=wait.visit, attempt=wait.attempt, reason=written)
            )

    # -- one kind of wait each -----------------------------------------------------------------------------------

    def _arm(self, job: WaitingJob, wait: Wait, *, adopted: bool) -> None:
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
                self._set_timer(job.id, wait.key, wait.due_us, since_us=wait.since_us)
            case DrainWait():
                self._drains.arm(job.id, wait)
                self.fleet.drain(job.id, wait)
            case AdmissionWait():
                self._surroundings.on_admission(job.id, True)
            case OperatorWait():
                pass  # its producer is a person; `ee_on_incident` has told of it

    def _arm_lease(self, job: WaitingJob, wait: LeaseWait) -> None:
        self.fleet.want(job.id, job.priority, wait)
        if wait.deadline_us is not None:
            self._set_timer(job.id, wait.key, wait.deadline_us, since_us=wait.asked_us)

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
                self._surroundings.on_admission(job, False)
            case OperatorWait():
                pass

    def _vacate_unless_draining(self, job: JobId, wait: ResponseWait) -> None:
        if wait.bot is None:
            return
        drain = DrainWait(wait.visit, wait.attempt, wait.bot, wait.fence) if wait.fence else None
        if drain is None or drain.key not in self._armed.get(job, {}):
            self.fleet.vacate(wait.bot, (job, wait.visit, wait.attempt))

    def _set_timer(self, job: JobId, key: WaitKey, due_us: int, *, since_us: int) -> None:
        """Ring when as much time has passed as is left by the clock; a jump of the clock from here on moves nothing.

        A clock that went back before an engine started, or has not been set yet, does not make a wait longer than it
        was from `since_us` on.
        """
        left_us = min(due_us - self._env.now(), due_us - since_us)

        def due() -> None:
            self.tell_soon(job, TimerDue(at_us=self._env.now(), wait=key))

        self._timers.set((job, key), left_us / 1e6, due)
