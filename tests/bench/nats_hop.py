"""What a message costs over NATS: published and acknowledged, consumed, and acknowledged back.

On a server of its own on this machine, once as it comes (synced to the disk every two minutes) and once as the JetStream
journal needs it (each message synced), there also with `async_transport`. Rates are messages a second; "echo" is a
message there and one back through a second client, as a request and its response. Absolute numbers move by a factor of
two with the machine's mood; `bare` is the client's own `js.publish` in the same minute, with as many in flight.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ee_nats.broker import NatsBroker
from ee_nats.server import ServerProcess, find_server
from ee_nats.settings import NatsSettings

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.messages.subjects import Subjects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BODY = b"x" * 200
SUBJECTS = Subjects("bench")
THERE = Channel(ChannelKind.INBOX, SUBJECTS.execute("robot"))
BACK = Channel(ChannelKind.REPLY, SUBJECTS.response(0, "robot"))
COUNTS = {1: 1_000, 64: 10_048}  # messages by how many are in flight
SERVERS = {
    "default": {"sync_always": False, "async_transport": False},
    "always": {"sync_always": True, "async_transport": False},
    "always_async": {"sync_always": True, "async_transport": True},
}


def measure(folder: Path | None = None) -> dict[str, float]:
    """Return messages a second by case, as ``always.publish.64``.

    Args:
        folder: On the disk to measure; the system's temporary one by default.
    """
    results: dict[str, float] = {}
    for name, options in SERVERS.items():
        with (
            tempfile.TemporaryDirectory(dir=folder) as place,
            ServerProcess(Path(place), find_server(), sync_always=options["sync_always"]) as server,
        ):
            found = asyncio.run(_measure(server.url, async_transport=options["async_transport"]))
            results |= {f"{name}.{case}": rate for case, rate in found.items()}
    return results


async def _measure(url: str, *, async_transport: bool) -> dict[str, float]:
    settings = NatsSettings(servers=(url,), prefix="bench", async_transport=async_transport, timeout_s=30)
    results: dict[str, float] = {}
    async with NatsBroker(settings) as broker, NatsBroker(settings) as bot:
        for flight, count in COUNTS.items():
            results[f"publish.{flight}"] = await _rate(flight, count, lambda: broker.publish(BACK, BODY))
            results[f"consume.{flight}"] = await _consume(broker, flight, count)
            results[f"echo.{flight}"] = await _echo(broker, bot, flight, count // 2)
            results[f"bare.{flight}"] = await _bare(broker, flight, count)
    return results


async def _rate(flight: int, count: int, act: Callable[[], Awaitable[Any]]) -> float:
    async def work() -> None:
        for _ in range(count // flight):
            await act()

    began_s = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(flight)))
    return count // flight * flight / (time.perf_counter() - began_s)


async def _consume(broker: NatsBroker, flight: int, count: int) -> float:
    """Read and acknowledge what was published, with at most so many in hand."""
    began_s = time.perf_counter()
    count = count // flight * flight
    async with broker.consume(BACK, group="bench", prefetch=flight * 4) as deliveries:
        for _ in range(count):
            await (await anext(deliveries)).ack()
        return count / (time.perf_counter() - began_s)


async def _echo(broker: NatsBroker, bot: NatsBroker, flight: int, count: int) -> float:
    """Send a message, get one back from another client, send the next."""

    async def answer() -> None:
        async with bot.consume(THERE, group="bench") as requests, asyncio.TaskGroup() as group:
            async for request in requests:
                group.create_task(bot.publish(BACK, request.body))
                await request.ack()

    answering = asyncio.create_task(answer())
    async with broker.consume(BACK, group="bench") as responses, asyncio.TaskGroup() as group:
        began_s = time.perf_counter()
        for _ in range(flight):
            group.create_task(broker.publish(THERE, BODY))
        for number in range(count):
            await (await anext(responses)).ack()
            if number < count - flight:
                group.create_task(broker.publish(THERE, BODY))
        rate = count / (time.perf_counter() - began_s)
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    return rate


async def _bare(broker: NatsBroker, flight: int, count: int) -> float:
    client = broker._connection.nc  # the same connection, so the same server and settings
    stream = client.jetstream(timeout=30)
    rate = await _rate(flight, count, lambda: stream.publish(BACK.subject, BODY))
    await broker._connection.api("STREAM.PURGE.EE-bench-reply-activity")
    return rate


if __name__ == "__main__":
    print(json.dumps({case: round(rate) for case, rate in measure().items()}, indent=2))
