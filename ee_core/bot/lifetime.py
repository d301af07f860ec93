"""How a host lives: it opens, serves, is told to leave, and has left. Bots and workers share it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How long a host takes to leave."""

    stop_grace_s: float = 5.0  # for an attempt to stop
    ack_grace_s: float = 5.0  # for a bot's last response to be acknowledged


class Lifetime(ABC):
    """A host, alive from `run` or `async with` until it has left; used once."""

    def __init__(self, name: str) -> None:
        self._name = name  # of its tasks
        self._runner: asyncio.Task[None] | None = None
        self._is_ready = self._is_draining = self._is_stopping = False
        self._changed = asyncio.Event()  # something that `_until` may wait for

    def drain(self) -> None:
        """Finish what runs, then leave; returns at once, idempotent."""
        self._is_draining = True
        self._changed.set()

    def stop(self) -> None:
        """Stop what runs, then leave; returns at once, idempotent."""
        self._is_stopping = True
        self.drain()

    async def run(self) -> None:
        """Serve until `drain` or `stop`, or until it is cancelled, which is as `stop`.

        Raises:
            BrokerUnavailableError: The broker was closed.
            LedgerError: A bot's ledger could not be read at the start.
        """
        try:
            async with AsyncExitStack() as consumers:
                await self._serve(consumers)
        except BaseExceptionGroup as group:
            raise first_of(group) from group
        finally:
            self._is_draining = True
            self._changed.set()

    async def __aenter__(self) -> Self:
        """Return when it takes messages."""
        self._runner = asyncio.create_task(self.run(), name=self._name)
        await self._until(lambda: self._is_ready or self._is_draining)
        if self._runner.done():
            await self._runner  # it raises
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, if it was not told to leave before, and wait until it has left."""
        if not self._is_draining:
            self.stop()
        await self.wait_left()

    async def wait_left(self) -> None:
        """Wait until a host opened with `async with` has left; raises what `run` raises."""
        if self._runner is not None:
            await self._runner

    @abstractmethod
    def works_on(self) -> list[str]:
        """Name the attempts that run here now, for people."""

    @property
    def owes(self) -> bool:
        """Whether a response is kept that the engine has not acknowledged."""
        return False

    @abstractmethod
    async def _serve(self, consumers: AsyncExitStack) -> None:
        """Open consumers, call `_set_ready`, serve, and return when it has left."""

    def _set_ready(self) -> None:
        self._is_ready = True
        self._changed.set()

    async def _until(self, done: Callable[[], bool], *, timeout_s: float | None = None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error inside a group, whatever groups it is in."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first
