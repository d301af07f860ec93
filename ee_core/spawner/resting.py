"""Open jobs that are not in memory: what is kept of one that was just read from the journal, and which may be such.

Most jobs of a store that an engine starts on wait for a person, for a bot, for a far time: their state would be dropped
some minutes later. Only what arms their waits is kept, until they are armed; the first fact brings the job back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ee_core.model.waits import AdmissionWait, DrainWait, LeaseWait, OperatorWait, ResponseWait, TimerWait

if TYPE_CHECKING:
    from ee_core.model.ids import JobId
    from ee_core.model.job import Job
    from ee_core.model.waits import Wait


@dataclass(frozen=True, slots=True)
class Resting:
    """A job that waits, without its state."""

    id: JobId
    priority: int


def may_rest(job: Job, until_us: int) -> bool:
    """Say whether nothing is to be done for a job that was just read, and no time of it is up before an instant."""
    return bool(job.waits) and all(_is_quiet(wait, until_us) for wait in job.waits.values())


def _is_quiet(wait: Wait, until_us: int) -> bool:
    match wait:
        case OperatorWait():
            return True
        case LeaseWait():
            return wait.deadline_us is None or wait.deadline_us > until_us
        case TimerWait():
            return wait.due_us > until_us
        case ResponseWait() | DrainWait():
            return False  # what is sent again now may be answered at once
        case AdmissionWait():
            return False  # it is asked for again and again
