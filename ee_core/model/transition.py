"""What an event may demand of the job it is applied to."""

from __future__ import annotations

from typing import NoReturn

from ee_core.errors import IllegalTransitionError
from ee_core.model.compiled import CompiledWorkflow
from ee_core.model.events import Event, Record
from ee_core.model.ids import VisitId
from ee_core.model.job import Attempt, Job, Visit


def refuse(job: Job, event: Event | Record, why: str) -> NoReturn:
    """Raise the error that an event cannot be applied."""
    what = f"record {event.index}" if isinstance(event, Record) else repr(event)[:200]
    raise IllegalTransitionError(
        f"job {job.id} ({job.status}, {job.next_index} records): cannot apply {what}: {why};"
        " the journal is damaged, or this is a fault of EE: please report it"
    )


def demand(holds: bool, job: Job, event: Event | Record, why: str) -> None:
    """Refuse the event unless a condition holds."""
    if not holds:
        refuse(job, event, why)


def workflow_of(job: Job, event: Event) -> CompiledWorkflow:
    """Return the job's workflow."""
    if job.workflow is None or not job.hash:
        refuse(job, event, "the job was never accepted")
    return job.workflow


def find_live(job: Job, event: Event, visit: VisitId) -> Visit:
    """Return a visit that is not final."""
    found = job.live.get(visit)
    if found is None:
        refuse(job, event, f"{visit} is {'final' if visit in job.visits else 'not known'}")
    return found


def find_attempt(job: Job, event: Event, visit: VisitId, number: int) -> tuple[Visit, Attempt]:
    """Return an attempt of any visit, final or not."""
    found = job.visits.get(visit)
    attempt = found.find_attempt(number) if found is not None else None
    if found is None or attempt is None:
        refuse(job, event, f"{visit} has no attempt {number}")
    return found, attempt
