"""The network as one process sees it: messages get lost, doubled, late, out of order, and sometimes nothing gets through.

What may be lost is what the design says is healed end to end: `activity.*` and broadcasts. A command that was accepted
is never lost, but its sender may be told nothing. A script may also let any message come twice, or long after. One `FaultyBroker` stands between each process and the broker; what
is under way belongs to no process, so a message that was sent arrives though its sender died.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from ee_core.contracts.broker import Broker, BrokerTraits, Channel, ChannelKind, Delivery
from ee_core.errors import BrokerUnavailableError
from ee_core.simulation.faults import Fault, Faults
from ee_core.simulation.life import Life, outside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

_RESTARTS: Final = "x-simulated-restarts"
_HEALED: Final = ("activity.", "bots.", "jobs.events.", "_INBOX.")  # repeated by whoever needs an answer

HELD_S: Final = (
    20.0  # a message that a script lets come late: after time-outs of accept and heartbeat, and a restart
)

Sent = tuple[Channel, bytes, "Mapping[str, str] | None", "str | None"]


class Network:
    """What all processes of a simulation have between them.

    Args:
        nature: Carries what is under way; outlives every process.
        on_try: Told of each message that somebody wants to send, whatever becomes of it.
        on_send: Told of each message that the broker takes.
        on_settle: Told of each that its reader is done with, also when the broker does not hear of that.
    """

    def __init__(
        self,
        faults: Faults,
        nature: Life,
        *,
        on_try: Callable[[str, bytes], None] = lambda subject, body: None,
        on_send: Callable[[Life, str, bytes], None] = lambda life, subject, body: None,
        on_settle: Callable[[Life, str, bytes], None] = lambda life, subject, body: None,
    ) -> None:
        self.faults = faults
        self.nature = nature
        self.on_try = on_try
        self.on_send = on_send
        self.on_settle = on_settle
        self.restarts = 0
        self.under_way = 0  # messages that come later
        self._lost_before = 0  # messages of earlier restarts than this are gone
        self._up = asyncio.Event()
        self._up.set()

    @property
    def is_down(self) -> bool:
        """Nothing gets through."""
        return not self._up.is_set()

    def go_down(self) -> None:
        """Let nothing through."""
        self._up.clear()

    def come_up(self, *, empty: bool = False) -> None:
        """Let everything through again; `empty`: what it had of `activity.*` is gone."""
        self.restarts += 1
        if empty:
            self._lost_before = self.restarts
        self._up.set()

    async def wait_up(self) -> None:
        """Wait until something gets through."""
        await self._up.wait()

    def has_lost(self, delivery: Delivery) -> bool:
        """Say whether a message went with a restart."""
        if not self._lost_before or "activity." not in delivery.subject:
            return False
        return int(delivery.headers.get(_RESTARTS, "0")) < self._lost_before

    async def carry(self, inner: Broker, life: Life, sent: Sent) -> None:
        """Bring a message to the broker, or not.

        Raises:
            BrokerUnavailableError: The sender is told that it may not have arrived.
        """
        channel, body, headers, dedupe = sent
        faults, subject = self.faults, channel.subject
        if faults.hits(Fault.SEND_FAILED, subject):
            raise BrokerUnavailableError(f"{subject}: no answer from the broker")
        self.on_send(life, subject, body)
        if self.restarts:
            sent = channel, body, {**(headers or {}), _RESTARTS: str(self.restarts)}, dedupe
        if faults.strikes(Fault.MESSAGE_LATE, subject):
            self._put_later(inner, sent, HELD_S)
        elif _is_healed(subject):
            await self._carry_badly(inner, sent)
        else:
            if faults.strikes(Fault.MESSAGE_DOUBLED, subject):
                self._put_later(inner, sent, 0.0)
            await self._put(inner, sent)
        if channel.kind is not ChannelKind.BROADCAST and faults.hits(Fault.SEND_UNKNOWN, subject):
            raise BrokerUnavailableError(f"{subject}: the broker's answer did not come")

    async def _carry_badly(self, inner: Broker, sent: Sent) -> None:
        channel, body, headers, _ = sent
        faults, subject = self.faults, channel.subject
        if faults.hits(Fault.MESSAGE_LATE, subject):
            self._put_later(inner, sent, faults.chance(Fault.MESSAGE_LATE).uniform(5.0, 60.0))
        if "activity.response" in subject and faults.hits(Fault.MESSAGE_GARBLED, subject):
            garbled = garble(body, faults.chance(Fault.MESSAGE_GARBLED).randrange(_GARBLINGS))
            self._put_later(inner, (channel, garbled, headers, None), 0.0)
        if faults.hits(Fault.MESSAGE_LOST, subject):
            return
        if faults.hits(Fault.MESSAGE_DOUBLED, subject):
            self._put_later(inner, sent, 0.0)
        if faults.hits(Fault.MESSAGE_DELAYED, subject):
            self._put_later(inner, sent, faults.chance(Fault.MESSAGE_DELAYED).expovariate(1.0))
        else:
            await self._put(inner, sent)

    async def _put(self, inner: Broker, sent: Sent) -> None:
        channel, body, headers, dedupe = sent
        await inner.publish(channel, body, headers=headers, dedupe=dedupe)

    def _put_later(self, inner: Broker, sent: Sent, delay_s: float) -> None:
        async def put() -> None:
            await asyncio.sleep(delay_s)
            await self.wait_up()
            await self._put(inner, sent)
            self.under_way -= 1

        self.under_way += 1
        self.nature.start(put())


class FaultyBroker:
    """Keeps the contract `Broker` as long as no fault is on."""

    def __init__(self, inner: Broker, network: Network, life: Life) -> None:
        self._inner = inner
        self._network = network
        self._life = life

    @property
    def traits(self) -> BrokerTraits:
        return self._inner.traits

    async def __aenter__(self) -> Self:
        self.check()
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def publish(
        self,
        channel: Channel,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        dedupe: str | None = None,
    ) -> None:
        self._network.on_try(channel.subject, body)
        self.check()
        await self._network.carry(self._inner, self._life, (channel, body, headers, dedupe))

    @asynccontextmanager
    async def consume(
        self, channel: Channel, *, group: str, prefetch: int = 256
    ) -> AsyncIterator[AsyncIterator[Delivery]]:
        self.check()
        async with self._inner.consume(channel, group=group, prefetch=prefetch) as deliveries:
            yield _Reading(deliveries, self, self._network, self._life)

    async def request(self, subject: str, body: bytes, *, timeout_s: float) -> bytes:
        self.check()
        return await self._inner.request(subject, body, timeout_s=timeout_s)

    def respond(
        self, subject: str, answer: Callable[[bytes], Awaitable[bytes]]
    ) -> AbstractAsyncContextManager[object]:
        self.check()

        async def answer_here(body: bytes) -> bytes:
            # as the process that answers: when it stands still, so does its answer
            async def work() -> bytes:
                return await answer(body)

            return await self._life.start(work())

        return self._inner.respond(subject, answer_here if self._life.main else answer)

    async def close(self) -> None:
        await self._inner.close()

    def check(self) -> None:
        """Pass, unless the process is dead or the network down."""
        self._life.check(BrokerUnavailableError)
        if self._network.is_down:
            raise BrokerUnavailableError("the network is down")


class _Reading:
    """The iterator of one consumer."""

    def __init__(
        self, deliveries: AsyncIterator[Delivery], broker: FaultyBroker, network: Network, life: Life
    ) -> None:
        self._deliveries = deliveries
        self._broker = broker
        self._network = network
        self._life = life
        self._next: Delivery | None = None  # come, and not handed out while the network is down

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        while True:
            if self._next is None:
                self._next = await anext(self._deliveries)
            await self._network.wait_up()
            delivery, self._next = self._next, None
            if not self._network.has_lost(delivery):
                return _FaultyDelivery(delivery, self._broker, self._network, self._life)
            await delivery.ack()


class _FaultyDelivery:
    """A delivery whose settling may not reach the broker."""

    __slots__ = ("_broker", "_delivery", "_life", "_network")

    def __init__(self, delivery: Delivery, broker: FaultyBroker, network: Network, life: Life) -> None:
        self._delivery = delivery
        self._broker = broker
        self._network = network
        self._life = life

    @property
    def subject(self) -> str:
        return self._delivery.subject

    @property
    def body(self) -> bytes:
        return self._delivery.body

    @property
    def headers(self) -> Mapping[str, str]:
        headers = self._delivery.headers
        if _RESTARTS not in headers:
            return headers
        return {name: value for name, value in headers.items() if name != _RESTARTS}

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
        self._note_settled()
        self._broker.check()
        if self._network.faults.hits(Fault.ACK_LOST, self.subject):
            with outside():
                await self._delivery.retry(
                    delay_s=self._network.faults.chance(Fault.ACK_LOST).uniform(0.0, 30.0)
                )
            return
        await self._delivery.ack()

    async def retry(self, *, delay_s: float = 0.0) -> None:
        self._broker.check()
        with outside():
            await self._delivery.retry(delay_s=delay_s)

    async def reject(self, reason: str) -> None:
        self._note_settled()
        self._broker.check()
        await self._delivery.reject(reason)

    def _note_settled(self) -> None:
        self._life.check(BrokerUnavailableError)
        self._network.on_settle(self._life, self.subject, self.body)


# -- what nobody sent ----------------------------------------------------------------------------------------------

_CHANGES: Final[tuple[dict[str, Any], ...]] = (
    {"v": 7},
    {"job": "nobodys"},
    {"visit": "nowhere#1"},
    {"visit": 5},
    {"attempt": 0},
    {"kind": "exploded"},
    {"fence": [1, 1]},
    {"fence": [9_007_199_254_740_993, 1]},
    {"fence": "yes"},
)
_GARBLINGS: Final = len(_CHANGES) + 3


def garble(body: bytes, way: int) -> bytes:
    """Return a response as something that no bot said: another job's, another fence's, or no message at all."""
    if way < len(_CHANGES):
        return json.dumps(json.loads(body) | _CHANGES[way]).encode()
    return (body[: len(body) // 2], b"", b"\xff\xfe")[way - len(_CHANGES)]


def _is_healed(subject: str) -> bool:
    """Say whether a message may be lost: whoever needs what it says asks again."""
    return any(part in subject for part in _HEALED)
