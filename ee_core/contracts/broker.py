"""What a message broker plugin promises.

A broker moves bytes between engine, bots and clients, and knows nothing of jobs. It has four kinds of channel,
and a best-effort request. The conformance kit (`ee_core.testing.broker`) has one test per sentence marked
[Bn] here; change both together.

Subjects are dot-separated tokens. A consumer may name a pattern: ``*`` is one token, a last ``>`` is one or more. What
may stand in a subject and in headers is checked by `ee_core.contracts.envelope`, alike in every broker. The patterns
that are consumed on one kind of channel are equal or disjoint; a broker may refuse others.

[B1] A body published to a *work* channel reaches exactly one of the open consumers of the subject.
[B2] A *work* message published while no consumer is open is kept and delivered to the first that opens.
[B3] A delivery of *work*, *inbox* or *reply* that is neither acked nor rejected comes back with a higher `attempt`:
after `Delivery.retry` when its delay is over and not before, after its consumer was left at once, after a
consumer's process died within `BrokerTraits.redelivery_s`.
[B4] An acked or rejected delivery never comes back, unless connection or broker failed before the broker had obeyed.
[B5] An *inbox* message is held until its one reader reads it, in the order of publishing per subject.
[B6] A *reply* message is held until it is acked; a reader by pattern gets those of all matching subjects, in the order of publishing per subject.
[B7] A *broadcast* reaches every consumer that is open at that moment, and none that opens later; acks mean nothing there.
[B8] `publish` to *work*, *inbox* and *reply* returns only when the broker has accepted the message: what comes after it, comes after it for everybody.
[B9] A body over `BrokerTraits.max_payload` raises `PayloadTooLargeError`, and nothing is sent; a body of that size is delivered.
[B10] `Delivery.origin` is the same for every delivery of one message and differs between messages, also after the broker lost its disk.
[B11] `request` returns the first answer of a `respond`er, or raises `BrokerUnavailableError` when none came within the time.
[B12] Headers arrive as they were sent; the one called ``reply-to`` is `Delivery.reply_to`.
[B13] Leaving a consumer's context gives its unsettled deliveries back, and no message is lost by it. Settling one after that does nothing.
[B14] After `close` every call raises `BrokerUnavailableError`, and every open iterator ends.
[B15] If `traits.durable`, accepted messages of *work*, *inbox* and *reply* survive a restart of the broker, and open consumers go on by themselves.
[B16] `publish` to *work* may be repeated with the same `dedupe` key; within the broker's window the second is accepted and not delivered. A key counts for its subject alone.
[B17] A delivery in the hands of a living consumer does not come back, however long it is held, and at most `prefetch` are in its hands.
[B18] Whoever waits for the next delivery may be cancelled: no message is lost, and the iterator can be read on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType


class ChannelKind(StrEnum):
    """How a channel treats its messages."""

    WORK = "work"  # each message once per group, durable
    INBOX = "inbox"  # one reader, held until read
    REPLY = "reply"  # durable until acknowledged
    BROADCAST = "broadcast"  # best effort


@dataclass(frozen=True, slots=True)
class Channel:
    """A subject, or a pattern of subjects, with the kind it has."""

    kind: ChannelKind  # how its messages are treated
    subject: str  # dot-separated words; `*` and a last `>` make a pattern


@dataclass(frozen=True, slots=True)
class BrokerTraits:
    """What the engine may rely on; read by the engine and by the kit alike."""

    durable: bool  # accepted messages survive a restart of the broker
    shared: bool  # several processes can meet on it
    max_payload: int  # bytes
    redelivery_s: float  # after this time a dead consumer's delivery comes back


class Delivery(Protocol):
    """One message in the hands of one consumer; settle it once, from the consumer's own loop."""

    @property
    def subject(self) -> str:
        """The full subject it was published to."""

    @property
    def body(self) -> bytes:
        """The bytes as published."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case; empty when none were sent."""

    @property
    def attempt(self) -> int:
        """Delivery count of this message as the broker counts, from 1.

        One that a consumer had fetched and never handed out may count, so it is no count of tries.
        """

    @property
    def origin(self) -> str:
        """Where the broker keeps it: stream, position and its own time stamp; at most 200 characters."""

    @property
    def reply_to(self) -> str | None:
        """The header ``reply-to``: where the sender waits for an answer, as a consumer of that broadcast; None if none."""

    async def ack(self) -> None:
        """Settle: done, forget it. Returns when the broker was told, not when it obeyed.

        What was settled already, or given back by leaving its consumer, stays as it is.

        Raises:
            BrokerUnavailableError: The broker object is closed. Likewise with the other two.
        """

    async def retry(self, *, delay_s: float = 0.0) -> None:
        """Give it back; it is delivered again after the delay."""

    async def reject(self, reason: str) -> None:
        """Settle a message that nobody can use; the broker keeps it aside where it can."""


@runtime_checkable
class Broker(Protocol):
    """A connection, open inside its context; safe to use from many tasks of one loop. See the module for its clauses."""

    @property
    def traits(self) -> BrokerTraits:
        """Fixed while open."""

    async def __aenter__(self) -> Self:
        """Connect.

        The plugin's hook returns the object unopened and touches nothing; whoever uses it says `async with`.
        Opening twice, or again after closing, is an error.

        Raises:
            ConfigError: A setting is wrong.
            BrokerUnavailableError: Not to be reached, or it refused us. Retryable.
        """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `close`; hides no exception."""

    async def publish(
        self,
        channel: Channel,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        dedupe: str | None = None,
    ) -> None:
        """Hand over one message.

        Args:
            channel: Its subject is no pattern.
            headers: Names of ``[a-z0-9-]``, printable values.
            dedupe: At most 128 characters; [B16]. Means nothing for a broadcast.

        Raises:
            MessageError: Subject or headers are not usable; nothing was sent.
            PayloadTooLargeError: Nothing was sent.
            BrokerUnavailableError: Not accepted in time; it may have arrived all the same. Retryable.
        """

    def consume(
        self, channel: Channel, *, group: str, prefetch: int = 256
    ) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Open a consumer, inside the context that this returns.

        The iterator is read by one task. When it has ended (the context was left, or the broker closed) it stays ended.

        Args:
            channel: May hold a pattern.
            group: A name for brokers that want one; all consumers of a channel give the same.
            prefetch: Most deliveries in hand and unsettled. Not counted for a broadcast.

        Raises:
            MessageError: The pattern is not usable.
            BrokerUnavailableError: At entering; not to be reached. Retryable.
            BrokerError: At entering; the pattern overlaps another's.
        """

    async def request(self, subject: str, body: bytes, *, timeout_s: float) -> bytes:
        """Ask whoever answers on a subject; best effort.

        Raises:
            BrokerUnavailableError: Nobody answered in time.
        """

    def respond(
        self, subject: str, answer: Callable[[bytes], Awaitable[bytes]]
    ) -> AbstractAsyncContextManager[object]:
        """Answer requests on a subject while the context is open; an exception of `answer` is logged, not sent."""

    async def close(self) -> None:
        """Give up all consumers and the connection; idempotent."""
