"""The engine's broker, seen by hooks: every publish and every delivery is told of, after the fact.

It changes nothing: bodies, headers and acknowledgements pass as they are. An engine whose hooks do not listen uses
the broker itself.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from ee_core.contracts.hooks import Direction, MessageOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType
    from typing import Self

    from ee_core.contracts.broker import Broker, BrokerTraits, Channel, Delivery
    from ee_core.messages.subjects import Subjects


class Note(Protocol):
    """Tells the hooks of one message."""

    def __call__(
        self,
        direction: Direction,
        subject: str,
        size: int,
        headers: Mapping[str, str],
        outcome: MessageOutcome,
    ) -> None: ...


class WatchedBroker:
    """A broker that is already open; whoever opened it closes it."""

    def __init__(self, broker: Broker, subjects: Subjects, note: Note) -> None:
        self._broker = broker
        self._subjects = subjects
        self._note = note

    @property
    def traits(self) -> BrokerTraits:
        return self._broker.traits

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def publish(
        self,
        channel: Channel,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        dedupe: str | None = None,
    ) -> None:
        outcome = MessageOutcome.FAILED
        try:
            await self._broker.publish(channel, body, headers=headers, dedupe=dedupe)
            outcome = MessageOutcome.PUBLISHED
        finally:
            self._note(Direction.OUT, self._subjects.tail(channel.subject), len(body), headers or {}, outcome)

    @asynccontextmanager
    async def consume(
        self, channel: Channel, *, group: str, prefetch: int = 256
    ) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with self._broker.consume(channel, group=group, prefetch=prefetch) as deliveries:
            yield _WatchedDeliveries(deliveries, self._tell)

    def _tell(self, delivery: Delivery, outcome: MessageOutcome) -> None:
        subject = self._subjects.tail(delivery.subject)
        self._note(Direction.IN, subject, len(delivery.body), delivery.headers, outcome)

    async def request(self, subject: str, body: bytes, *, timeout_s: float) -> bytes:
        return await self._broker.request(subject, body, timeout_s=timeout_s)

    def respond(
        self, subject: str, answer: Callable[[bytes], Awaitable[bytes]]
    ) -> AbstractAsyncContextManager[object]:
        return self._broker.respond(subject, answer)

    async def close(self) -> None:
        return None


class _WatchedDeliveries:
    """A consumer's iterator; no generator, which would be at its end once who waits for the next was cancelled [B18]."""

    __slots__ = ("_deliveries", "_tell")

    def __init__(
        self, deliveries: AsyncIterator[Delivery], tell: Callable[[Delivery, MessageOutcome], None]
    ) -> None:
        self._deliveries = deliveries
        self._tell = tell

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        delivery = await self._deliveries.__anext__()
        self._tell(delivery, MessageOutcome.RECEIVED if delivery.attempt == 1 else MessageOutcome.REDELIVERED)
        return _WatchedDelivery(delivery, self._tell)


class _WatchedDelivery:
    """A delivery that says so when it is set aside."""

    __slots__ = ("_delivery", "_tell")

    def __init__(self, delivery: Delivery, tell: Callable[[Delivery, MessageOutcome], None]) -> None:
        self._delivery = delivery
        self._tell = tell

    @property
    def subject(self) -> str:
        return self._delivery.subject

    @property
    def body(self) -> bytes:
        return self._delivery.body

    @property
    def headers(self) -> Mapping[str, str]:
        return self._delivery.headers

    @property
    def attempt(self) -> int:
        return self._delivery.attempt

    @property
    def origin(self) -> str:
        return self._delivery.origin

    @property
    def reply_to(self) -> str | None:
        return self._delivery.reply_to

    async def ack(self) -> None:
        await self._delivery.ack()

    async def retry(self, *, delay_s: float = 0.0) -> None:
        await self._delivery.retry(delay_s=delay_s)

    async def reject(self, reason: str) -> None:
        self._tell(self._delivery, MessageOutcome.POISON)
        await self._delivery.reject(reason)
