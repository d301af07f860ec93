"""Each clause of the broker kit is failed by a broker that breaks that clause, and by no other clause's test.

The brokers here are the memory broker with one thing wrong. A clause without a wrong one would be decoration.
"""

import asyncio
import inspect
from dataclasses import replace

import pytest

from ee_core.contracts import broker as contract
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.envelope import is_pattern
from ee_core.local.broadcast import BroadcastReader
from ee_core.local.broker import MemoryBroker
from ee_core.local.queues import QueueReader
from ee_core.local.reader import MemoryDelivery, Message
from ee_core.messages.subjects import Subjects
from ee_core.simulation import VirtualEnv
from ee_core.simulation.loop import run
from ee_core.testing.broker import BrokerConformance
from ee_core.testing.conformance import clauses_in, clauses_tested

REDELIVERY_S = 1.0


class Right(MemoryBroker):
    """Keeps every clause, also those that need a server: the object itself is taken for one."""

    Reader = QueueReader
    Listener = BroadcastReader
    dead_s = REDELIVERY_S

    def __init__(self, env):
        super().__init__(env)
        self.traits = replace(self.traits, durable=True, shared=True, redelivery_s=REDELIVERY_S)

    def consume(self, channel, *, group, prefetch=256):
        self._check_open()
        if channel.kind is ChannelKind.BROADCAST:
            return self.Listener(channel.subject, self._fan)
        return self.Reader(channel.subject, self._shelves[channel.kind], prefetch)

    async def restart(self):
        """What is in memory is taken for a disk."""

    async def lose_disk(self):
        self._name = self._env.new_id()
        self.forget_waiting()

    def mourn(self):
        """A client died; what it had published stays."""

    def forget_waiting(self):
        for shelf in self._shelves.values():
            shelf._unread.clear()
        for queue in self.queues():
            queue.waiting.clear()

    def queues(self):
        shelves = self._shelves.values()
        return [queue for shelf in shelves for queue in (*shelf._exact.values(), *shelf._wild.values())]


class Mortal:
    """Another client of the same broker, which can die: what it holds then comes back after a while."""

    def __init__(self, broker):
        self.publish = broker.publish
        self._broker = broker
        self._readers = []

    def consume(self, channel, *, group, prefetch=256):
        self._readers.append(self._broker.consume(channel, group=group, prefetch=prefetch))
        return self._readers[-1]

    async def kill(self):
        self._broker.mourn()
        for reader in self._readers:
            asyncio.get_running_loop().call_later(self._broker.dead_s, reader.leave)


class TellsAll(Right):
    """Breaks B1: where several read, work comes twice."""

    async def publish(self, channel, body, **options):
        await super().publish(channel, body, **options)
        if any(len(queue.readers) > 1 for queue in self.queues()):
            await super().publish(channel, body, **options)


class ForgetsStatelessWork(Right):
    """Breaks B2: what nobody reads is not kept."""

    async def publish(self, channel, body, **options):
        if "._any." not in channel.subject or any(queue.matches(channel.subject) for queue in self.queues()):
            await super().publish(channel, body, **options)


class CountsAnew(Right):
    """Breaks B3: each delivery is the first."""

    class Reader(QueueReader):
        def hand_out(self, message):
            message.attempt = 0
            return super().hand_out(message)


class IgnoresDelays(Right):
    """Breaks B3: what is given back comes at once."""

    class Reader(QueueReader):
        def retry(self, delivery, delay_s):
            super().retry(delivery, 0.0)


class KeepsTheDead(Right):
    """Breaks B3: what a dead process held comes back only long afterwards."""

    dead_s = 60.0


class RetriesRejected(Right):
    """Breaks B4: what is rejected comes back."""

    class Reader(QueueReader):
        def hand_out(self, message):
            super().hand_out(message)
            delivery = self.held[message.number] = RejectIsRetry(message, self)
            return delivery


class RejectIsRetry(MemoryDelivery):
    async def reject(self, reason):
        await self.retry()


class StacksInboxes(Right):
    """Breaks B5: of what waits, the last is read first."""

    def consume(self, channel, **options):
        for messages in self._shelves[ChannelKind.INBOX]._unread.values():
            numbers = [message.number for message in messages]
            for message, number in zip(messages, reversed(numbers), strict=True):
                message.number = number
        return super().consume(channel, **options)


class ReadsOnePartition(Right):
    """Breaks B6: a pattern matches some of its subjects."""

    def consume(self, channel, **options):
        if channel.kind is ChannelKind.REPLY and is_pattern(channel.subject):
            channel = Channel(channel.kind, channel.subject.replace("*", "0", 1))
        return super().consume(channel, **options)


class RetainsBroadcasts(Right):
    """Breaks B7: the last broadcast is heard by those who come later."""

    async def publish(self, channel, body, **options):
        await super().publish(channel, body, **options)
        if channel.kind is ChannelKind.BROADCAST:
            self._fan.last = body

    class Listener(BroadcastReader):
        def join(self):
            super().join()
            if hasattr(self._fan, "last"):
                self.push(Message(self.pattern, self._fan.last, {}, 0, "retained"))


class StoresLater(Right):
    """Breaks B8: returns before the message is stored, and a small one overtakes a large one."""

    async def publish(self, channel, body, **options):
        if channel.kind is not ChannelKind.WORK:
            await super().publish(channel, body, **options)
            return
        loop, shelf = asyncio.get_running_loop(), self._shelves[channel.kind]
        shelf.put = lambda message: loop.call_later(len(body) / 1e6, type(shelf).put, shelf, message)
        await super().publish(channel, body, **options)
        del shelf.put


class LosesWithThePublisher(Right):
    """Breaks B8: what was accepted goes with the process that published it."""

    def mourn(self):
        self.forget_waiting()


class TakesLargeBodies(Right):
    """Breaks B9: has a limit and does not keep it."""

    def _check_size(self, subject, body):
        pass


class NamesDeliveries(Right):
    """Breaks B10: each delivery has its own origin."""

    class Reader(QueueReader):
        def hand_out(self, message):
            super().hand_out(message)
            delivery = self.held[message.number] = NamedDelivery(message, self)
            return delivery


class NamedDelivery(MemoryDelivery):
    @property
    def origin(self):
        return f"{self.message.origin}/{self.attempt}"


class CountsOriginsAnew(Right):
    """Breaks B10: the messages on a new disk bear the names of the old ones."""

    async def publish(self, channel, body, **options):
        now, self._env.now = self._env.now, lambda: 0
        await super().publish(channel, body, **options)
        self._env.now = now

    async def lose_disk(self):
        self.forget_waiting()
        self._numbers = iter(range(1, 100))


class AsksOne(Right):
    """Breaks B11: asks the first responder alone."""

    async def request(self, subject, body, *, timeout_s):
        everybody = self._switchboard._responders
        if subject in everybody:
            self._switchboard._responders = {subject: everybody[subject][:1]}
        try:
            return await super().request(subject, body, timeout_s=timeout_s)
        finally:
            self._switchboard._responders = everybody


class WritesNamesLarge(Right):
    """Breaks B12: headers come as HTTP writes them."""

    class Reader(QueueReader):
        def hand_out(self, message):
            message.headers = {name.title(): value for name, value in message.headers.items()}
            return super().hand_out(message)


class LosesPrefetched(Right):
    """Breaks B13: what was fetched and not handed out is gone when the consumer is left."""

    class Reader(QueueReader):
        def part(self):
            self.ready.clear()
            super().part()


class LetsIteratorsHang(Right):
    """Breaks B14: after close nothing comes and nothing ends."""

    class Reader(QueueReader):
        def _wake(self):
            if self.ready:
                super()._wake()


class PublishesWhenClosed(Right):
    """Breaks B14: accepts what nobody will ever get."""

    async def publish(self, channel, body, **options):
        if self._state != "closed":
            await super().publish(channel, body, **options)


class ForgetsAtRestart(Right):
    """Breaks B15: says it is durable, and is not."""

    async def restart(self):
        self.forget_waiting()


class EndsConsumersAtRestart(Right):
    """Breaks B15: open consumers do not go on."""

    async def restart(self):
        for queue in self.queues():
            for reader in tuple(queue.readers):
                reader.leave()


class TakesAllKeys(Right):
    """Breaks B16: has no memory for keys."""

    def _is_repeated(self, subject, dedupe):
        return False


class MixesKeys(Right):
    """Breaks B16: one memory for all subjects."""

    def _is_repeated(self, subject, dedupe):
        return super()._is_repeated("", dedupe)


class TakesBack(Right):
    """Breaks B17: what is held for long is taken for lost."""

    class Reader(QueueReader):
        def hand_out(self, message):
            delivery = super().hand_out(message)
            asyncio.get_running_loop().call_later(REDELIVERY_S, self._take_back, delivery)
            return delivery

        def _take_back(self, delivery):
            if self._state == "open":
                self.retry(delivery, 0.0)


class FetchesTooMany(Right):
    """Breaks B17: takes twice as many as it may."""

    def consume(self, channel, *, group, prefetch=256):
        return super().consume(channel, group=group, prefetch=prefetch * 2)


class LosesAtCancel(Right):
    """Breaks B18: a delivery on its way to a waiter who is cancelled goes with him."""

    class Reader(QueueReader):
        async def __anext__(self):
            delivery = await super().__anext__()
            await asyncio.sleep(0)
            return delivery


WRONG = {
    TellsAll: "B1",
    ForgetsStatelessWork: "B2",
    CountsAnew: "B3",
    IgnoresDelays: "B3",
    KeepsTheDead: "B3",
    RetriesRejected: "B4",
    StacksInboxes: "B5",
    ReadsOnePartition: "B6",
    RetainsBroadcasts: "B7",
    StoresLater: "B8",
    LosesWithThePublisher: "B8",
    TakesLargeBodies: "B9",
    NamesDeliveries: "B10",
    CountsOriginsAnew: "B10",
    AsksOne: "B11",
    WritesNamesLarge: "B12",
    LosesPrefetched: "B13",
    LetsIteratorsHang: "B14",
    PublishesWhenClosed: "B14",
    ForgetsAtRestart: "B15",
    EndsConsumersAtRestart: "B15",
    TakesAllKeys: "B16",
    MixesKeys: "B16",
    TakesBack: "B17",
    FetchesTooMany: "B17",
    LosesAtCancel: "B18",
}


async def run_clause(test, broker_class, kinds):
    """Run one test of the kit with the fixtures that it asks for."""
    async with broker_class(VirtualEnv(asyncio.get_running_loop(), seed=1)) as broker:
        mortal = Mortal(broker)
        fixtures = {
            "broker": broker,
            "subjects": Subjects("ns"),
            "restart": broker.restart,
            "lose_disk": broker.lose_disk,
            "mortal": (mortal, mortal.kill),
            **kinds,
        }
        wanted = list(inspect.signature(test).parameters)[1:]
        async with asyncio.timeout(200):
            await test(BrokerConformance(), **{name: fixtures[name] for name in wanted})


def failed_clauses(broker_class):
    """Run every test of the kit in virtual time; return the clauses whose tests failed, in order."""
    failed = []
    for name, test in vars(BrokerConformance).items():
        if not name.startswith("test_"):
            continue
        params = [mark.args for mark in test.pytestmark if mark.name == "parametrize"]
        for kinds in [{params[0][0]: kind} for kind in params[0][1]] if params else [{}]:
            try:
                run(run_clause(test, broker_class, kinds), allow_leftovers=True)
            except (Exception, pytest.fail.Exception):  # noqa: BLE001 - a wrong broker may fail in any way
                failed.append(name.split("_")[1].upper())
    return list(dict.fromkeys(failed))


def test_the_right_broker_passes_the_kit():
    assert failed_clauses(Right) == []


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{WRONG[wrong]}-{wrong.__name__}")
def test_a_wrong_broker_fails_its_clause_alone(wrong):
    assert failed_clauses(wrong) == [WRONG[wrong]]


def test_every_clause_has_a_test_and_a_wrong_broker():
    assert clauses_tested(vars(BrokerConformance)) == clauses_in(contract)
    assert set(WRONG.values()) == set(clauses_in(contract))
