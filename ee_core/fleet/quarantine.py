"""Which bots an operator must see to, as the lock's records say: no engine uses them.

The lock is the truth, and this follows it, so that a quarantine outlives every engine and counts in all of them. A
record that comes late says nothing: a quarantine ends only with a higher lease number than it was written under.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ee_core.contracts.lock import LeaseState
from ee_core.contracts.outage import level_of
from ee_core.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.contracts.lock import LockProvider, LockRecord
    from ee_core.model.ids import BotId

_log = logging.getLogger(__name__)
_AGAIN_S = 2.0


class Quarantine:
    """The quarantined bots with their reasons.

    Args:
        on_change: Called after a bot was added or let go.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._reasons: dict[BotId, str] = {}
        self._leases: dict[BotId, int] = {}  # under which the last news was written

    def __contains__(self, bot: BotId) -> bool:
        return bot in self._reasons

    def bots(self) -> list[BotId]:
        """List them, by id."""
        return sorted(self._reasons)

    def reason(self, bot: BotId) -> str | None:
        """Return why a bot is quarantined; None when it is not."""
        return self._reasons.get(bot)

    def note(self, record: LockRecord) -> None:
        """Take in a record as it was written."""
        bot, known = record.bot, self._leases.get(record.bot, 0)
        if record.lease < known:
            return
        if record.state is LeaseState.QUARANTINED:
            self._leases[bot] = record.lease
            if bot not in self._reasons:
                self._reasons[bot] = record.reason or "no reason was given"
                _log.warning(
                    "bot %s is quarantined: %s; see to it, then `eectl bot release %s`",
                    bot,
                    self._reasons[bot],
                    bot,
                    extra={"action": "bot_quarantined", "bot": bot},
                )
                self._on_change()
        elif bot in self._reasons and record.lease > known:
            self._leases[bot] = record.lease
            del self._reasons[bot]
            _log.warning("bot %s is quarantined no more", bot, extra={"action": "bot_released", "bot": bot})
            self._on_change()

    async def follow(self, lock: LockProvider) -> None:
        """Take in every record and every change, until cancelled."""
        while True:
            try:
                async with lock.watch() as records:
                    async for record in records:
                        self.note(record)
            except LockError as error:
                # a quarantined bot is not to be had meanwhile either: the lock refuses it
                _log.log(
                    level_of(error),
                    "lock records are not seen: %s",
                    error,
                    extra={"action": "lock_watch_late"},
                )
            await asyncio.sleep(_AGAIN_S)
