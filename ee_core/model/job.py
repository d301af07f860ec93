"""The state of one job, as rebuilt from its records.

`evolve` alone changes it, in place; `decide` reads it; `fork` copies it. Nothing here is stored: what is not in
an event does not survive. Display states that only Fleet and Reactor know (BotBusy, Processing) are not here.
"""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands; NOT_STARTED also while an admission hook holds it."""

    NOT_STARTED = "NotStarted"
    PROCESSING = "Processing"
    FINISHED = "Finished"


class VisitStatus(StrEnum):
    """Where a visit stands; an incident leaves it as it is."""

    PENDING = "Pending"  # token here, nothing sent; also while a retry waits
    AWAITING = "AwaitingBotResponse"
    SUCCESS = "Success"
    FAILED = "Failed"
    LOST = "Lost"
    CANCELLED = "Cancelled"
