"""The bot lock inside one process: for engines whose bots live in the same process.

It keeps the same records and numbers as a shared provider, so nothing in the engine knows the difference; with the
setting `path` they survive the process. Engines of other processes do not see them, so it goes with the memory broker
alone. It uses no thread and takes no delays, and therefore runs in virtual time.

Rules and memory are in `ee_core.local.lock_table`, the file in `ee_core.local.lock_file`.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from ee_core.contracts.lock import LeaseState, LockTraits
from ee_core.errors import ConfigError, LockError, LockUnavailableError
from ee_core.hookspecs import hookimpl
from ee_core.local.lock_file import LockFile
from ee_core.local.lock_table import LockTable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from ee_core.contracts.env import Env
    from ee_core.contracts.lock import Lease, LockRecord
    from ee_core.model.ids import BotId, EngineId

EE_API: Final = 1


@hookimpl
def ee_open_lock(settings: Mapping[str, Any], env: Env) -> MemoryLock:
    """Make one; the only setting is `path`, of the file that keeps the records: without it nothing is kept."""
    unknown = sorted(set(settings) - {"path"})
    if unknown:
        raise ConfigError(f"lock 'memory' has no setting {unknown[0]!r}; it has 'path'")
    path = settings.get("path", "")
    if not isinstance(path, str | Path):
        raise ConfigError(f"lock setting path is {path!r}; use the path of a file, or leave it out")
    return MemoryLock(env, path=Path(path) if path != "" else None)


class MemoryLock:
    """Keeps the contract `LockProvider` inside one process and one loop.

    Args:
        path: Of the file that keeps the records; None keeps nothing.
        table: Shared by the providers of several engines in one simulation; goes without `path`.
    """

    def __init__(self, env: Env, *, path: Path | None = None, table: LockTable | None = None) -> None:
        assert path is None or table is None, "a shared table has no file"
        self.traits = LockTraits(shared=False, durable=path is not None)
        self._env = env
        self._path = path
        self._file: LockFile | None = None
        self._table = table
        self._state = "new"  # then open, then closed
        self._watches: dict[_Watch, None] = {}  # ordered, unlike a set

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise LockError("this memory lock was opened before; make a new one")
        if self._path is not None:
            self._file = LockFile(self._path)
            self._table = LockTable(self._env, records=self._file.records, save=self._file.save)
        elif self._table is None:
            self._table = LockTable(self._env)
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def keep_alive(self, engine: EngineId, *, ttl_s: float) -> None:
        self._open().keep_alive(engine, ttl_s)

    async def retire(self, engine: EngineId) -> None:
        self._open().retire(engine)

    async def is_alive(self, engine: EngineId) -> bool:
        return self._open().is_alive(engine)

    async def take(
        self, bot: BotId, *, engine: EngineId, now_us: int, floor: int, even_quarantined: bool = False
    ) -> Lease:
        lease = self._open().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )
        await asyncio.sleep(0)  # after the change: who is cancelled here does not know it, as with a server
        return lease

    async def write(self, lease: Lease, state: LeaseState, reason: str = "") -> Lease:
        written = self._open().write(lease, state, reason)
        await asyncio.sleep(0)
        return written

    async def release(self, lease: Lease) -> None:
        self._open().release(lease)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[LockRecord]]:
        watch = _Watch()
        stop = self._open().add_watcher(watch.put)
        self._watches[watch] = None
        try:
            yield watch
        finally:
            stop()
            del self._watches[watch]

    async def close(self) -> None:
        if self._state == "closed":
            return
        self._state = "closed"
        for watch in self._watches:
            watch.end()
        if self._file is not None:
            self._file.close()

    def _open(self) -> LockTable:
        if self._state != "open" or self._table is None:
            raise LockUnavailableError(f"the memory lock is not open ({self._state})")
        return self._table


class _Watch:
    """An iterator over changes that keeps the last record of each bot alone, for a reader that is slow."""

    def __init__(self) -> None:
        self._waiting: dict[BotId, LockRecord] = {}  # oldest change first
        self._something = asyncio.Event()
        self._ended = False

    def put(self, record: LockRecord) -> None:
        self._waiting.pop(record.bot, None)
        self._waiting[record.bot] = record
        self._something.set()

    def end(self) -> None:
        self._ended = True
        self._something.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LockRecord:
        while not self._waiting and not self._ended:
            self._something.clear()
            await self._something.wait()
        if self._ended:
            raise LockUnavailableError("the memory lock was closed")
        return self._waiting.pop(next(iter(self._waiting)))
