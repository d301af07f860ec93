"""What the outside world told the engine.

A fact carries everything that is not determined by the job: the instant, the bot that was chosen, the delay
before a retry. Facts are never stored; the events decided from them are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ee_core.model.events import Choice, Error
from ee_core.model.ids import BotId, Fence, IncidentId, VisitId, WorkflowHash


class ResponseKind(StrEnum):
    """What a bot may say about an attempt."""

    ACCEPTED = "accepted"  # not decided here: the Reactor's
    HEARTBEAT = "heartbeat"  # not decided here: the Reactor's
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"  # ended at the engine's wish, or never to be started
    LOST = "lost"  # started once, not running, no result
    STALE = "stale"  # the fence is too low: never started
    BUSY = "busy"  # not decided here: the Reactor repeats
    WRONG_LEDGER = "wrong_ledger"  # the bot's memory is another one
    CONFLICT = "conflict"  # known attempt, other input
    IDLE = "idle"  # proves idleness, answers a question


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The base of all facts."""

    at_us: int


# -- commands ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteCommanded(Fact):
    """A client wants this job; inputs are already checked against the workflow."""

    workflow: WorkflowHash
    name: str
    digest: str
    version: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    owner: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    hold: bool = False  # an admission hook said: not now


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAdmitted(Fact):
    """The admission hooks let a held job go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelCommanded(Fact):
    """A client wants the job to end now."""

    reason: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCommanded(Fact):
    """A person answers an incident (R28)."""

    id: str
    incident: IncidentId
    choice: Choice
    output: Any = None  # with SKIP
    who: str = ""
    reason: str = ""


# -- bots ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BotGranted(Fact):
    """A leased bot is free for a visit that waits for one."""

    visit: VisitId
    bot: BotId
    ledger: str
    fence: Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class BotMissing(Fact):
    """No live bot (or worker) fits a visit."""

    visit: VisitId
    text: str  # what was wanted and who is there; last, how one that fits is started


@dataclass(frozen=True, slots=True, kw_only=True)
class BotFound(Fact):
    """A bot that fits has appeared."""

    visit: VisitId


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginMissing(Fact):
    """Work the engine's own process must do has no plugin here (R23)."""

    visit: VisitId
    text: str  # entry point and package; last, how it gets there


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFound(Fact):
    """The plugin is there again."""

    visit: VisitId


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseReceived(Fact):
    """A bot's answer; `bot` comes from the subject, never from the body."""

    bot: BotId | None  # None for work of the engine's own process
    visit: VisitId
    attempt: int
    fence: Fence | None
    kind: ResponseKind
    output: Any = None
    error: Error | None = None
    retryable: bool | None = None  # with FAILED: the author's advice, for the hooks
    retry_after_ms: int | None = None  # likewise
    retry_delay_ms: int | None = None  # with FAILED: the hooks' answer; None gives up


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSilent(Fact):
    """A deadline after sending passed, or the bot died: the attempt is Lost, or its bot is asked (R20, R21)."""

    visit: VisitId
    attempt: int
    why: str  # accept, heartbeat, run, bot_dead, crash
    asked: bool = False  # its bot's ledger was asked, and did not answer within `Timeouts.ask_ms`


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleProved(Fact):
    """A bot proved that it does not do the attempt and never will (section 6); its own word alone counts."""

    bot: BotId
    visit: VisitId
    attempt: int
    fence: Fence | None  # None: the question named none


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainTimedOut(Fact):
    """A bot that is Draining had no word for the attempt in time; its lock says quarantined by now (R16)."""

    visit: VisitId
    attempt: int
    reason: str = ""  # as in the lock's record


# -- time ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerDue(Fact):
    """A wait's own deadline passed: a retry delay, or the time-out of waiting for a bot."""

    wait: str  # WaitKey


AnyFact = (
    ExecuteCommanded
    | JobAdmitted
    | CancelCommanded
    | OperatorCommanded
    | BotGranted
    | BotMissing
    | BotFound
    | PluginMissing
    | PluginFound
    | ResponseReceived
    | AttemptSilent
    | IdleProved
    | DrainTimedOut
    | TimerDue
)
