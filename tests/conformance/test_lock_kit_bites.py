"""Each clause of the lock kit is failed by a provider that breaks that clause, and by no other clause's test.

The providers here are the in-process lock with one thing wrong. A clause without a wrong one would be decoration.
"""

import asyncio
import inspect
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ee_core.contracts import lock as contract
from ee_core.contracts.lock import LeaseState, LockTraits
from ee_core.errors import LockHeldError, LockLostError, LockUnavailableError
from ee_core.local.lock import MemoryLock
from ee_core.local.lock_table import LockTable
from ee_core.simulation import VirtualEnv
from ee_core.simulation.loop import run
from ee_core.testing.conformance import clauses_in, clauses_tested
from ee_core.testing.lock import LockConformance
from ee_core.testing.lock_store import LockStore


class Right(MemoryLock):
    """Keeps every clause; what it has in memory is taken for a disk."""

    def __init__(self, harness):
        super().__init__(harness.env, table=harness.table)
        self.traits = LockTraits(shared=False, durable=True)
        self.harness = harness

    def stored(self, bot):
        return self._open()._stored.get(bot)

    def put(self, stored):
        self._table._stored[stored.record.bot] = stored


class ReadsThenWrites(Right):
    """Breaks L1: between its look and its write there is time."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        found = self.stored(bot)
        await asyncio.sleep(0.01)
        if found is None:
            self._table._stored.pop(bot, None)
        else:
            self.put(found)
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )


class TrustsTheClock(Right):
    """Breaks L2: a clock that goes back takes the lease number along."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        stored = self.stored(bot)
        if stored is not None and now_us < stored.record.lease and now_us < 10**6:
            self.put(replace(stored, record=replace(stored.record, lease=0)))
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )


class IgnoresTheFloor(Right):
    """Breaks L2: a bot whose fences are higher would refuse the lease."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=0, even_quarantined=even_quarantined
        )


class ForgetsNumbersOverARestart(Right):
    """Breaks L2: what was kept begins anew."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        stored = self.stored(bot)
        if stored is not None and not stored.proved:
            self.put(replace(stored, record=replace(stored.record, lease=0)))
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )


class TakesFromTheLiving(Right):
    """Breaks L3: who asks twice gets what another one holds draining."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        stored = self.stored(bot)
        if stored is not None and stored.record.state is LeaseState.DRAINING:
            self.put(replace(stored, record=replace(stored.record, holder=None)))
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )


class RefusesItsHolder(Right):
    """Breaks L3: a take that got no answer cannot be repeated."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        stored = self.stored(bot)
        if (
            stored is not None
            and stored.record.holder == engine
            and stored.record.state in (LeaseState.FREE, LeaseState.HELD)
            and await self.is_alive(engine)
        ):
            raise LockHeldError("held")
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )


class BelievesTheDead(Right):
    """Breaks L4: what a dead engine held idle counts as free."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        stored = self.stored(bot)
        dead = stored is not None and stored.record.holder not in (None, engine)
        free = dead and stored.record.state is LeaseState.FREE
        lease = await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )
        return await self.write(lease, LeaseState.FREE) if free else lease


class BelievesWhatWasKept(Right):
    """Breaks L4: bots that died with the process count as idle."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        stored = self.stored(bot)
        if stored is not None:
            self.put(replace(stored, proved=True))
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )


class ForgetsDoubt(Right):
    """Breaks L5: every released bot is free."""

    async def release(self, lease):
        if lease.record.state in (LeaseState.UNKNOWN, LeaseState.DRAINING):
            lease = await self.write(lease, LeaseState.FREE)
        await super().release(lease)


class DoubtsAll(Right):
    """Breaks L5: what another engine released counts as unknown."""

    async def release(self, lease):
        await super().release(lease)
        if lease.record.holder == "bert":
            stored = self.stored(lease.record.bot)
            self.put(replace(stored, record=replace(stored.record, state=LeaseState.UNKNOWN)))


class WritesWithAnyLease(Right):
    """Breaks L6: looks at the number alone, not at the revision."""

    async def write(self, lease, state, reason=""):
        stored = self.stored(lease.record.bot)
        if stored is not None and stored.record.lease == lease.record.lease:
            lease = replace(lease, revision=stored.revision)
        return await super().write(lease, state, reason)


class ReleasesForOthers(Right):
    """Breaks L6: gives back what was taken over."""

    async def release(self, lease):
        try:
            await super().release(lease)
        except LockLostError:
            stored = self.stored(lease.record.bot)
            self.put(replace(stored, record=replace(stored.record, holder=None)))
            raise


class GivesQuarantinedToItsHolder(Right):
    """Breaks L7: the holder gets it without an operator."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        stored = self.stored(bot)
        own = stored is not None and stored.record.holder == engine
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined or own
        )


class ReleasesQuarantined(Right):
    """Breaks L7: a release ends it."""

    async def release(self, lease):
        if lease.record.state is LeaseState.QUARANTINED:
            lease = await self.write(lease, LeaseState.FREE)
        await super().release(lease)


class ForgetsQuarantine(Right):
    """Breaks L7: a restart ends it."""

    async def take(self, bot, *, engine, now_us, floor, even_quarantined=False):
        stored = self.stored(bot)
        if stored is not None and not stored.proved:
            self.put(replace(stored, record=replace(stored.record, state=LeaseState.HELD)))
        return await super().take(
            bot, engine=engine, now_us=now_us, floor=floor, even_quarantined=even_quarantined
        )


class NeverLetsKeysDie(Right):
    """Breaks L8: a renewed key has no life time any more."""

    async def keep_alive(self, engine, *, ttl_s):
        renewed = await self.is_alive(engine)
        await super().keep_alive(engine, ttl_s=10**6 if renewed else ttl_s)


class RenewsDeadKeys(Right):
    """Breaks L8: who comes late is not told."""

    async def keep_alive(self, engine, *, ttl_s):
        try:
            await super().keep_alive(engine, ttl_s=ttl_s)
        except LockLostError:
            await super().keep_alive(engine, ttl_s=ttl_s)


class TellsLateForEver(Right):
    """Breaks L8: who was late once never has a key again."""

    async def keep_alive(self, engine, *, ttl_s):
        if engine in self.harness.late:
            raise LockLostError("late")
        try:
            await super().keep_alive(engine, ttl_s=ttl_s)
        except LockLostError:
            self.harness.late.add(engine)
            raise


class CutsLifeTimesShort(Right):
    """Breaks L8: a key dies before its time."""

    async def keep_alive(self, engine, *, ttl_s):
        await super().keep_alive(engine, ttl_s=ttl_s / 2)


class WatchesFromNowOn(Right):
    """Breaks L9: does not show what is there."""

    @asynccontextmanager
    async def watch(self):
        async with super().watch() as changes:
            changes._waiting.clear()
            yield changes


class WatchesItself(Right):
    """Breaks L9: shows only what the engine itself has changed."""

    @asynccontextmanager
    async def watch(self):
        async with super().watch() as changes:
            put, taken = changes.put, self.harness.taken_by(self)

            def put_own(record):
                if record.bot in taken:
                    put(record)

            self._table._watchers[max(self._table._watchers)] = put_own
            yield changes

    async def take(self, bot, **arguments):
        self.harness.taken_by(self).add(bot)
        return await super().take(bot, **arguments)


class LosesTheLastChange(Right):
    """Breaks L9: keeps the oldest states for a slow reader."""

    @asynccontextmanager
    async def watch(self):
        async with super().watch() as changes:
            put = changes.put

            def put_first(record):
                if len(changes._waiting) < 2:
                    put(record)

            self._table._watchers[max(self._table._watchers)] = put_first
            yield changes


class AnswersWhenClosed(Right):
    """Breaks L10: still says who lives."""

    async def is_alive(self, engine):
        return self._table.is_alive(engine)


class HangsWhenClosed(Right):
    """Breaks L10: an open watch waits for ever."""

    async def close(self):
        self._state = "closed"


class RetiresWhenClosed(Right):
    """Breaks L10: takes keys along."""

    async def close(self):
        self._table._keys.clear()
        await super().close()


class RetiresLater(Right):
    """Breaks L11: lets the key run out."""

    async def retire(self, engine):
        if engine in self._open()._keys:
            self._table._keys[engine] = self.harness.env.boottime_s() + 1


class RefusesToRetireTwice(Right):
    """Breaks L11: without a key it raises."""

    async def retire(self, engine):
        if not await self.is_alive(engine):
            raise LockUnavailableError("no such key")
        await super().retire(engine)


WRONG = {
    ReadsThenWrites: "L1",
    TrustsTheClock: "L2",
    IgnoresTheFloor: "L2",
    ForgetsNumbersOverARestart: "L2",
    TakesFromTheLiving: "L3",
    RefusesItsHolder: "L3",
    BelievesTheDead: "L4",
    BelievesWhatWasKept: "L4",
    ForgetsDoubt: "L5",
    DoubtsAll: "L5",
    WritesWithAnyLease: "L6",
    ReleasesForOthers: "L6",
    GivesQuarantinedToItsHolder: "L7",
    ReleasesQuarantined: "L7",
    ForgetsQuarantine: "L7",
    NeverLetsKeysDie: "L8",
    RenewsDeadKeys: "L8",
    TellsLateForEver: "L8",
    CutsLifeTimesShort: "L8",
    WatchesFromNowOn: "L9",
    WatchesItself: "L9",
    LosesTheLastChange: "L9",
    AnswersWhenClosed: "L10",
    HangsWhenClosed: "L10",
    RetiresWhenClosed: "L10",
    RetiresLater: "L11",
    RefusesToRetireTwice: "L11",
}


class Harness(LockStore):
    """A table for providers of one class, right or wrong."""

    def __init__(self, lock_class, loop):
        self.env = VirtualEnv(loop, seed=1)
        self.table = LockTable(self.env)
        self.late = set()
        self._taken = {}
        self._lock_class = lock_class

    def connect(self):
        return self._lock_class(self)

    async def restart(self):
        self.table = LockTable(self.env, records=self.table.records())

    async def lose(self):
        self.table = LockTable(self.env)

    def taken_by(self, lock):
        return self._taken.setdefault(id(lock), set())


def arguments_of(test):
    """The sets of arguments a test is called with, besides the store."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    assert set(inspect.signature(test).parameters) == {"self", "store", *(mark.args[0] for mark in marks)}
    return [{mark.args[0]: value} for mark in marks for value in mark.args[1]] or [{}]


def failed_clauses(lock_class):
    """Run every test of the kit in virtual time; return the clauses whose tests failed, in order."""

    async def check(test, arguments):
        async with asyncio.timeout(300):
            await test(LockConformance(), Harness(lock_class, asyncio.get_running_loop()), **arguments)

    failed = []
    for name, test in vars(LockConformance).items():
        for arguments in arguments_of(test) if name.startswith("test_") else []:
            try:
                run(check(test, arguments), allow_leftovers=True)
            except (Exception, pytest.fail.Exception):  # noqa: BLE001 - a wrong provider may fail in any way
                failed.append(name.split("_")[1].upper())
    return list(dict.fromkeys(failed))


def test_the_right_provider_passes_the_kit():
    assert failed_clauses(Right) == []


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{WRONG[wrong]}-{wrong.__name__}")
def test_a_wrong_provider_fails_its_clause_alone(wrong):
    assert failed_clauses(wrong) == [WRONG[wrong]]


def test_every_clause_has_a_test_and_a_wrong_provider():
    assert clauses_tested(vars(LockConformance)) == clauses_in(contract)
    assert set(WRONG.values()) == set(clauses_in(contract))
