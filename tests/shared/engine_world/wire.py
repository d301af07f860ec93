"""The broker as one process of an engine test sees it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ee_core.errors import BrokerUnavailableError
from engine_world.order import check_order

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ee_core.contracts.broker import Channel
    from engine_world.life import Life
    from engine_world.world import World


class Wire:
    """The broker as one process sees it; `World.net` says how it fares."""

    def __init__(self, world: World, life: Life) -> None:
        self.traits = world.broker.traits
        self._world = world
        self._life = life

    def _check(self) -> None:
        if self._life.is_dead or self._world.net.down:
            raise BrokerUnavailableError("the network is down")

    async def publish(self, channel: Channel, body: bytes, **named: Any) -> None:
        self._check()
        world = self._world
        world.note("publish", self._life.name, channel.subject, body)
        if self._life.name.startswith("engine"):
            check_order(world, channel.subject, body)
        for _ in range(world.net.copies(channel.subject, body)):
            await world.broker.publish(channel, body, **named)

    @asynccontextmanager
    async def consume(self, channel: Channel, **named: Any) -> AsyncIterator[AsyncIterator[Any]]:
        self._check()
        async with self._world.broker.consume(channel, **named) as deliveries:
            yield self._read(deliveries)

    async def _read(self, deliveries: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for delivery in deliveries:
            await self._world.until(lambda: not self._world.net.down, within_s=3600)
            yield _Delivery(delivery, self._world, self._life, self._check)

    async def request(self, subject: str, body: bytes, *, timeout_s: float) -> bytes:
        self._check()
        return await self._world.broker.request(subject, body, timeout_s=timeout_s)

    def respond(self, subject: str, answer: Any) -> Any:
        self._check()
        return self._world.broker.respond(subject, answer)


class _Delivery:
    def __init__(self, delivery: Any, world: World, life: Life, check: Callable[[], None]) -> None:
        self._delivery, self._world, self._life, self._check = delivery, world, life, check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._delivery, name)

    async def ack(self) -> None:
        self._check()
        self._world.note("ack", self._life.name, self._delivery.subject, self._delivery.body)
        await self._delivery.ack()

    async def retry(self, *, delay_s: float = 0.0) -> None:
        self._check()
        self._world.note("retry", self._life.name, self._delivery.subject, self._delivery.body)
        await self._delivery.retry(delay_s=delay_s)

    async def reject(self, reason: str) -> None:
        self._check()
        self._world.note("reject", self._life.name, self._delivery.subject, self._delivery.body)
        await self._delivery.reject(reason)
