"""What every consumer of this plugin is read by: an iterator that is filled from the client's callback."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from ee_core.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class Leavable(Protocol):
    """A consumer or responder in its context; the broker keeps a list of them, to end them when it closes."""

    async def leave(self) -> None:
        """End; idempotent."""


class Mailbox(Generic[_T]):
    """An iterator without a limit of its own, read by one task; who waits for the next may be cancelled."""

    def __init__(self) -> None:
        self._ready: deque[_T] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._failure: Callable[[], Exception] | None = None

    def put(self, item: _T) -> None:
        """Add one; nothing happens after the end."""
        if not self._ended:
            self._ready.append(item)
            self._wake()

    def clear(self) -> None:
        """Forget what nobody has taken."""
        self._ready.clear()

    def end(self, failure: Callable[[], Exception] | None = None) -> None:
        """End the iterator now; with an error, if one is made."""
        if not self._ended:
            self._ended = True
            self._failure = failure
            self._ready.clear()
            self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        while not self._ready:
            if self._failure is not None:
                raise self._failure()
            if self._ended:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise BrokerError("one consumer is read by two tasks; open one for each")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._ready.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
