"""The memory broker against its contract, in virtual time."""

import asyncio
import logging

import pytest
import pytest_asyncio

from ee_core.contracts.broker import Broker, Channel, ChannelKind
from ee_core.errors import BrokerError, BrokerUnavailableError, ConfigError
from ee_core.local.broker import MemoryBroker, ee_open_broker
from ee_core.local.env import SystemEnv
from ee_core.simulation.pytest import virtual_time
from ee_core.testing.broker import BrokerConformance

JOBS = Channel(ChannelKind.WORK, "jobs.execute")


class TestMemoryBroker(BrokerConformance):
    virtual_loop = True

    @pytest_asyncio.fixture
    async def broker(self):
        async with MemoryBroker(SystemEnv()) as broker:
            yield broker


def test_hook_makes_an_unopened_broker():
    broker = ee_open_broker(settings={"max_payload": 10}, env=SystemEnv())

    assert isinstance(broker, Broker)
    assert broker.traits.max_payload == 10


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"size": 3}, "no setting 'size'"),
        ({"max_payload": 0}, "max_payload is 0"),
        ({"max_payload": True}, "True"),
    ],
)
def test_hook_refuses_wrong_settings(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        ee_open_broker(settings=settings, env=SystemEnv())


@virtual_time
async def test_broker_is_opened_once_and_used_while_open():
    broker = MemoryBroker(SystemEnv())

    with pytest.raises(BrokerUnavailableError, match="not open"):
        await broker.publish(JOBS, b"")
    async with broker:
        with pytest.raises(BrokerError, match="opened before"):
            await broker.__aenter__()
    with pytest.raises(BrokerError, match="opened before"):
        await broker.__aenter__()


@virtual_time
async def test_origin_of_another_process_is_another():
    origins = []
    for _ in range(2):
        async with MemoryBroker(SystemEnv()) as broker, broker.consume(JOBS, group="g") as deliveries:
            await broker.publish(JOBS, b"same")
            origins.append((await anext(deliveries)).origin)

    assert origins[0] != origins[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [("jobs.command.*", "jobs.command.3"), ("jobs.command.3", "jobs.command.*"), ("jobs.>", "jobs.*.3")],
)
@virtual_time
async def test_overlapping_patterns_are_refused(first, second):
    one, other = Channel(ChannelKind.WORK, first), Channel(ChannelKind.WORK, second)

    async with MemoryBroker(SystemEnv()) as broker, broker.consume(one, group="g"):
        with pytest.raises(BrokerError, match="overlaps"):
            async with broker.consume(other, group="g"):
                pass
        async with broker.consume(Channel(ChannelKind.REPLY, second), group="g"):
            pass


@virtual_time
async def test_retry_without_delay_lets_others_run():
    turns = []

    async def take_turns():
        for turn in range(3):
            turns.append(turn)
            await asyncio.sleep(0)

    async with MemoryBroker(SystemEnv()) as broker, broker.consume(JOBS, group="g") as deliveries:
        await broker.publish(JOBS, b"not now")
        other = asyncio.create_task(take_turns())
        while not other.done():
            await (await anext(deliveries)).retry()

    assert turns == [0, 1, 2]


@virtual_time
async def test_consumers_of_a_group_share_what_comes():
    async with (
        MemoryBroker(SystemEnv()) as broker,
        broker.consume(JOBS, group="g") as one,
        broker.consume(JOBS, group="g") as two,
    ):
        for number in range(4):
            await broker.publish(JOBS, b"%d" % number)

        assert [(await anext(deliveries)).body for deliveries in (one, two, one, two)] == [
            b"0",
            b"1",
            b"2",
            b"3",
        ]


@virtual_time
async def test_deduplication_ends_with_its_window():
    async with MemoryBroker(SystemEnv()) as broker, broker.consume(JOBS, group="g") as deliveries:
        await broker.publish(JOBS, b"first", dedupe="key")
        await asyncio.sleep(121)
        await broker.publish(JOBS, b"second", dedupe="key")

        assert [(await anext(deliveries)).body for _ in range(2)] == [b"first", b"second"]


@virtual_time
async def test_two_readers_of_one_consumer_are_refused():
    async with MemoryBroker(SystemEnv()) as broker, broker.consume(JOBS, group="g") as deliveries:
        waiting = asyncio.create_task(anext(deliveries))
        await asyncio.sleep(0)
        with pytest.raises(BrokerError, match="two tasks"):
            await anext(deliveries)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@virtual_time
async def test_close_ends_who_waits_for_an_answer():
    async def answer(_body):
        await asyncio.sleep(60)
        return b""

    async with MemoryBroker(SystemEnv()) as broker, broker.respond("jobs.query", answer):
        asking = asyncio.create_task(broker.request("jobs.query", b"", timeout_s=60))
        await asyncio.sleep(1)
        await broker.close()
        with pytest.raises(BrokerUnavailableError, match="closed"):
            await asking


@virtual_time
async def test_bug_of_an_answer_is_logged(caplog):
    async def answer(_body):
        raise ValueError("a bug")

    async with MemoryBroker(SystemEnv()) as broker, broker.respond("jobs.query", answer):
        with caplog.at_level(logging.ERROR), pytest.raises(BrokerUnavailableError):
            await broker.request("jobs.query", b"", timeout_s=1)

    assert "a bug" in caplog.text
