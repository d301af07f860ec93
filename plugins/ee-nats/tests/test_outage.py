"""What is told of a server that is out of reach: one line when it goes and one when it is back, whoever uses it."""

import asyncio
import logging

import pytest
from ee_nats.broker import NatsBroker
from ee_nats.connection import connect
from ee_nats.lock import NatsLock
from ee_nats.server import ServerProcess
from ee_nats.settings import NatsSettings

from ee_core.bot.host import BotHost
from ee_core.bot.ledger import open_ledger
from ee_core.bot.profile import Profile
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.outage import level_of
from ee_core.errors import BrokerUnavailableError, LockUnavailableError
from ee_core.local.env import SystemEnv
from ee_core.messages.subjects import Subjects

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Let bots speak often, so that an outage of a test is as long for them as one of minutes."""
    monkeypatch.setattr("ee_core.bot.presence.HEARTBEAT_S", 0.2)
    monkeypatch.setattr("ee_nats.consumer._EXPIRES_S", 0.5)
    monkeypatch.setattr("ee_nats.consumer._OVERDUE_S", 0.2)


@pytest.fixture
def settings(own_server, prefix):
    return NatsSettings(servers=(own_server.url,), prefix=prefix, timeout_s=0.5)


@pytest.fixture
def told(caplog):
    """What a person sees who asked for nothing more."""
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def until(is_so):
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - what is waited for is a line of the log
            await asyncio.sleep(0.02)


async def fail_at(call, error):
    """Repeat a call until it fails, and return how; raises when it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await call()
            except error as failure:
                return failure
            await asyncio.sleep(0.02)


async def succeed_at(call):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await call()
            except (BrokerUnavailableError, LockUnavailableError):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("is_paused", [False, True], ids=["killed", "paused"])
async def test_an_outage_is_one_line_and_its_end_another_for_broker_and_lock_together(
    own_server, settings, told, is_paused
):
    jobs = Channel(ChannelKind.WORK, Subjects(settings.prefix).execute_job)
    async with (
        NatsBroker(settings) as broker,
        NatsLock(settings, SystemEnv()) as lock,
        broker.consume(jobs, group="g"),
        lock.watch(),
    ):
        own_server.pause() if is_paused else own_server.kill()
        failed = [
            await fail_at(lambda: broker.publish(jobs, b"x"), BrokerUnavailableError),
            await fail_at(lambda: lock.keep_alive("e1", ttl_s=10), LockUnavailableError),
        ]
        await asyncio.sleep(2)  # consumers and watch try again, and fail as often
        gone = told()
        own_server.resume() if is_paused else own_server.start()
        await succeed_at(lambda: broker.publish(jobs, b"x"))
        await succeed_at(lambda: lock.keep_alive("e1", ttl_s=10))
        await until(lambda: len(told()) > 1)

    assert [level_of(error) for error in failed] == [logging.INFO] * 2
    (line,) = gone
    reason = "it does not answer" if is_paused else "it closed the connection"
    assert f"the NATS server at {own_server.url} is gone ({reason}): work goes on" in line
    assert told()[1:] == [line for line in told()[1:] if f"{own_server.url} is back after" in line]
    assert len(told()) == 2


async def test_a_server_that_came_back_without_jetstream_is_one_line_more(
    nats_binary, tmp_path, unused_tcp_port, prefix, told
):
    def server(**settings):
        return ServerProcess(
            tmp_path / "nats", nats_binary, port=unused_tcp_port, sync_always=False, settings=settings
        )

    with server() as first:
        settings = NatsSettings(servers=(first.url,), prefix=prefix, timeout_s=0.5)
        broker, lock = NatsBroker(settings), NatsLock(settings, SystemEnv())
        jobs = Channel(ChannelKind.WORK, Subjects(prefix).execute_job)
        await broker.__aenter__()
        await lock.__aenter__()
    try:
        with server(jetstream=False):
            await until(lambda: len(told()) > 1)
            failed = await fail_at(lambda: broker.publish(jobs, b"x"), BrokerUnavailableError)
            refused = await fail_at(lambda: lock.keep_alive("e1", ttl_s=10), LockUnavailableError)
        with server():
            await succeed_at(lambda: broker.publish(jobs, b"x"))
            await succeed_at(lambda: lock.keep_alive("e1", ttl_s=10))
    finally:
        await lock.close()
        await broker.close()

    assert [level_of(failed), level_of(refused)] == [logging.INFO] * 2
    words = ["is gone", "is back after", "serves no JetStream", "is back after"]
    assert [next(word for word in words if word in line) for line in told()] == words
    assert "start it with -js, or see to its cluster, if it stays away" in told()[2]


async def test_a_bot_says_nothing_more_of_an_outage_than_the_broker_does(
    own_server, settings, told, tmp_path, caplog
):
    subjects, env = Subjects(settings.prefix), SystemEnv()
    with open_ledger(tmp_path / "y1.ledger", bot="y1", env=env) as ledger:
        async with NatsBroker(settings) as broker:
            host = BotHost(Profile("y1", activities={}), ledger, broker=broker, subjects=subjects, env=env)
            async with host:
                own_server.kill()
                await until(lambda: "was not heard" in caplog.text)
                own_server.start()
                await until(lambda: len(told()) > 1)

    assert ["is gone" in told()[0], "is back" in told()[1], len(told())] == [True, True, 2]


async def test_what_is_open_on_a_server_that_is_gone_is_closed_without_an_error(wire, prefix, told):
    jobs = Channel(ChannelKind.WORK, Subjects(prefix).execute_job)
    settings = NatsSettings(servers=(wire.url,), prefix=prefix, timeout_s=0.5)
    async with NatsBroker(settings) as broker, broker.consume(jobs, group="g"):
        wire.cut()
        await until(told)
        # as when the connection broke before the client had written it
        broker._connection.nc._pending, broker._connection.nc._pending_data_size = [b"PING\r\n"], 6

    assert len(told()) == 1


async def test_a_connection_that_is_closed_while_it_breaks_cancels_nobody(own_server, prefix):
    connections = [await connect({"servers": own_server.url, "prefix": prefix}) for _ in range(5)]
    own_server.kill()
    await asyncio.sleep(0)
    for connection in connections:
        await connection.close()

    assert asyncio.current_task().cancelling() == 0


async def test_silence_of_somebody_else_is_no_outage(own_server, settings, told):
    async with NatsBroker(settings) as broker:
        await broker._connection.nc.subscribe("silence")
        with pytest.raises(BrokerUnavailableError) as refusal:
            await broker.request("silence", b"", timeout_s=0.3)

    assert level_of(refusal.value) == logging.WARNING
    assert told() == []


def test_what_comes_of_an_error_that_was_told_is_told_too():
    outage, other = BrokerUnavailableError("gone"), BrokerUnavailableError("full")
    outage.is_told = True
    try:
        raise LockUnavailableError("the lock is out of reach") from outage
    except LockUnavailableError as error:
        assert [level_of(error), level_of(other)] == [logging.INFO, logging.WARNING]
