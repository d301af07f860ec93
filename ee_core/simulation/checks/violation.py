"""What a check finds: which invariant does not hold, where, and in one sentence how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ee_core.model.ids import BotId, JobId


class Invariant(StrEnum):
    """The names of the invariants; `ee_core.simulation.checker` has the table with their meaning."""

    POSSIBLE = "I1"
    RECORDS = "I2"
    COMMITS = "I3"
    EPOCHS = "I4"
    ENDS_ONCE = "I5"
    AFTER_END = "I6"
    REPLAY = "I7"
    WAITS = "I8"
    ACKNOWLEDGED = "I9"
    ANSWERED = "I10"
    ONE_JOB = "I11"
    CANCEL = "I12"
    OVERLAP = "I13"
    FENCES = "I14"
    ASSIGNMENTS = "I15"
    ONCE = "I16"
    RECORDED = "I17"
    SILENCE = "I18"
    REASONS = "I19"
    WORDS = "I20"
    DRAINS = "I21"
    GRANTS = "I22"
    IDLE = "I23"
    DURABLE = "I24"
    TAKEN = "I25"
    LEASES = "I26"
    BOUND = "I27"
    PRODUCERS = "I28"
    LEFT = "I29"
    ENGINES = "I30"
    WAITING = "I31"
    STOPPED = "I32"
    TOLD = "I33"
    ORDER = "I34"
    SILENT = "I35"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be."""

    invariant: Invariant
    at_us: int  # when it shows
    text: str  # what was seen and what was expected
    job: JobId | None = None
    bot: BotId | None = None

    def __str__(self) -> str:
        about = "".join(f" {name}" for name in (self.job, self.bot) if name)
        return f"{self.invariant}{about} at {self.at_us}: {self.text}"
