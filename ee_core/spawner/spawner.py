"""Carries out commands: starts jobs, cancels them, hands operators' answers on."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from ee_core.contracts.hooks import Hold, Refuse
from ee_core.errors import ConflictError, InputError
from ee_core.messages.jobs import CancelJob, ExecuteJob, OperateJob
from ee_core.model.decide import Ignored, decide
from ee_core.model.events import Choice
from ee_core.model.facts import CancelCommanded, ExecuteCommanded, OperatorCommanded
from ee_core.model.ids import IncidentId, JobId, WorkflowHash
from ee_core.model.job import Job
from ee_core.spawner.admission import Admission
from ee_core.spawner.commands import Commands
from ee_core.spawner.refusals import refuse_choice, refuse_incident

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.contracts.broker import Broker
    from ee_core.contracts.env import Env
    from ee_core.contracts.journal import JobSummary
    from ee_core.messages.jobs import Command
    from ee_core.messages.subjects import Subjects
    from ee_core.spawner.admission import Admit
    from ee_core.spawner.jobs import Jobs
    from ee_core.workflows import Workflows

# What a command that changed nothing is answered, by the model's reason; all other reasons are a conflict.
_STATUS = {
    "same_command": "known",
    "cancelled": "cancelled",
    "already_applied": "applied",
    "finished": "finished",
}
_REFUSALS = {"incident_closed": refuse_incident, "choice_not_offered": refuse_choice}


class Spawner:
    """The commands of one partition."""

    def __init__(
        self,
        broker: Broker,
        jobs: Jobs,
        *,
        partition: int,
        subjects: Subjects,
        env: Env,
        workflows: Workflows,
        admit: Admit,
        waiting_visits: Callable[[], int],
    ) -> None:
        self.admission = Admission(jobs, env=env, admit=admit, waiting_visits=waiting_visits)
        self._jobs = jobs
        self._env = env
        self._workflows = workflows
        self._commands = Commands(broker, partition=partition, subjects=subjects, carry_out=self.carry_out)

    async def run(self) -> None:
        """Take commands and drive jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._jobs.run(), name="jobs")
            await self._jobs.started.wait()
            tasks.create_task(self._commands.run(), name="commands")
            tasks.create_task(self.admission.run(), name="admission")

    async def carry_out(self, command: Command) -> str:
        """Carry out one command; returns when its first record is durable.

        Returns:
            What the sender is answered: accepted, known, cancelled, applied, finished.

        Raises:
            EngineError: It is refused, or (`JournalError`) not durable.
        """
        match command.kind:
            case "execute":
                return await self._execute(JobId(command.job), ExecuteJob.from_json(command.body))
            case "cancel":
                return await self._cancel(CancelJob.from_json(command.body))
            case "operate":
                return await self._operate(OperateJob.from_json(command.body))

    async def _execute(self, job_id: JobId, command: ExecuteJob) -> str:
        digest = _digest(command)
        known = await self._jobs.find_job(job_id)
        if known is not None:
            repeat = ExecuteCommanded(
                at_us=self._env.now(), workflow=WorkflowHash(""), name=known.name, digest=digest
            )
            return _status(decide(known, repeat), "known")
        stub = await self._jobs.find_stub(job_id)
        if stub is not None:
            return _answer_for(stub, digest)
        fact, job = await self._prepare(job_id, command, digest)
        verdict = self.admission.ask(job_id, fact)
        if isinstance(verdict, Refuse):
            raise InputError(f"job {job_id!r} is refused: {verdict.text}")
        told = await self._jobs.add(job).tell(replace(fact, hold=isinstance(verdict, Hold)))
        return _status(told, "accepted")

    async def _prepare(self, job_id: JobId, command: ExecuteJob, digest: str) -> tuple[ExecuteCommanded, Job]:
        wanted = await self._workflows.resolve(command)
        job = Job.blank(job_id)
        job.workflow = wanted.compiled
        fact = ExecuteCommanded(
            at_us=self._env.now(),
            workflow=wanted.compiled.name,
            name=wanted.compiled.workflow.name,
            digest=digest,
            version=wanted.compiled.workflow.version,
            inputs=wanted.inputs,
            owner=command.owner,
            labels=command.labels,
            priority=command.priority,
        )
        return fact, job

    async def _cancel(self, command: CancelJob) -> str:
        job_id = JobId(command.job)
        fact = CancelCommanded(at_us=self._env.now(), reason=command.reason, who=command.who)
        if await self._jobs.find_job(job_id) is not None:
            return _status(await self._jobs.tell(job_id, fact), "cancelled")
        if await self._jobs.find_stub(job_id) is not None:
            return "finished"
        # a tombstone: an execute that may still come is answered by it
        await self._jobs.add(Job.blank(job_id)).tell(fact)
        return "unknown"

    async def _operate(self, command: OperateJob) -> str:
        fact = OperatorCommanded(
            at_us=self._env.now(),
            id=command.id,
            incident=IncidentId(command.incident),
            choice=Choice(command.action),
            output=command.output,
            who=command.who,
            reason=command.reason,
        )
        told = await self._jobs.tell(JobId(command.job), fact)
        refuse = _REFUSALS.get(told.reason) if isinstance(told, Ignored) else None
        job = await self._jobs.find_job(JobId(command.job)) if refuse is not None else None
        if refuse is not None and job is not None:
            raise refuse(job, command)
        return _status(told, "applied")


def _digest(command: ExecuteJob) -> str:
    """Return the hash of what was asked, as it was asked: files may change between two deliveries."""
    asked = command.model_dump(mode="json", exclude={"id", "reply_to"})
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _answer_for(stub: JobSummary, digest: str) -> str:
    """Answer a command whose job is over and pruned as if its records were there (R26)."""
    if not stub.hash:
        return "cancelled"
    if stub.digest != digest:
        raise ConflictError(
            "not done: conflict; the id is that of a job with other content, which is over and pruned"
        )
    return "known"


def _status(told: object, recorded: str) -> str:
    if not isinstance(told, Ignored):
        return recorded
    status = _STATUS.get(told.reason)
    if status is None:
        raise ConflictError(f"not done: {told.reason.replace('_', ' ')}")
    return status
