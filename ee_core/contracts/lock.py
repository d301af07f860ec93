"""What a bot-lock provider plugin promises.

One record per bot says which engine has it: holder, lease number, state, reason. The record has no life time; a
holder is alive while its *engine key* is. The provider never waits for a bot and never talks to one: that a
bot is idle is proved by the bot itself (`ee_core.fleet`). How a record changes is in `ee_core.contracts.leasing`,
which every provider uses. The kit is `ee_core.testing.lock`.

[L1] `take` succeeds for one engine only: of many that read the same record, one writes, the others raise `LockHeldError`.
[L2] The lease number of a bot rises with every `take`, also after a release, a restart of the provider, and a clock that
went back: it is ``max(last + 1, now_us, floor)``. Where the store was lost there is no last one, and clock and floor carry it.
[L3] `take` of a record held by another engine whose key lives raises `LockHeldError`; nothing changed. The holder itself
may take again, as after a `take` that got no answer: with a new number, and UNKNOWN unless the record says FREE.
[L4] `take` of a record whose holder's key is gone, or was never made, succeeds and returns a lease in state UNKNOWN. So does
the first `take` of each record that was kept over a restart of a provider that is not shared: its bots may have died with it.
[L5] `take` returns a lease in state FREE when there is no record, and when its last holder released it idle: from FREE or
HELD. Released from UNKNOWN or DRAINING it is taken as UNKNOWN.
[L6] `write` and `release` are compare-and-set on the holder's own last revision: with a lease that was written, released or
taken over since, they raise `LockLostError` and change nothing.
[L7] A record in state QUARANTINED is taken only on an operator's word, `even_quarantined`, and then UNKNOWN; else `take`
raises `LockHeldError` naming the reason, to the holder too. It survives release, its holder's death and every restart.
[L8] `keep_alive` makes the engine's key live for `ttl_s` from before the call was sent; without another call `is_alive`
becomes false not before, and within 2 seconds after. A call that comes later raises `LockLostError`, once: the next
makes the key anew. Other engines' keys are not touched.
[L9] `watch` yields each existing record once at the start and a record after every change by any engine; it may leave
out states that were passed through, never the last one, and never goes back.
[L10] After `close` every call raises `LockUnavailableError`, open watches end with it, and records and keys stay as they are.
[L11] `retire` removes the engine's key at once, so that its leases can be taken over; without a key it does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from ee_core.model.ids import BotId, EngineId


class LeaseState(StrEnum):
    """What the record says of the bot."""

    FREE = "free"  # nobody's, or its holder knows it idle
    HELD = "held"  # the holder uses it
    DRAINING = "draining"  # may still work on an attempt that has ended
    UNKNOWN = "unknown"  # taken over, the bot has not answered yet
    QUARANTINED = "quarantined"  # an operator decides


@dataclass(frozen=True, slots=True)
class LockRecord:
    """A bot's record as stored."""

    bot: BotId  # whose record it is
    holder: EngineId | None  # None: released
    lease: int  # the highest lease number ever given for this bot
    state: LeaseState  # what is known of the bot
    reason: str = ""  # why it is quarantined


@dataclass(frozen=True, slots=True)
class Lease:
    """A record that is ours, with the revision that proves it; replaced by every `write`."""

    record: LockRecord  # as it was written last
    revision: str  # opaque


@dataclass(frozen=True, slots=True)
class LockTraits:
    """What the engine may rely on."""

    shared: bool  # engines of other processes see the same records
    durable: bool  # records survive the end of all engines


@runtime_checkable
class LockProvider(Protocol):
    """A provider, open inside its context and used by one engine; safe to use from many tasks of one loop."""

    @property
    def traits(self) -> LockTraits:
        """Fixed while open."""

    async def __aenter__(self) -> Self:
        """Open the records.

        The plugin's hook returns the object unopened and touches nothing; whoever uses it says `async with`.
        Opening twice, or again after closing, is an error.

        Raises:
            ConfigError: A setting is wrong.
            LockUnavailableError: Not to be reached. Retryable.
        """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `close`; hides no exception."""

    async def keep_alive(self, engine: EngineId, *, ttl_s: float) -> None:
        """Renew the engine's key; the first call makes it.

        Raises:
            LockLostError: The key had expired since the last call: others may have taken the leases.
            LockUnavailableError: No answer in time; it may be renewed. Retryable.
        """

    async def retire(self, engine: EngineId) -> None:
        """Remove the engine's key."""

    async def is_alive(self, engine: EngineId) -> bool:
        """Say whether the engine's key lives."""

    async def take(
        self, bot: BotId, *, engine: EngineId, now_us: int, floor: int, even_quarantined: bool = False
    ) -> Lease:
        """Take a bot's lock now or raise; never waits.

        Args:
            floor: The bot's own highest fence + 1, or 0 when it is not known.
            even_quarantined: An operator wants the bot back.

        Raises:
            LockHeldError: A living engine has it, or it is quarantined; nothing changed.
            LockUnavailableError: No answer in time; it may be ours. Retryable.
        """

    async def write(self, lease: Lease, state: LeaseState, reason: str = "") -> Lease:
        """Change the state of a lease.

        Raises:
            LockLostError: The record is no longer ours.
            LockUnavailableError: No answer in time; it may be written. Retryable.
        """

    async def release(self, lease: Lease) -> None:
        """Give the bot back; the lease number stays in the record.

        Raises:
            LockLostError: The record is no longer ours. After a call without answer: that one was done, and
                another has the bot by now; or it was lost before. There is nothing left to give back.
            LockUnavailableError: No answer in time; it may be given back. Retryable.
        """

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[LockRecord]]:
        """Follow all records."""

    async def close(self) -> None:
        """Give up the connection; idempotent."""
