"""How the broker's kit reads consumers: with a limit for what must come, and a wait for what must not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pytest

from ee_core.errors import BrokerUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ee_core.contracts.broker import Broker, Channel, Delivery

_T = TypeVar("_T")


class Reading:
    """Tools that a kit's class inherits, with the times that its subclasses may change."""

    wait_s: ClassVar[float] = 10.0  # what must come comes within
    prompt_s: ClassVar[float] = 2.0  # what must come at once
    quiet_s: ClassVar[float] = 0.3  # what must not come has not come

    async def take(self, deliveries: AsyncIterator[Delivery], *, within_s: float | None = None) -> Delivery:
        """Return the next delivery; fail when none comes in time."""
        limit_s = self.wait_s if within_s is None else within_s
        try:
            async with asyncio.timeout(limit_s):
                return await anext(deliveries)
        except TimeoutError:
            pytest.fail(f"no delivery came within {limit_s} s")

    async def take_none(self, deliveries: AsyncIterator[Delivery], *, within_s: float | None = None) -> None:
        """Fail when a delivery comes."""
        try:
            async with asyncio.timeout(self.quiet_s if within_s is None else within_s):
                delivery = await anext(deliveries)
        except TimeoutError:
            return
        pytest.fail(f"delivery {delivery.attempt} of {delivery.body[:40]!r} on {delivery.subject} came")

    async def read(self, *consumers: AsyncIterator[Delivery], count: int) -> list[Delivery]:
        """Read and ack until `count` deliveries have come in all, and `quiet_s` longer for what should not come.

        Returns:
            Those of the first consumer, then those of the next; fewer than `count` when time ran out.
        """
        found: list[list[Delivery]] = [[] for _ in consumers]
        enough = asyncio.Event()

        async def read_one(deliveries: AsyncIterator[Delivery], into: list[Delivery]) -> None:
            async for delivery in deliveries:
                await delivery.ack()
                into.append(delivery)
                if sum(map(len, found)) >= count:
                    enough.set()

        tasks = [asyncio.create_task(read_one(*pair)) for pair in zip(consumers, found, strict=True)]
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.wait_s):
                    await enough.wait()
            await asyncio.sleep(self.quiet_s)
        finally:
            await _end(tasks)
        return [delivery for some in found for delivery in some]

    async def read_to_the_end(self, deliveries: AsyncIterator[Delivery]) -> list[Delivery]:
        """Read until the iterator ends."""
        return [delivery async for delivery in deliveries]

    async def publish_at_last(self, broker: Broker, channel: Channel, body: bytes) -> None:
        """Publish, again and again while the broker is not there."""
        async with asyncio.timeout(self.wait_s):
            while True:
                try:
                    return await broker.publish(channel, body)
                except BrokerUnavailableError:
                    await asyncio.sleep(0.05)


def bodies(deliveries: Iterable[Delivery]) -> list[bytes]:
    """List the bodies, in the order given."""
    return [delivery.body for delivery in deliveries]


def lent(capability: _T | None, name: str) -> _T:
    """Return what a fixture lends; skip the running test when it lends nothing."""
    if capability is None:
        pytest.skip(f"the fixture {name} lends nothing, so this cannot be shown")
    return capability


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
