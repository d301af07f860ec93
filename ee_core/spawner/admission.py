"""Which jobs may start now: the hooks are asked once per command, and again for held jobs when one is over.

A job that is let go counts as open from that moment, before its record is durable, so that no command which comes in
between takes its place.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from typing import TYPE_CHECKING, Protocol

from ee_core.contracts.hooks import AdmissionRequest, EngineLoad, Hold, Refuse
from ee_core.errors import EngineError
from ee_core.model.facts import CancelCommanded, JobAdmitted
from ee_core.tasks import begin

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.contracts.env import Env
    from ee_core.model.facts import AnyFact, ExecuteCommanded
    from ee_core.model.ids import JobId
    from ee_core.model.job import Job
    from ee_core.spawner.jobs import Jobs

_log = logging.getLogger(__name__)
_Rank = tuple[int, int, "JobId"]  # (-priority, accepted, job): the least is first


class Admit(Protocol):
    """Asks the admission hooks: Refuse outweighs Hold, Hold outweighs None."""

    def __call__(self, request: AdmissionRequest, load: EngineLoad) -> Refuse | Hold | None: ...


class Admission:
    """The held jobs, and the door."""

    def __init__(self, jobs: Jobs, *, env: Env, admit: Admit, waiting_visits: Callable[[], int]) -> None:
        self._jobs = jobs
        self._env = env
        self._admit = admit
        self._waiting_visits = waiting_visits
        self._held: set[JobId] = set()
        self._queue: list[_Rank] = []  # a heap; who is held no more is skipped when its turn comes
        self._tasks: asyncio.TaskGroup | None = None
        jobs.on_over(self.ask_again)

    async def run(self) -> None:
        """Let held jobs go until cancelled; those first that an engine before this one held."""
        async with asyncio.TaskGroup() as self._tasks:
            self.ask_again()
            await asyncio.get_running_loop().create_future()

    def ask(self, job: JobId, fact: ExecuteCommanded) -> Refuse | Hold | None:
        """Ask for a job that was just commanded."""
        request = AdmissionRequest(
            job=job,
            workflow=fact.name,
            version=fact.version,
            hash=fact.workflow,
            owner=fact.owner,
            labels=fact.labels,
            priority=fact.priority,
            inputs=fact.inputs,
        )
        return self._admit(request, self._load())

    def note(self, job: JobId, is_held: bool) -> None:
        """Note that a job is held, or is no more."""
        if not is_held:
            self._held.discard(job)
            return
        driver = self._jobs.find(job)
        assert driver is not None, "only a job that is driven is held"
        self._held.add(job)
        heapq.heappush(self._queue, (-driver.job.priority, driver.job.accepted_us, job))
        self.ask_again()  # what it was held for may have gone while its record was written

    def ask_again(self) -> None:
        """Ask for the held jobs, in order, until one is still to be held; never waits."""
        while self._tasks is not None and (job := self._first()) is not None:
            verdict = self._admit(_to_request(job), self._load())
            if isinstance(verdict, Hold):
                return
            self._held.remove(job.id)
            at_us = self._env.now()
            fact: AnyFact = JobAdmitted(at_us=at_us)
            if isinstance(verdict, Refuse):
                fact = CancelCommanded(at_us=at_us, reason=verdict.text, who="admission")
            begin(self._tasks, self._tell(job.id, fact), name=f"admit-{job.id}")

    def _first(self) -> Job | None:
        while self._queue:
            driver = self._jobs.find(self._queue[0][2])
            if driver is not None and driver.job.id in self._held:
                return driver.job
            heapq.heappop(self._queue)
        return None

    async def _tell(self, job: JobId, fact: AnyFact) -> None:
        try:
            await self._jobs.tell(job, fact)
        except EngineError as error:
            # it is parked, or held by whoever drives it next
            _log.warning("a held job was not told: %s", error, extra={"action": "tell_failed", "job": job})

    def _load(self) -> EngineLoad:
        return EngineLoad(
            open_jobs=len(self._jobs) - len(self._held),
            held_jobs=len(self._held),
            waiting_visits=self._waiting_visits(),
        )


def _to_request(job: Job) -> AdmissionRequest:
    return AdmissionRequest(
        job=job.id,
        workflow=job.name,
        version=job.version,
        hash=job.hash,
        owner=job.owner,
        labels=job.labels,
        priority=job.priority,
        inputs=job.inputs,
        held_since_us=job.accepted_us,
    )
