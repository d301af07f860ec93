"""Engines as processes: the real engine over drivers that stand behind gates."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ee_core.bot.secrets import AsWritten
from ee_core.engine import Parts
from ee_core.engine.engine import Engine
from ee_core.errors import EngineError, JournalConflictError, PartitionQuarantinedError
from ee_core.local.lock import MemoryLock
from ee_core.local.memory_journal import MemoryJournal
from ee_core.simulation import lines
from ee_core.simulation.faulty_broker import FaultyBroker
from ee_core.simulation.faulty_journal import FaultyJournal
from ee_core.simulation.faulty_lock import FaultyLock
from ee_core.simulation.life import Life

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from ee_core.contracts.catalogue import CatalogueEntry
    from ee_core.definitions import Definition
    from ee_core.local.lock_table import LockTable
    from ee_core.local.memory_journal import MemoryStore
    from ee_core.simulation.bots import Surroundings
    from ee_core.simulation.faulty_journal import JournalWeather
    from ee_core.simulation.faulty_lock import LockWeather
    from ee_core.simulation.registry import SimulatedRegistry

# What a text means depends on nothing but the types, which are the same in all runs, and reading it takes long.
_LOADED: dict[tuple[bytes, bytes | None], Definition] = {}


def remember(content: Any, bindings: Any, definition: Definition) -> None:
    """Let every engine of this process load a command's workflow as it was loaded elsewhere."""
    bound = json.dumps(bindings).encode() if bindings is not None else None
    _LOADED[json.dumps(content).encode(), bound] = definition


class EngineLife:
    """One life of an engine.

    Attributes:
        engine: None until it is made.
        is_ready: It takes commands.
    """

    def __init__(
        self,
        name: str,
        around: Surroundings,
        store: MemoryStore,
        table: LockTable,
        journal_weather: JournalWeather,
        lock_weather: LockWeather,
        registry: SimulatedRegistry,
        *,
        despite_poison: bool = False,
    ) -> None:
        self.life = Life(name)
        self.engine: Engine | None = None
        self.is_ready = False
        self.env = around.make_env()
        self._around = around
        self._registry = registry
        self._despite_poison = despite_poison
        self._journal = FaultyJournal(MemoryJournal(store), journal_weather, self.life)
        self._lock = FaultyLock(MemoryLock(self.env, table=table), lock_weather, self.life)
        self._stop = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.life.is_running

    def start(self) -> None:
        """Begin; returns at once."""
        self.life.start(self._run())

    async def stop(self) -> None:
        """End it as a service is ended, and wait for that."""
        self._stop.set()
        if self.life.main is not None:
            await asyncio.wait({self.life.main})

    async def kill(self) -> None:
        """Let it die at once."""
        was_running = self.is_running
        await self.life.kill()
        if was_running:
            self._around.recorder.engine_ended(self.life, "killed")

    async def _run(self) -> None:
        around = self._around
        self.engine = Engine(self._make_parts(), despite_poison=self._despite_poison)
        self.engine.workflows._loaded = _LOADED
        around.recorder.engines[self.life] = self.engine.id
        around.recorder.add(lines.EngineStarted, engine=self.engine.id)
        try:
            async with self._journal, self._lock, self.engine.running():
                self.is_ready = True
                await self.engine.until_stopped(self._stop.wait())
        except (EngineError, BaseExceptionGroup) as error:
            self._ended(error)
        else:
            self._ended(None)

    def _ended(self, error: BaseException | None) -> None:
        if self.life.is_dead:
            return  # `kill` says so
        self._around.recorder.engine_ended(self.life, _how(error), "" if error is None else repr(error))

    def _make_parts(self) -> Parts:
        around, registry = self._around, self._registry
        return Parts(
            settings=registry.settings,
            env=self.env,
            registry=registry,
            policies=registry.policies,
            subjects=around.subjects,
            broker=FaultyBroker(around.broker, around.network, self.life),
            lock=self._lock,
            journal=self._journal,
            catalogue=EmptyCatalogue(),
            secrets=AsWritten(),
        )


class EmptyCatalogue:
    """No files: in a simulation commands bring their workflows along."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    async def find(self, name: str, version: str = "") -> CatalogueEntry | None:
        return None

    async def list(self) -> list[CatalogueEntry]:
        return []

    async def close(self) -> None:
        return None


def _how(error: BaseException | None) -> str:
    if error is None:
        return "stopped"
    if _is_conflict(error):
        return "lost"
    if _is_quarantine(error):
        return "quarantined"
    return "unavailable" if _is_unavailable(error) else "failed"


def _is_quarantine(error: BaseException) -> bool:
    """Say whether an operator must look at the partition first."""
    if isinstance(error, BaseExceptionGroup):
        return any(_is_quarantine(each) for each in error.exceptions)
    return isinstance(error, PartitionQuarantinedError)


def _is_unavailable(error: BaseException) -> bool:
    """Say whether all that went wrong is that a part was not to be reached, and may be again."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_unavailable(each) for each in error.exceptions)
    return any(isinstance(each, EngineError) and each.retryable for each in _causes(error))


def _is_conflict(error: BaseException) -> bool:
    """Say whether another engine has the partition."""
    if isinstance(error, BaseExceptionGroup):
        return any(_is_conflict(each) for each in error.exceptions)
    return any(isinstance(each, JournalConflictError) for each in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from; not the group that it was found in, which names it in turn."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, BaseExceptionGroup):
        yield cause
        cause = cause.__cause__
