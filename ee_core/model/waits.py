"""The outside facts a job waits for, derived from its state and from nothing else.

A wait is what the Reactor arms: everything it needs to ask the outside world is in it or in the job. Its key is
stable while the wait is the same, so that arming twice is harmless and a change of waits is a change of keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NewType, Protocol

from ee_core.model.ids import BotId, Fence, IncidentId, JobId, NodeId, VisitId
from ee_core.model.references import Path
from ee_core.model.workflow import BotSelector, Timeouts

WaitKey = NewType("WaitKey", str)


@dataclass(frozen=True, slots=True)
class LeaseWait:
    """A visit waits for a bot; the Fleet answers with `BotGranted`.

    With `selector.same_as`, and `same_as` None, no bot fits: the named node had none yet (it was skipped).
    """

    visit: VisitId
    node: NodeId
    activity: str
    selector: BotSelector
    same_as: BotId | None  # resolved: the bot assigned last to the node that `selector.same_as` names
    since_us: int  # `at_us` of the record that created the visit: the age in the queue
    deadline_us: int | None  # the bot time-out
    no_bot: bool  # an incident NoBot is open: the Fleet tells `BotFound` when one comes
    asked_us: int = 0  # `at_us` of the record from which on the bot time-out counts

    @property
    def key(self) -> WaitKey:
        """``lease:<visit>``."""
        return WaitKey(f"lease:{self.visit}")


@dataclass(frozen=True, slots=True)
class ResponseWait:
    """An attempt was sent; the bot answers with a response, the Reactor watches its deadlines.

    `bot` is None when any worker may take it (`stateless` and `idempotent`) and when the engine's own process
    does the work (`stateless` and not `idempotent`).
    """

    visit: VisitId
    node: NodeId
    attempt: int
    activity: str
    bot: BotId | None
    ledger: str | None
    fence: Fence | None
    local: bool  # True: carried out in this process
    input: Any
    input_hash: str
    timeouts: Timeouts
    deadline_us: int | None  # run deadline, recorded
    no_bot: bool  # an incident NoBot or PluginMissing is open for this visit
    questioned: str = (
        ""  # its bot went silent, that is why its ledger is asked; nothing is sent again (R20 `ask`)
    )
    secrets: tuple[Path, ...] = ()  # where the input refers to secrets, by the definition's own text

    @property
    def key(self) -> WaitKey:
        """``response:<visit>/<attempt>``."""
        return WaitKey(f"response:{self.visit}/{self.attempt}")


@dataclass(frozen=True, slots=True)
class TimerWait:
    """A retry waits for its delay."""

    visit: VisitId
    due_us: int
    since_us: int  # when the attempt that failed was assigned

    @property
    def key(self) -> WaitKey:
        """``timer:<visit>@<due>``."""
        return WaitKey(f"timer:{self.visit}@{self.due_us}")


@dataclass(frozen=True, slots=True)
class OperatorWait:
    """An incident waits for a person."""

    incident: IncidentId

    @property
    def key(self) -> WaitKey:
        """``operator:<incident>``."""
        return WaitKey(f"operator:{self.incident}")


@dataclass(frozen=True, slots=True)
class AdmissionWait:
    """The job is accepted and held by an admission hook."""

    @property
    def key(self) -> WaitKey:
        """``admission``."""
        return WaitKey("admission")


@dataclass(frozen=True, slots=True)
class DrainWait:
    """A bot may still work on an attempt that has ended here (R16)."""

    visit: VisitId
    attempt: int
    bot: BotId
    fence: Fence

    @property
    def key(self) -> WaitKey:
        """``drain:<visit>/<attempt>``."""
        return WaitKey(f"drain:{self.visit}/{self.attempt}")


Wait = LeaseWait | ResponseWait | TimerWait | OperatorWait | AdmissionWait | DrainWait


@dataclass(frozen=True, slots=True)
class WaitDelta:
    """What one event changed: a wait that changes keeps its key and is in `added` alone."""

    added: tuple[Wait, ...] = ()
    dropped: tuple[WaitKey, ...] = ()


class WaitingJob(Protocol):
    """A job as far as its waits are armed; its state may not be in memory."""

    @property
    def id(self) -> JobId:
        """Whose waits they are."""

    @property
    def priority(self) -> int:
        """Its place among those who wait for a bot."""
