"""What the memory broker hands out: a consumer's context with its iterator, and the deliveries it yields.

Where messages wait is told by the two kinds of reader, in `ee_core.local.queues` and `ee_core.local.broadcast`.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Self

from ee_core.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_log = logging.getLogger(__name__)


class Message:
    """What was published, with its place in the order of all that was."""

    __slots__ = ("attempt", "body", "headers", "number", "origin", "subject")

    def __init__(
        self, subject: str, body: bytes, headers: Mapping[str, str], number: int, origin: str
    ) -> None:
        self.subject = subject
        self.body = body
        self.headers = headers
        self.number = number
        self.origin = origin
        self.attempt = 0  # how often it was handed out


class MemoryDelivery:
    """A message in the hands of one reader: `ee_core.contracts.broker.Delivery`."""

    __slots__ = ("_reader", "attempt", "message")

    def __init__(self, message: Message, reader: Reader) -> None:
        self.message = message
        self.attempt = message.attempt  # the message's own goes on
        self._reader = reader

    @property
    def subject(self) -> str:
        return self.message.subject

    @property
    def body(self) -> bytes:
        return self.message.body

    @property
    def headers(self) -> Mapping[str, str]:
        return self.message.headers

    @property
    def origin(self) -> str:
        return self.message.origin

    @property
    def reply_to(self) -> str | None:
        return self.message.headers.get("reply-to")

    async def ack(self) -> None:
        self._reader.settle(self)

    async def retry(self, *, delay_s: float = 0.0) -> None:
        self._reader.retry(self, delay_s)

    async def reject(self, reason: str) -> None:
        _log.warning(
            "message %s on %s was rejected: %s",
            self.origin,
            self.subject,
            reason,
            extra={"action": "message_rejected"},
        )
        self._reader.settle(self)


class Reader(ABC):
    """A consumer, open inside its context, and its iterator."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.ready: deque[Message] = deque()
        self._state = "new"  # then open, then left
        self._waiter: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise BrokerError(f"the consumer of {self.pattern!r} was opened before; ask for a new one")
        self.join()
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MemoryDelivery:
        while not self.ready:
            if self._state != "open":
                raise StopAsyncIteration
            if self._waiter is not None:
                raise BrokerError(f"the consumer of {self.pattern!r} is read by two tasks; open one for each")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.hand_out(self.ready.popleft())

    def push(self, message: Message) -> None:
        """Take one more; the caller has looked whether there is room."""
        self.ready.append(message)
        self._wake()

    def leave(self) -> None:
        """End; idempotent."""
        if self._state == "open":
            self._state = "left"
            self.part()
            self.ready.clear()
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @abstractmethod
    def join(self) -> None:
        """Take part, from now on."""

    @abstractmethod
    def part(self) -> None:
        """Give back what is ready or handed out, and take no part any more."""

    @abstractmethod
    def hand_out(self, message: Message) -> MemoryDelivery:
        """Make the delivery of a message that was ready."""

    @abstractmethod
    def settle(self, delivery: MemoryDelivery) -> None:
        """Forget it, if it is still this one that is in the user's hands."""

    @abstractmethod
    def retry(self, delivery: MemoryDelivery, delay_s: float) -> None:
        """Give it back, likewise."""
