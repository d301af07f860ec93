"""The waits of a job computed from its state alone: what `Job.waits`, kept step by step, must equal.

Used by tests at every prefix of a history, and when a partition is adopted.
"""

from __future__ import annotations

from collections.abc import Mapping

from ee_core.model.job import Job, JobStatus
from ee_core.model.waiting import drain_wait, wait_of
from ee_core.model.waits import AdmissionWait, OperatorWait, Wait, WaitKey


def recompute_waits(job: Job) -> Mapping[WaitKey, Wait]:
    """Return every wait of a job; looks at all its visits."""
    waits: list[Wait] = [OperatorWait(incident) for incident in job.incidents]
    if job.status is JobStatus.NOT_STARTED and job.hash:
        waits.append(AdmissionWait())
    for visit in job.visits.values():
        wait = wait_of(job, visit)
        if wait is not None:
            waits.append(wait)
        waits.extend(drain_wait(visit, attempt) for attempt in visit.attempts if attempt.draining)
    return {wait.key: wait for wait in waits}
