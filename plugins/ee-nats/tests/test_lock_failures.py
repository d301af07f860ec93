"""The NATS lock while its server is killed, paused, loses its data, or has less than before."""

import asyncio
import itertools
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from ee_nats.connection import connect
from ee_nats.lock import NatsLock, ee_open_lock
from ee_nats.settings import NatsSettings

from ee_core.contracts.lock import LeaseState, LockProvider
from ee_core.errors import (
    ConfigError,
    LockError,
    LockHeldError,
    LockLostError,
    LockUnavailableError,
    MessageError,
)
from ee_core.local.env import SystemEnv
from ee_core.testing.lock_store import watching

ENV = SystemEnv()
WAIT_S = 15.0


@pytest.fixture
def settings(own_server, prefix):
    return NatsSettings(servers=(own_server.url,), prefix=prefix, timeout_s=1.0)


@pytest_asyncio.fixture
async def lock(settings):
    async with NatsLock(settings, ENV) as lock:
        yield lock


@pytest_asyncio.fixture
async def other(settings, lock):
    async with NatsLock(settings, ENV) as other:
        yield other


async def take(lock, bot="robot", *, engine="anna", floor=0):
    return await lock.take(bot, engine=engine, now_us=ENV.now(), floor=floor)


async def at_last(call, *arguments, **options):
    """Call, again and again while the lock is out of reach."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return await call(*arguments, **options)
            except LockUnavailableError:
                await asyncio.sleep(0.05)


async def fails(call):
    """See that there is no answer."""
    with pytest.raises(LockUnavailableError):
        await call


@asynccontextmanager
async def asking(settings):
    """Give JetStream's API, as an operator has it."""
    connection = await connect(settings)
    try:
        yield connection.api
    finally:
        await connection.close()


def lose(server):
    server.kill()
    shutil.rmtree(server.data)
    server.start()


def test_hook_makes_an_unopened_provider():
    lock = ee_open_lock(settings={"servers": "nats://127.0.0.1:9"}, namespace="here", env=ENV)

    assert isinstance(lock, LockProvider)
    assert (lock.traits.shared, lock.traits.durable) == (True, True)


async def test_lock_is_opened_once_and_used_while_open(nats_server, prefix):
    lock = NatsLock(NatsSettings(servers=(nats_server.url,), prefix=prefix), ENV)

    with pytest.raises(LockUnavailableError, match="not open"):
        await take(lock)
    async with lock:
        with pytest.raises(LockError, match="opened before"):
            await lock.__aenter__()
    with pytest.raises(LockError, match="opened before"):
        await lock.__aenter__()


async def test_server_that_is_not_there_is_named():
    lock = NatsLock(NatsSettings(servers=("nats://127.0.0.1:9",), timeout_s=0.5), ENV)

    with pytest.raises(LockUnavailableError, match=r"127\.0\.0\.1:9"):
        await lock.__aenter__()


async def test_stream_is_not_made_where_that_is_forbidden(nats_server, prefix):
    settings = NatsSettings(servers=(nats_server.url,), prefix=prefix, create_streams=False)

    with pytest.raises(ConfigError, match=f"no stream 'EE-{prefix}-locks'"):
        await NatsLock(settings, ENV).__aenter__()


@pytest.mark.parametrize(
    "change",
    [
        {"allow_msg_ttl": False},
        {"max_age": 10**13},
        {"max_msgs_per_subject": 2},
        {"subject_delete_marker_ttl": 10**10},
        {"storage": "memory"},
        {"subjects": ["nobody.reads.this"]},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_stream_that_would_lose_locks_is_refused(nats_server, prefix, change):
    settings = NatsSettings(servers=(nats_server.url,), prefix=prefix)
    async with NatsLock(settings, ENV):
        pass
    name = f"EE-{prefix}-locks"
    async with asking(settings) as api:
        config = (await api(f"STREAM.INFO.{name}"))["config"] | change
        await api(f"STREAM.DELETE.{name}")
        await api(f"STREAM.CREATE.{name}", config)

    with pytest.raises(ConfigError, match=next(iter(change))):
        await NatsLock(settings, ENV).__aenter__()


@pytest.mark.parametrize("bot", ["*", "a.b", ">", "", "_any", "a b"])
async def test_bot_whose_name_is_no_token_is_refused(nats_server, prefix, bot):
    async with NatsLock(NatsSettings(servers=(nats_server.url,), prefix=prefix), ENV) as lock:
        with pytest.raises(MessageError, match="bot"):
            await take(lock, bot)


async def test_namespaces_do_not_see_each_other(nats_server, prefix):
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(
                NatsLock(NatsSettings(servers=(nats_server.url,), prefix=name), ENV)
            )
            for name in (prefix, f"{prefix}.inner")
        ]
        await one.keep_alive("anna", ttl_s=60)
        await take(one)

        assert not await two.is_alive("anna")
        assert (await take(two, engine="bert")).record.state is LeaseState.FREE


async def test_lease_and_key_go_on_when_the_server_was_killed(own_server, lock, other):
    await lock.keep_alive("anna", ttl_s=60)
    lease = await lock.write(await take(lock), LeaseState.HELD)

    own_server.restart(crash=True)

    await at_last(lock.keep_alive, "anna", ttl_s=60)
    lease = await at_last(lock.write, lease, LeaseState.DRAINING)
    with pytest.raises(LockHeldError):
        await at_last(take, other, engine="bert")
    await lock.release(await lock.write(lease, LeaseState.HELD))
    assert (await take(other, engine="bert")).record.state is LeaseState.FREE


async def test_write_without_an_answer_can_be_repeated(own_server, lock, other):
    await lock.keep_alive("anna", ttl_s=60)
    lease = await take(lock)

    own_server.pause()
    await fails(lock.write(lease, LeaseState.HELD, "why"))
    own_server.resume()

    # until it is done: a look beside, as a watch would give it
    async with watching(other) as seen:
        await seen.until(
            lambda seen: seen.records and seen.records[-1].state is LeaseState.HELD,
            within_s=WAIT_S,
            what="the write",
        )
    held = await at_last(lock.write, lease, LeaseState.HELD, "why")
    assert held.record.lease == lease.record.lease
    await lock.release(held)


async def test_another_change_than_the_one_without_an_answer_is_made(own_server, lock, other):
    await lock.keep_alive("anna", ttl_s=60)
    lease = await take(lock)

    own_server.pause()
    await fails(lock.write(lease, LeaseState.HELD))
    own_server.resume()
    await at_last(lock.release, lease)

    assert (await take(other, engine="bert")).record.state is LeaseState.FREE
    with pytest.raises(LockLostError):
        await lock.write(lease, LeaseState.HELD)


async def test_who_repeats_a_release_that_had_no_answer_takes_nothing_from_the_next_holder(
    settings, wire, other
):
    async with NatsLock(replace(settings, servers=(wire.url,)), ENV) as lock:
        await lock.keep_alive("anna", ttl_s=60)
        await other.keep_alive("bert", ttl_s=60)
        lease = await lock.write(await take(lock), LeaseState.HELD)

        wire.is_deaf = True
        await fails(lock.release(lease))
        wire.is_deaf = False

        taken = await take(other, engine="bert")
        with pytest.raises(LockLostError):
            await at_last(lock.release, lease)
        assert (await other.write(taken, LeaseState.HELD)).record.holder == "bert"


async def test_take_without_an_answer_can_be_repeated(own_server, lock, other):
    await lock.keep_alive("anna", ttl_s=60)

    own_server.pause()
    await fails(take(lock))
    own_server.resume()
    lease = await at_last(take, lock)

    assert lease.record.state is LeaseState.FREE
    with pytest.raises(LockHeldError):
        await take(other, engine="bert")
    await lock.write(lease, LeaseState.HELD)


async def test_lease_of_an_earlier_take_is_lost_though_the_later_one_had_no_answer(own_server, lock):
    await lock.keep_alive("anna", ttl_s=60)
    lease = await take(lock)

    own_server.pause()
    # the second half of a take, whose first half had its answer
    record = replace(lease.record, lease=lease.record.lease + 1)
    await fails(lock._write(record, int(lease.revision.partition(".")[0])))
    own_server.resume()

    with pytest.raises(LockLostError):
        await at_last(lock.write, lease, LeaseState.HELD)
    assert (await take(lock)).record.lease > record.lease


async def test_renewal_without_an_answer_can_be_repeated(own_server, lock, other):
    await lock.keep_alive("anna", ttl_s=60)

    for _ in range(2):
        own_server.pause()
        await fails(lock.keep_alive("anna", ttl_s=60))
        own_server.resume()
        await asyncio.sleep(0.2)
    for _ in range(2):
        await at_last(lock.keep_alive, "anna", ttl_s=60)

    assert await other.is_alive("anna")


async def test_first_renewal_without_an_answer_can_be_repeated(own_server, lock):
    own_server.pause()
    await fails(lock.keep_alive("anna", ttl_s=60))
    own_server.resume()

    for _ in range(2):
        await at_last(lock.keep_alive, "anna", ttl_s=60)

    assert await lock.is_alive("anna")


async def test_key_expires_while_the_server_is_down(own_server, lock, other):
    await lock.keep_alive("anna", ttl_s=1)
    await take(lock)

    own_server.kill()
    await asyncio.sleep(1.5)
    own_server.start()

    await at_last(other.is_alive, "anna")
    await asyncio.sleep(1)  # it looks what has expired about once a second
    assert (await take(other, engine="bert")).record.state is LeaseState.UNKNOWN
    with pytest.raises(LockLostError):
        await at_last(lock.keep_alive, "anna", ttl_s=60)
    await lock.keep_alive("anna", ttl_s=60)


async def test_retired_key_does_not_come_back_when_the_server_is_killed(own_server, lock):
    for _ in range(3):
        await lock.keep_alive("anna", ttl_s=1)
    await lock.retire("anna")
    await asyncio.sleep(2.5)  # what stood in its place is gone

    own_server.restart(crash=True)

    assert not await at_last(lock.is_alive, "anna")


async def test_lost_store_is_survived(own_server, lock, other):
    await lock.keep_alive("anna", ttl_s=60)
    lease = await lock.write(await take(lock), LeaseState.HELD)

    lose(own_server)

    with pytest.raises(LockLostError):
        await at_last(lock.write, lease, LeaseState.DRAINING)
    with pytest.raises(LockLostError):
        await at_last(lock.keep_alive, "anna", ttl_s=60)
    await lock.keep_alive("anna", ttl_s=60)
    again = await take(lock)
    assert again.record.lease > lease.record.lease
    floor = again.record.lease + 10**9
    assert (await take(other, "another", engine="bert", floor=floor)).record.lease == floor


async def test_stream_that_was_deleted_is_made_again(own_server, settings, lock):
    lease = await take(lock)
    async with asking(settings) as api:
        await api(f"STREAM.DELETE.EE-{settings.prefix}-locks")

    with pytest.raises(LockLostError):
        await lock.release(lease)
    assert (await take(lock)).record.lease > lease.record.lease


@asynccontextmanager
async def rolled_back(server, tmp_path):
    """Give the server, in the end, the data that it had at the beginning: what a damaged tail or an old copy does."""
    server.stop()
    shutil.copytree(server.data, tmp_path / "copy")
    server.start()
    yield
    server.kill()
    shutil.rmtree(server.data)
    shutil.move(tmp_path / "copy", server.data)
    server.start()


async def test_lease_is_lost_when_its_sequence_is_given_out_again(own_server, lock, other, tmp_path):
    async with rolled_back(own_server, tmp_path):
        lease = await at_last(take, lock)

    taken = await at_last(take, other, engine="bert")
    assert taken.revision.partition(".")[0] == lease.revision.partition(".")[0]  # what makes it dangerous

    with pytest.raises(LockLostError):
        await at_last(lock.write, lease, LeaseState.HELD)
    with pytest.raises(LockLostError):
        await at_last(lock.release, lease)
    assert (await other.write(taken, LeaseState.HELD)).record.holder == "bert"


async def test_watch_goes_on_after_the_server_was_killed_and_after_its_data_were_lost(
    own_server, lock, other
):
    async with watching(other) as seen:

        async def shows(lease):
            await seen.until(lambda seen: lease.record in seen.records, within_s=4, what=str(lease.record))

        lease = await take(lock)
        await shows(lease)
        own_server.restart(crash=True)
        lease = await at_last(lock.write, lease, LeaseState.HELD)
        await shows(lease)
        await asyncio.sleep(0.5)
        assert len(seen.records) == 2  # nothing twice

        lose(own_server)
        await shows(await at_last(take, lock))
        own_server.restart(crash=True)
        await shows(await at_last(take, lock, "another"))


async def test_watch_notices_that_its_consumer_is_gone(own_server, settings, lock):
    stream = f"EE-{settings.prefix}-locks"
    async with watching(lock) as seen, asking(settings) as api:
        (consumer,) = (await api(f"CONSUMER.NAMES.{stream}"))["consumers"]
        await api(f"CONSUMER.DELETE.{stream}.{consumer}")
        lease = await take(lock)
        await seen.until(lambda seen: lease.record in seen.records, within_s=WAIT_S, what="the record")


async def test_record_that_nobody_can_read_is_not_taken_and_does_not_stop_a_watch(
    nats_server, prefix, caplog
):
    settings = NatsSettings(servers=(nats_server.url,), prefix=prefix)
    async with NatsLock(settings, ENV) as lock, watching(lock) as seen:
        await lock._connection.request(f"{prefix}.locks.bot.robot", b"nonsense")
        with pytest.raises(LockError, match="'robot' cannot be read"):
            await take(lock)
        lease = await take(lock, "another")
        await seen.until(
            lambda seen: seen.records == [lease.record], within_s=WAIT_S, what="the other record"
        )

    assert "'robot' cannot be read" in caplog.text


async def give_back(lock, lease):
    """Release, again and again; who repeats a release that had no answer may find another's lease in its place."""
    async with asyncio.timeout(WAIT_S):
        had_no_answer = False
        while True:
            try:
                await lock.release(lease)
            except LockUnavailableError:
                had_no_answer = True
                await asyncio.sleep(0.05)
                continue
            except LockLostError:
                if not had_no_answer:
                    raise
            return


@pytest.mark.slow
async def test_no_bot_has_two_holders_while_the_server_is_killed_again_and_again(own_server, settings, wire):
    settings = replace(settings, servers=(wire.url,))
    holders, highest, takes = {}, {}, itertools.count()
    stop = asyncio.Event()

    async def work(lock, engine):
        while not stop.is_set():
            bot = f"robot-{next(takes) % 2}"
            try:
                lease = await take(lock, bot, engine=engine)
            except (LockHeldError, LockUnavailableError):
                await asyncio.sleep(0.005)
                continue
            assert lease.record.lease > highest.get(bot, 0)
            assert holders.get(bot) in (None, engine)  # the same one when an answer was lost
            highest[bot], holders[bot] = lease.record.lease, engine
            # whatever answers are lost: who has it and lives does not lose it
            lease = await at_last(lock.write, lease, LeaseState.HELD)
            assert holders[bot] == engine
            # given up before it is given back: from then on another may have it
            holders[bot] = None
            await give_back(lock, lease)

    async with AsyncExitStack() as stack:
        engines = [f"e{number}" for number in range(4)]
        locks = [await stack.enter_async_context(NatsLock(settings, ENV)) for _ in engines]
        for lock, engine in zip(locks, engines, strict=True):
            await lock.keep_alive(engine, ttl_s=120)
        async with asyncio.TaskGroup() as group:
            for lock, engine in zip(locks, engines, strict=True):
                group.create_task(work(lock, engine))
            for _ in range(6):
                await asyncio.sleep(1)
                wire.is_deaf = True  # for so long that everybody has asked for something
                await asyncio.sleep(0.05)
                own_server.restart(crash=True)
                wire.is_deaf = False
            await asyncio.sleep(1)
            stop.set()

    assert next(takes) > 100
