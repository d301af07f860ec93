"""Why a fact changes nothing: the answer that whoever told it passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "unknown_job",  # nothing is recorded of it
    "same_command",  # the job exists, made by the same command (R26)
    "conflict",  # the job exists, made by another command (R26)
    "cancelled",  # a cancel came first (R15)
    "finished",  # the job is over
    "unknown_attempt",  # no such visit or attempt
    "stale_fence",  # the fence is not the attempt's (R19)
    "wrong_bot",  # another bot than the one the attempt was assigned to
    "duplicate",  # the attempt has its answer (R18), the incident is open already
    "late_duplicate",  # a late answer is kept already (R17)
    "not_decided",  # accepted, heartbeat, busy: the Reactor's
    "not_waiting",  # the job does not wait for this
    "already_applied",  # the action's id was used (R28)
    "incident_closed",  # the incident is not open (R28)
    "choice_not_offered",  # the incident does not offer this (R28)
    "runaway",  # while a Runaway incident is open only it can be answered (R29)
    "too_large",  # the output given with `skip` is over the limit, or no JSON (R24)
]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A fact that changes nothing."""

    reason: Reason
