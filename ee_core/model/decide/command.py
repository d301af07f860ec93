"""What a client's command means: a job begins, is admitted, or ends now (R1, R15, R26)."""

from __future__ import annotations

from ee_core.model.decide.begin import json_size
from ee_core.model.decide.ignored import Ignored
from ee_core.model.decide.token import begin_job, conclude
from ee_core.model.draft import Draft
from ee_core.model.events import AnyEvent, EndedBy, JobAccepted, JobFinished, Outcome, TombstoneLaid
from ee_core.model.facts import CancelCommanded, ExecuteCommanded, JobAdmitted
from ee_core.model.job import Job, JobStatus


def decide_execute(job: Job, fact: ExecuteCommanded) -> tuple[AnyEvent, ...] | Ignored:
    """Accept a job, and start it unless an admission hook holds it."""
    if not job.is_blank:
        if not job.hash:
            return Ignored("cancelled")
        return Ignored("same_command" if fact.digest == job.digest else "conflict")
    accepted = JobAccepted(
        workflow=fact.workflow,
        name=fact.name,
        digest=fact.digest,
        version=fact.version,
        inputs=fact.inputs,
        owner=fact.owner,
        labels=fact.labels,
        priority=fact.priority,
    )
    if fact.hold:
        return (accepted,)
    draft = Draft(job, fact.at_us, accepted)
    draft.payload_bytes += json_size(fact.inputs) or 0
    begin_job(draft)
    return conclude(draft)


def decide_admitted(job: Job, fact: JobAdmitted) -> tuple[AnyEvent, ...] | Ignored:
    """Start a job that was held."""
    if job.status is not JobStatus.NOT_STARTED:
        return Ignored("finished" if job.is_finished else "not_waiting")
    draft = Draft(job, fact.at_us)
    begin_job(draft)
    return conclude(draft)


def decide_cancel(job: Job, fact: CancelCommanded) -> tuple[AnyEvent, ...] | Ignored:
    """End a job, or see to it that it never begins."""
    if job.is_blank:
        return (TombstoneLaid(fact.reason, fact.who),)
    if job.is_finished:
        return Ignored("finished")
    return (
        JobFinished(
            Outcome.CANCELLED, EndedBy.CANCEL, warnings=job.warnings, reason=fact.reason, who=fact.who
        ),
    )
