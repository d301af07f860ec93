"""A lock provider that may be out of reach, or change a record and lose the answer.

One stands before each engine's own provider, and lets nothing through once that engine's process is dead.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from ee_core.errors import LockUnavailableError
from ee_core.simulation.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from ee_core.contracts.lock import Lease, LeaseState, LockProvider, LockRecord, LockTraits
    from ee_core.model.ids import BotId, EngineId
    from ee_core.simulation.life import Life


class LockWeather:
    """How the lock's server fares; one for all engines.

    Attributes:
        is_down: Nobody reaches it.
        writer: Whose write the records see now.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.is_down = False
        self.writer: Life | None = None


class FaultyLock:
    """Keeps the contract `LockProvider` as long as no fault is on."""

    def __init__(self, inner: LockProvider, weather: LockWeather, life: Life) -> None:
        self._inner = inner
        self._weather = weather
        self._life = life

    async def __aenter__(self) -> Self:
        self._life.check(LockUnavailableError)
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def traits(self) -> LockTraits:
        return self._inner.traits

    async def keep_alive(self, engine: EngineId, *, ttl_s: float) -> None:
        self._before("keep_alive")
        await self._inner.keep_alive(engine, ttl_s=ttl_s)
        self._after("keep_alive")

    async def retire(self, engine: EngineId) -> None:
        self._before("retire")
        await self._inner.retire(engine)
        self._after("retire")

    async def is_alive(self, engine: EngineId) -> bool:
        self._before("is_alive")
        return await self._inner.is_alive(engine)

    async def take(
        self, bot: BotId, *, engine: EngineId, now_us: int, floor: int, even_quarantined: bool = False
    ) -> Lease:
        self._before("take")
        lease = await self._inner.take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )
        self._after("take")
        return lease

    async def write(self, lease: Lease, state: LeaseState, reason: str = "") -> Lease:
        self._before("write")
        written = await self._inner.write(lease, state, reason)
        self._after("write")
        return written

    async def release(self, lease: Lease) -> None:
        self._before("release")
        await self._inner.release(lease)
        self._after("release")

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[LockRecord]]:
        self._before("watch")
        async with self._inner.watch() as records:
            yield records

    async def close(self) -> None:
        await self._inner.close()

    def _before(self, call: str) -> None:
        self._life.check(LockUnavailableError)
        if self._weather.is_down or self._weather.faults.hits(Fault.LOCK_FAILED, call):
            raise LockUnavailableError(f"{call}: no answer from the lock's server")
        self._weather.writer = self._life

    def _after(self, call: str) -> None:
        self._life.check(LockUnavailableError)
        if self._weather.faults.hits(Fault.LOCK_UNKNOWN, call):
            raise LockUnavailableError(f"{call}: the answer of the lock's server did not come")
