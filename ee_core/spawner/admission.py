"""Which jobs may start now: the hooks are asked once per command, and again for held jobs when one is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ee_core.contracts.hooks import AdmissionRequest, EngineLoad, Hold, Refuse
from ee_core.model.facts import CancelCommanded, JobAdmitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.contracts.env import Env
    from ee_core.model.facts import ExecuteCommanded
    from ee_core.model.ids import JobId
    from ee_core.model.job import Job
    from ee_core.spawner.jobs import Jobs


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
        self._held: dict[JobId, None] = {}
        jobs.on_over(self._one_is_over)

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
        if is_held:
            self._held[job] = None
        else:
            self._held.pop(job, None)

    def _load(self) -> EngineLoad:
        return EngineLoad(
            open_jobs=len(self._jobs) - len(self._held),
            held_jobs=len(self._held),
            waiting_visits=self._waiting_visits(),
        )

    async def _one_is_over(self, over: Job) -> None:
        del over
        await self.ask_again()

    async def ask_again(self) -> None:
        """Ask for the held jobs, in order, until one is still to be held."""
        for job in self._in_order():
            verdict = self._admit(_to_request(job), self._load())
            if isinstance(verdict, Hold):
                return
            at_us = self._env.now()
            if isinstance(verdict, Refuse):
                fact = CancelCommanded(at_us=at_us, reason=verdict.text, who="admission")
                await self._jobs.tell(job.id, fact)
            else:
                await self._jobs.tell(job.id, JobAdmitted(at_us=at_us))

    def _in_order(self) -> list[Job]:
        drivers = [self._jobs.find(job) for job in self._held]
        jobs = [driver.job for driver in drivers if driver is not None]
        return sorted(jobs, key=lambda job: (-job.priority, job.accepted_us, job.id))


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
