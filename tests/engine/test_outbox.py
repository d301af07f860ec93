"""The outbox alone: the order of what is sent, and what becomes of what cannot be."""

from __future__ import annotations

import asyncio

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.local.broker import MemoryBroker
from ee_core.reactor.outbox import Letter, Outbox
from ee_core.simulation import VirtualEnv
from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_the_outbox_sends_in_order_and_gives_up_what_the_broker_refuses():
    env = VirtualEnv(asyncio.get_running_loop(), 1)
    async with MemoryBroker(env, max_payload=100) as broker:
        outbox = Outbox(broker, headers=lambda subject, job, visit: {"x-job": str(job)})
        running = asyncio.create_task(outbox.run())
        inbox = Channel(ChannelKind.INBOX, "a")
        outbox.post(Letter(inbox, b"x" * 500))
        for n in range(20):
            outbox.post(Letter(inbox, str(n).encode(), "j1"))
        await asyncio.sleep(0.1)

        async with broker.consume(inbox, group="g") as deliveries:
            bodies = [await anext(deliveries) for _ in range(20)]

        assert [int(each.body) for each in bodies] == list(range(20))
        assert bodies[0].headers["x-job"] == "j1"
        running.cancel()
        await asyncio.wait({running})


@virtual_time
async def test_a_message_that_is_no_subject_does_not_end_the_outbox():
    env = VirtualEnv(asyncio.get_running_loop(), 1)
    async with MemoryBroker(env) as broker:
        outbox = Outbox(broker, headers=lambda subject, job, visit: {})
        running = asyncio.create_task(outbox.run())
        outbox.post(Letter(Channel(ChannelKind.INBOX, "a b"), b"bad"))
        outbox.post(Letter(Channel(ChannelKind.INBOX, "a"), b"good"))

        async with (
            broker.consume(Channel(ChannelKind.INBOX, "a"), group="g") as deliveries,
            asyncio.timeout(5),
        ):
            assert (await anext(deliveries)).body == b"good"

        running.cancel()
        await asyncio.wait({running})
