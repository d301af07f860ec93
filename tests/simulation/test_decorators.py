"""What the decorators do while a fault is on; that they keep their contracts otherwise is in `tests/conformance`."""

import asyncio

import pytest

from ee_core.bot.entry import AttemptKey
from ee_core.bot.ledger import IN_MEMORY, open_ledger
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.lock import LeaseState
from ee_core.errors import (
    BrokerUnavailableError,
    JournalConflictError,
    JournalUnavailableError,
    LedgerError,
    LockUnavailableError,
)
from ee_core.local.broker import MemoryBroker
from ee_core.local.env import SystemEnv
from ee_core.local.lock import MemoryLock
from ee_core.local.lock_table import LockTable
from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.simulation import VirtualEnv
from ee_core.simulation.faults import CALM, Fault, Faults
from ee_core.simulation.faulty_broker import FaultyBroker, Network, garble
from ee_core.simulation.faulty_journal import FaultyJournal, JournalWeather
from ee_core.simulation.faulty_ledger import FaultyLedger
from ee_core.simulation.faulty_lock import FaultyLock, LockWeather
from ee_core.simulation.life import Life
from ee_core.simulation.pytest import virtual_time
from ee_core.testing.journal_store import entry

BOT = "pc-1"


# -- messages ------------------------------------------------------------------------------------------------


class Net:
    """A broker behind a network in which one fault always strikes."""

    def __init__(self, *faults):
        self.faults = Faults(1, dict.fromkeys(faults, 1.0))
        self.network = Network(self.faults, Life("nature"))
        self.life = Life("bot")
        self.broker = FaultyBroker(MemoryBroker(SystemEnv()), self.network, self.life)


async def arriving(broker, channel, within_s=100):
    """Return the bodies that come within a time, and when."""
    found, loop = [], asyncio.get_running_loop()
    async with broker.consume(channel, group="g") as deliveries:
        try:
            async with asyncio.timeout(within_s):
                async for delivery in deliveries:
                    found.append((delivery.body, loop.time()))
                    await delivery.ack()
        except TimeoutError:
            return found


ANSWER = Channel(ChannelKind.REPLY, "activity.response.0.pc-1")
COMMAND = Channel(ChannelKind.WORK, "jobs.execute")
BODY = b'{"kind":"succeeded","job":"j1"}'


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (Fault.MESSAGE_LOST, 0),
        (Fault.MESSAGE_DOUBLED, 2),
        (Fault.MESSAGE_DELAYED, 1),
        (Fault.MESSAGE_LATE, 2),
        (Fault.MESSAGE_GARBLED, 2),
    ],
)
@virtual_time
async def test_what_may_be_lost_comes_as_the_fault_says(fault, count):
    net = Net(fault)
    async with net.broker:
        await net.broker.publish(ANSWER, BODY)
        found = await arriving(net.broker, ANSWER)

    assert len(found) == count
    assert (BODY in [body for body, _ in found]) == (count > 0)
    if fault in {Fault.MESSAGE_DELAYED, Fault.MESSAGE_LATE}:
        assert found[-1][1] > 0
    assert net.faults.hits_by == {fault: 1}


@virtual_time
async def test_a_command_is_never_lost():
    net = Net(*(fault for fault in Fault if fault.value.startswith("message_")))
    async with net.broker:
        await net.broker.publish(COMMAND, b"run")
        assert [body for body, _ in await arriving(net.broker, COMMAND)] == [b"run"]


@pytest.mark.parametrize(("fault", "count"), [(Fault.SEND_FAILED, 0), (Fault.SEND_UNKNOWN, 1)])
@virtual_time
async def test_a_sender_is_told_nothing_whether_it_was_sent_or_not(fault, count):
    net = Net(fault)
    async with net.broker:
        with pytest.raises(BrokerUnavailableError):
            await net.broker.publish(COMMAND, b"run")
        assert len(await arriving(net.broker, COMMAND)) == count


@virtual_time
async def test_what_was_settled_comes_again_when_that_is_lost():
    net, settled = Net(Fault.ACK_LOST), []
    net.network.on_settle = lambda life, subject, body: settled.append(body)
    async with net.broker, net.broker.consume(COMMAND, group="g") as deliveries:
        await net.broker.publish(COMMAND, b"run")
        first = await anext(deliveries)
        await first.ack()
        net.faults.calm()
        again = await anext(deliveries)

        assert (again.body, again.origin, again.attempt) == (first.body, first.origin, 2)
        assert settled == [b"run"]  # its reader is done with it, and what it did counts
        net.network.go_down()
        with pytest.raises(BrokerUnavailableError):
            await again.ack()
        assert settled == [b"run", b"run"]


@virtual_time
async def test_nothing_gets_through_while_the_network_is_down_and_a_restart_may_forget():
    net = Net()
    async with net.broker:
        for channel in (ANSWER, COMMAND):
            await net.broker.publish(channel, b"old")
        net.network.go_down()
        with pytest.raises(BrokerUnavailableError):
            await net.broker.publish(ANSWER, b"meanwhile")
        net.network.come_up(empty=True)
        await net.broker.publish(ANSWER, b"new", headers={"x-mine": "1"})

        assert [body for body, _ in await arriving(net.broker, ANSWER)] == [b"new"]
        assert [body for body, _ in await arriving(net.broker, COMMAND)] == [b"old"]


@virtual_time
async def test_a_dead_process_sends_nothing_and_settles_nothing():
    net = Net()
    async with net.broker, net.broker.consume(COMMAND, group="g") as deliveries:
        await net.broker.publish(COMMAND, b"run")
        delivery = await anext(deliveries)
        net.life.is_dead = True

        for call in (net.broker.publish(COMMAND, b"more"), delivery.ack(), delivery.retry()):
            with pytest.raises(BrokerUnavailableError, match="dead"):
                await call


def test_garbled_words_are_other_words():
    garbled = [garble(BODY, way) for way in range(12)]

    assert BODY not in garbled
    assert len(set(garbled)) == len(garbled)


# -- journal, lock, ledger ---------------------------------------------------------------------------------------


async def journal_with(*faults):
    store = MemoryStore("a-store")
    weather = JournalWeather(Faults(1, dict.fromkeys(faults, 1.0)), Life("nature"))
    journal = FaultyJournal(MemoryJournal(store), weather, Life("engine"))
    await journal.__aenter__()
    return journal, store, weather


@pytest.mark.parametrize(("fault", "stored"), [(Fault.COMMIT_FAILED, 0), (Fault.COMMIT_UNKNOWN, 1)])
@virtual_time
async def test_a_commit_that_fails_may_be_stored_and_can_be_repeated(fault, stored):
    journal, store, weather = await journal_with(fault)
    head = await journal.open_partition(0)

    with pytest.raises(JournalUnavailableError):
        await journal.commit(head, [entry("j1", 0)])
    assert len(store.partitions[0].commits) == stored
    weather.faults.calm()

    assert (await journal.commit(head, [entry("j1", 0)])).position == 1
    assert len(store.partitions[0].commits) == 1


@virtual_time
async def test_a_commit_that_was_given_up_lands_or_is_refused():
    journal, store, weather = await journal_with(Fault.COMMIT_LATE)
    head = await journal.open_partition(0)

    for index in (0, 0):
        with pytest.raises(JournalUnavailableError):
            await journal.commit(head, [entry("j1", index)])
    await asyncio.sleep(20)
    assert len(store.partitions[0].commits) == 1  # twice the same is once

    with pytest.raises(JournalUnavailableError):
        await journal.commit(head, [entry("j2", 0)])
    await asyncio.sleep(20)
    assert len(store.partitions[0].commits) == 1  # another one at that place is refused
    weather.faults.calm()
    with pytest.raises(JournalConflictError):
        await journal.commit(head, [entry("j2", 0)])


@virtual_time
async def test_a_journal_can_be_slow_down_or_refuse_a_call_so_many_times():
    journal, _, weather = await journal_with(Fault.COMMIT_SLOW)
    head = await journal.open_partition(0)
    await journal.commit(head, [entry("j1", 0)])
    assert asyncio.get_running_loop().time() > 0

    weather.refused["find_job"] = 1
    with pytest.raises(JournalUnavailableError):
        await journal.find_job("j1")
    assert await journal.find_job("j1") is not None
    weather.is_down = True
    with pytest.raises(JournalUnavailableError):
        await journal.get_content("x")


@pytest.mark.parametrize(("fault", "is_taken"), [(Fault.LOCK_FAILED, False), (Fault.LOCK_UNKNOWN, True)])
@virtual_time
async def test_a_lock_that_does_not_answer_may_have_changed(fault, is_taken):
    table = LockTable(VirtualEnv(asyncio.get_running_loop(), seed=1))
    weather = LockWeather(Faults(1, {fault: 1.0}))
    env = VirtualEnv(asyncio.get_running_loop(), seed=2)
    async with FaultyLock(MemoryLock(env, table=table), weather, Life("engine")) as lock:
        with pytest.raises(LockUnavailableError):
            await lock.take(BOT, engine="e1", now_us=env.now(), floor=0)
        assert bool(table.records()) == is_taken
        weather.faults.calm()

        lease = await lock.take(BOT, engine="e1", now_us=env.now(), floor=0)

        assert (await lock.write(lease, LeaseState.HELD)).record.state is LeaseState.HELD
        weather.is_down = True
        with pytest.raises(LockUnavailableError):
            await lock.release(lease)


def test_a_ledger_refuses_to_be_written_and_lets_no_dead_process_in():
    with open_ledger(IN_MEMORY, bot=BOT, env=SystemEnv(), kind=FaultyLedger) as ledger:
        life, key = Life("bot"), AttemptKey("j1", "a#1", 1)
        ledger.hand_over(life, Faults(1, {Fault.LEDGER_FAILED: 1.0}))

        with pytest.raises(LedgerError, match="no space"):
            ledger.claim(5)
        assert ledger.find(key) is None
        life.is_dead = True
        with pytest.raises(LedgerError, match="dead"):
            ledger.find(key)
        ledger.hand_over(Life("bot"), CALM)
        ledger.claim(5)

        assert ledger.highest.lease == 5


# -- the weather ---------------------------------------------------------------------------------------------------


def test_leaving_out_a_fault_does_not_move_the_others():
    both = Faults(7, {Fault.MESSAGE_LOST: 0.5, Fault.ACK_LOST: 0.5})
    alone = Faults(7, {Fault.MESSAGE_LOST: 0.5})

    struck = [(both.hits(Fault.ACK_LOST), both.hits(Fault.MESSAGE_LOST))[1] for _ in range(50)]

    assert struck == [alone.hits(Fault.MESSAGE_LOST) for _ in range(50)]
    assert any(struck)
    assert not all(struck)


def test_every_fault_has_a_name_in_a_history():
    assert all(fault.line_kind for fault in Fault)
