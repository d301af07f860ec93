"""A bot as this engine has it: its lease, the assignments under it, and what it still works on.

A seat never asks anybody; `ee_core.fleet.leases` fills in the lease, the Fleet and the Reactor say who sits there.
The rule: a bot is free only when it is leased, answered its claim, and nobody sits in it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ee_core.model.ids import BotId, Fence, JobId, VisitId

if TYPE_CHECKING:
    from ee_core.contracts.lock import Lease

Occupant = tuple[JobId, VisitId, int]  # job, visit, attempt


class BotState(StrEnum):
    """What is shown of a bot."""

    FREE = "Free"  # not leased, or leased and idle
    HELD = "Held"  # works for a job, or is about to
    DRAINING = "Draining"  # may still work on an attempt that has ended
    UNKNOWN = "Unknown"  # taken over, has not answered its claim
    LEAVING = "Leaving"  # it has said so, and gets no new work
    LOST = "Lost"  # has an attempt, and gives no sign of life
    LOCKED = "Locked"  # another engine has it
    QUARANTINED = "Quarantined"  # an operator must see to it


@dataclass(slots=True)
class Seat:
    """One bot's place in this engine."""

    bot: BotId
    lease: Lease | None = None  # Held: the bot has answered the claim
    ledger: str = ""  # as the claim's answer said
    taking: bool = False  # a lease is being taken, or its claim is open
    condemned: str = ""  # why it is about to be quarantined: an open claim gives way
    guard: asyncio.Lock = field(default_factory=asyncio.Lock)  # one at a time takes its lock or condemns it
    claimed_s: float | None = None  # loop time at which the open claim was sent
    denied_until_s: float = 0.0  # another engine has it: do not ask again before
    granting: JobId | None = None  # a grant was told, its record is not durable yet
    n: int = 0  # assignments under the lease
    occupants: dict[Occupant, bool] = field(default_factory=dict)  # True: draining
    given_up: set[Occupant] = field(default_factory=set)  # a quarantine ends them, no word
    works_on: Occupant | None = None  # what it named when it answered the claim, until it has a word for that
    idle_since_s: float = 0.0
    last_used_us: int | None = None

    @property
    def is_free(self) -> bool:
        """True when a visit may be assigned now."""
        is_ours = self.is_held and not self.condemned
        return is_ours and self.granting is None and not self.occupants and not self.is_doubtful

    @property
    def is_held(self) -> bool:
        """True when the claim was answered under a lease of ours."""
        return self.lease is not None and not self.taking

    @property
    def is_doubtful(self) -> bool:
        """True when it works on something, by its own word, that nobody waits for any more."""
        return self.works_on is not None and self.works_on not in self.occupants

    def vacate(self, occupant: Occupant) -> bool:
        """Take out whom the bot works for no more; False when nobody sat there.

        Who was given up leaves the bot's answer to the claim as it is: a record has ended the wait, not the bot.
        """
        if self.occupants.pop(occupant, None) is None:
            return False
        if occupant in self.given_up:
            self.given_up.remove(occupant)
        elif occupant == self.works_on:
            self.works_on = None
        return True

    def next_fence(self) -> Fence:
        """Count an assignment under the lease."""
        assert self.lease is not None, "a free seat is leased"
        self.n += 1
        return Fence(self.lease.record.lease, self.n)

    def state(self) -> BotState:
        """Return what is shown of it."""
        if any(self.occupants.values()):
            return BotState.DRAINING
        if self.taking:
            return BotState.UNKNOWN
        if self.occupants or self.granting is not None:
            return BotState.HELD
        return BotState.FREE
