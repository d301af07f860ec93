"""What the lock kit needs besides a provider: records that several engines open, a restart, a loss; what a watch has shown."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ee_core.contracts.lock import LockProvider, LockRecord
    from ee_core.model.ids import BotId


class LockStore:
    """The records of one namespace, none at first. A plugin's author derives from it and says how to open it.

    What cannot be done to a store from outside is left as it is here; then the test is skipped with that reason.
    """

    def connect(self) -> LockProvider:
        """Return a provider on these records, not opened; each call as for another engine."""
        raise NotImplementedError(f"{type(self).__name__} must override connect")

    async def restart(self) -> None:
        """End what keeps the records as a crash would, and start it again.

        Where the traits say shared, providers may be open meanwhile and go on; else all are closed.
        """
        pytest.skip(
            f"{type(self).__name__} does not override restart, so what is kept over one is not tested"
        )

    async def lose(self) -> None:
        """The same, with all records and keys gone."""
        pytest.skip(f"{type(self).__name__} does not override lose, so a loss is not tested")


class Seen:
    """What a watch has yielded, in order."""

    def __init__(self) -> None:
        self.records: list[LockRecord] = []
        self.error: BaseException | None = None  # what the watch ended with
        self._more = asyncio.Condition()

    def last(self, bot: BotId) -> LockRecord | None:
        """Return a bot's last record; None when there was none."""
        return next((record for record in reversed(self.records) if record.bot == bot), None)

    async def until(self, reached: Callable[[Seen], bool], *, within_s: float, what: str) -> None:
        """Wait for something to be seen; fail when it is not in time."""
        try:
            async with asyncio.timeout(within_s), self._more:
                await self._more.wait_for(lambda: reached(self))
        except TimeoutError:
            pytest.fail(
                f"the watch did not show {what} within {within_s} s, but {self.records} ({self.error!r})"
            )

    async def follow(self, changes: AsyncIterator[LockRecord]) -> None:
        """Read until the watch ends."""
        try:
            async for record in changes:
                async with self._more:
                    self.records.append(record)
                    self._more.notify_all()
        except Exception as error:  # noqa: BLE001 - whatever ends a watch is what a test looks at
            self.error = error
        async with self._more:
            self._more.notify_all()


@asynccontextmanager
async def watching(provider: LockProvider) -> AsyncIterator[Seen]:
    """Follow a provider's records beside the test."""
    seen = Seen()
    async with provider.watch() as changes:
        task = asyncio.create_task(seen.follow(changes))
        try:
            yield seen
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
