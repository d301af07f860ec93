"""Recorded events applied to a job, in place.

Total on every history that `decide` can write, and an `IllegalTransitionError` on every other: then the job may be
half changed and must be thrown away. No expression is evaluated, no plugin asked. `Job.waits` is kept step by step.
Here is what an event means for the job as a whole; tokens are in `evolve_tokens`, attempts in `evolve_attempts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ee_core.model import events, evolve_attempts, evolve_tokens
from ee_core.model.events import AnyEvent, Event, IncidentKind, Outcome, Record
from ee_core.model.job import AttemptStatus, Incident, Job, JobStatus, VisitStatus
from ee_core.model.transition import demand, find_live, refuse
from ee_core.model.waiting import WaitChanges, rearm
from ee_core.model.waits import AdmissionWait, OperatorWait, WaitDelta

Step = Callable[[Job, Any, int, WaitChanges], None]


def evolve(job: Job, event: AnyEvent, at_us: int) -> WaitDelta:
    """Apply one event.

    Args:
        job: Changed in place.
        event: As recorded.
        at_us: The instant of its record.

    Raises:
        IllegalTransitionError: The event does not fit the state.
    """
    changes = WaitChanges(job)
    _step(job, event, at_us, changes)
    return changes.net()


def apply(job: Job, record: Record) -> WaitDelta:
    """Apply a record and return the net change: a wait that came and went inside it does not appear.

    Raises:
        IllegalTransitionError: Another job's record, not the next one, or an event that does not fit.
    """
    if record.job != job.id:
        refuse(job, record, f"it is a record of job {record.job}")
    if record.index != job.next_index:
        refuse(job, record, f"record {job.next_index} was expected")
    changes = WaitChanges(job)
    for event in record.events:
        _step(job, event, record.at_us, changes)
    job.next_index += 1
    return changes.net()


def _step(job: Job, event: Event, at_us: int, changes: WaitChanges) -> None:
    step = _STEPS.get(type(event))
    if step is None:
        refuse(job, event, "nothing is known about such events")
    step(job, event, at_us, changes)


# -- the job -------------------------------------------------------------------------------------------------


def _accepted(job: Job, event: events.JobAccepted, at_us: int, changes: WaitChanges) -> None:
    demand(not job.hash and not job.is_finished, job, event, "the job exists")
    demand(
        job.workflow is not None and job.workflow.name == event.workflow,
        job,
        event,
        f"the content {event.workflow} is not at hand",
    )
    job.hash = event.workflow
    job.name, job.version, job.digest = event.name, event.version, event.digest
    job.owner, job.labels, job.priority = event.owner, event.labels, event.priority
    job.inputs = event.inputs
    job.accepted_us = at_us
    if job.workflow is not None and job.workflow.workflow.scope == "export":
        job.keys.update(event.inputs)
    changes.put(AdmissionWait())


def _started(job: Job, event: events.JobStarted, _at_us: int, changes: WaitChanges) -> None:
    demand(bool(job.hash) and job.status is JobStatus.NOT_STARTED, job, event, "it is not held")
    job.status = JobStatus.PROCESSING
    changes.drop(AdmissionWait().key)


def _finished(job: Job, event: events.JobFinished, at_us: int, changes: WaitChanges) -> None:
    demand(bool(job.hash) and not job.is_finished, job, event, "it is over or was never accepted")
    if job.status is JobStatus.NOT_STARTED:
        changes.drop(AdmissionWait().key)
    for incident in job.incidents:
        changes.drop(OperatorWait(incident).key)
    job.incidents.clear()
    job.stuck.clear()
    job.runaway = None
    for visit in job.live.values():
        visit.incident = None
        if visit.status is not VisitStatus.FAILED:  # a failed one tells its own end (R11)
            visit.status = VisitStatus.CANCELLED
        evolve_tokens.stop_visit(job, visit, changes)
    job.live.clear()
    job.classes.clear()
    job.queues.clear()
    job.queued = 0
    job.status = JobStatus.FINISHED
    job.outcome, job.ended_by, job.error = event.outcome, event.by, event.error
    job.reason, job.warnings, job.finished_us = event.reason, event.warnings, at_us


def _buried(job: Job, event: events.TombstoneLaid, at_us: int, _changes: WaitChanges) -> None:
    demand(job.is_blank, job, event, "the job exists")
    job.status = JobStatus.FINISHED
    job.outcome, job.ended_by = Outcome.CANCELLED, events.EndedBy.CANCEL
    job.reason = event.reason
    job.accepted_us = job.finished_us = at_us


# -- incidents -------------------------------------------------------------------------------------------------


def _opened(job: Job, event: events.IncidentOpened, at_us: int, changes: WaitChanges) -> None:
    demand(job.status is JobStatus.PROCESSING, job, event, "the job is not running")
    expected = f"i{job.incident_count + 1}"
    demand(event.incident == expected, job, event, f"incident {expected} was expected")
    visit = find_live(job, event, event.visit) if event.visit is not None else None
    demand(visit is None or visit.incident is None, job, event, "the visit has an open incident")
    job.incident_count += 1
    job.incidents[event.incident] = Incident(
        event.incident, event.kind, event.choices, event.text, event.visit, event.node, event.detail, at_us
    )
    changes.put(OperatorWait(event.incident))
    if event.kind is IncidentKind.RUNAWAY:
        job.runaway = event.incident
    elif event.kind is IncidentKind.JOIN_STUCK:
        evolve_tokens.hold_join(job, event)
    if visit is None:
        return
    if event.kind is IncidentKind.CONFLICT:
        attempt = visit.open_attempt
        if attempt is None:
            refuse(job, event, "no attempt is open")
        attempt.status = AttemptStatus.CONFLICT
    visit.incident = event.incident
    rearm(job, visit, changes)


def _closed(job: Job, event: events.IncidentClosed, _at_us: int, changes: WaitChanges) -> None:
    incident = job.incidents.pop(event.incident, None)
    if incident is None:
        refuse(job, event, "the incident is not open")
    changes.drop(OperatorWait(event.incident).key)
    if incident.kind is IncidentKind.RUNAWAY:
        job.runaway = None
    elif incident.kind is IncidentKind.JOIN_STUCK:
        evolve_tokens.release_join(job, incident.node)
    if incident.visit is not None:
        visit = job.visits[incident.visit]
        visit.incident = None
        rearm(job, visit, changes)


def _acted(job: Job, event: events.OperatorActed, _at_us: int, _changes: WaitChanges) -> None:
    demand(event.id not in job.applied, job, event, "the action was applied before")
    job.applied.add(event.id)


_STEPS: Final[Mapping[type[Event], Step]] = {
    events.JobAccepted: _accepted,
    events.JobStarted: _started,
    events.JobFinished: _finished,
    events.TombstoneLaid: _buried,
    events.IncidentOpened: _opened,
    events.IncidentClosed: _closed,
    events.OperatorActed: _acted,
    **evolve_tokens.STEPS,
    **evolve_attempts.STEPS,
}
