"""Why an operator's answer is refused, in words that name what would be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.errors import ConflictError, EngineError, NotFoundError

if TYPE_CHECKING:
    from ee_core.messages.jobs import OperateJob
    from ee_core.model.job import Job


def refuse_incident(job: Job, command: OperateJob) -> EngineError:
    """Return the error about an incident that is not open: it was closed, or it never was."""
    waiting = ", ".join(job.incidents)
    cure = f"open are: {waiting}" if waiting else "the job has no open incident"
    number = command.incident.removeprefix("i")
    if number.isdecimal() and 0 < int(number) <= job.incident_count:
        return ConflictError(f"incident {command.incident!r} of job {job.id!r} is closed already; {cure}")
    return NotFoundError(f"job {job.id!r} has no incident {command.incident!r}; {cure}")


def refuse_choice(job: Job, command: OperateJob) -> EngineError:
    """Return the error about an answer that an open incident does not take."""
    incident = next((each for each in job.incidents.values() if each.id == command.incident), None)
    if incident is None:  # closed since
        return refuse_incident(job, command)
    answers = ", ".join(choice.value for choice in incident.choices)
    return ConflictError(
        f"incident {command.incident!r} of job {job.id!r} cannot be answered with {command.action!r};"
        f" its answers are: {answers}"
    )
