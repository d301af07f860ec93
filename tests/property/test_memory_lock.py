"""Engines that take, renew, die, come back late and read wrong clocks: numbers rise, and no bot has two holders.

The machine runs the in-process lock on the virtual loop and keeps its own books: what each engine believes it holds, as
a careful engine does (its deadline is counted from before the renewal was sent).
"""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ee_core.contracts.lock import Lease, LeaseState
from ee_core.errors import LockHeldError, LockLostError
from ee_core.local.lock import MemoryLock
from ee_core.local.lock_table import LockTable
from ee_core.simulation import VirtualEnv, VirtualLoop

ENGINES = st.integers(0, 2)
BOTS = st.sampled_from(["robot-1", "robot-2"])
STATES = st.sampled_from([LeaseState.FREE, LeaseState.HELD, LeaseState.DRAINING, LeaseState.QUARANTINED])
TTL_S = 10.0


class LockMachine(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 1000))
    def start(self, seed):
        self.loop = VirtualLoop(seed=seed)
        self.env = VirtualEnv(self.loop, seed=seed)
        self.table = LockTable(self.env)
        self.locks = {}  # by engine; an engine has another id after a restart
        self.processes = 0
        self.deadlines = {}  # by engine: until when it believes in its key
        self.believed = {}  # (engine, bot): the lease it believes to have
        self.highest = {}  # by bot
        self.quarantined = set()
        self.open_all()

    def open_all(self):
        self.processes += 1
        self.locks = {f"e{n}-{self.processes}": MemoryLock(self.env, table=self.table) for n in range(3)}
        for lock in self.locks.values():
            self.wait(lock.__aenter__())

    def id_of(self, engine):
        return [*self.locks][engine]

    def wait(self, call):
        return self.loop.run_until_complete(call)

    def lives(self, engine):
        return self.env.boottime_s() < self.deadlines.get(engine, 0)

    def holders(self, bot):
        return [engine for engine, held in self.believed if held == bot and self.lives(engine)]

    def is_held_by_another(self, engine, bot):
        # by the record, which also names engines that took before they had a key, and do not believe in it
        holder = next(record.holder for record in self.table.records() if record.bot == bot)
        return holder not in (None, engine) and self.lives(holder)

    def took(self, engine, bot, lease):
        assert lease.record.holder == engine
        assert lease.record.lease > self.highest.get(bot, 0)
        self.highest[bot] = lease.record.lease
        if self.lives(engine):  # else it is a dead engine's from the beginning
            self.believed[engine, bot] = lease
        self.quarantined.discard(bot)

    @rule(engine=ENGINES)
    def renew(self, engine):
        engine = self.id_of(engine)
        deadline = self.env.boottime_s() + TTL_S
        was_late = engine in self.deadlines and not self.lives(engine)
        try:
            self.wait(self.locks[engine].keep_alive(engine, ttl_s=TTL_S))
        except LockLostError:
            assert was_late
            del self.deadlines[engine]
            self.forget(engine)
        else:
            assert not was_late
            self.deadlines[engine] = deadline

    def forget(self, engine):
        self.believed = {key: lease for key, lease in self.believed.items() if key[0] != engine}

    @rule(engine=ENGINES)
    def retire(self, engine):
        engine = self.id_of(engine)
        self.wait(self.locks[engine].retire(engine))
        self.deadlines.pop(engine, None)
        self.forget(engine)

    @rule(engine=ENGINES, bot=BOTS, behind_us=st.integers(0, 10**9), ahead=st.integers(0, 5))
    def take(self, engine, bot, behind_us, ahead):
        engine = self.id_of(engine)
        others = [other for other in self.holders(bot) if other != engine]
        floor = self.highest.get(bot, 0) + ahead if ahead else 0
        now_us = self.env.now() - behind_us
        call = self.locks[engine].take(bot, engine=engine, now_us=now_us, floor=floor)
        try:
            lease = self.wait(call)
        except LockHeldError:
            assert bot in self.quarantined or self.is_held_by_another(engine, bot)
            return
        assert not others
        assert bot not in self.quarantined
        assert lease.record.lease == max(self.highest.get(bot, 0) + 1, now_us, floor)
        self.took(engine, bot, lease)

    @rule(bot=BOTS)
    def take_all_at_once(self, bot):
        async def race():
            calls = [
                lock.take(bot, engine=engine, now_us=self.env.now(), floor=0)
                for engine, lock in self.locks.items()
                if self.lives(engine)
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

        leases = [result for result in self.wait(race()) if isinstance(result, Lease)]
        assert len(leases) <= 1
        for lease in leases:
            self.took(lease.record.holder, bot, lease)

    @rule(engine=ENGINES, bot=BOTS)
    def take_what_is_quarantined(self, engine, bot):
        engine = self.id_of(engine)
        others = [other for other in self.holders(bot) if other != engine]
        call = self.locks[engine].take(
            bot, engine=engine, now_us=self.env.now(), floor=0, even_quarantined=True
        )
        try:
            lease = self.wait(call)
        except LockHeldError:
            assert self.is_held_by_another(engine, bot)
            return
        assert not others
        if bot in self.quarantined:
            assert lease.record.state is LeaseState.UNKNOWN
        self.took(engine, bot, lease)

    @precondition(lambda self: self.believed)
    @rule(data=st.data(), state=STATES)
    def write(self, data, state):
        engine, bot = data.draw(st.sampled_from(sorted(self.believed)))
        lease = self.believed[engine, bot]
        try:
            written = self.wait(self.locks[engine].write(lease, state, "why"))
        except LockLostError:
            assert lease.record.lease < self.highest[bot]
            del self.believed[engine, bot]
            return
        assert written.record.lease == lease.record.lease == self.highest[bot]
        self.believed[engine, bot] = written
        (self.quarantined.add if state is LeaseState.QUARANTINED else self.quarantined.discard)(bot)

    @precondition(lambda self: self.believed)
    @rule(data=st.data())
    def release(self, data):
        engine, bot = data.draw(st.sampled_from(sorted(self.believed)))
        lease = self.believed.pop((engine, bot))
        try:
            self.wait(self.locks[engine].release(lease))
        except LockLostError:
            assert lease.record.lease < self.highest[bot]

    @rule(duration_s=st.sampled_from([0.5, 4.0, 9.5, 11.0]), suspended=st.booleans())
    def pass_time(self, duration_s, suspended):
        if suspended:
            self.env.suspend(duration_s)
        else:
            self.wait(asyncio.sleep(duration_s))

    @rule(jump_us=st.integers(-(10**12), 10**12))
    def set_the_clock(self, jump_us):
        self.env.wall_offset_us = jump_us

    @rule()
    def restart(self):
        """All engines of the process die; the records were kept."""
        for lock in self.locks.values():
            self.wait(lock.close())
        self.table = LockTable(self.env, records=self.table.records())
        self.deadlines.clear()
        self.believed.clear()
        self.open_all()

    @invariant()
    def nobody_shares_a_bot(self):
        for bot in self.highest:
            assert len(self.holders(bot)) <= 1

    @invariant()
    def table_agrees(self):
        for record in self.table.records():
            assert record.lease == self.highest[record.bot]
            assert (record.state is LeaseState.QUARANTINED) == (record.bot in self.quarantined)

    def teardown(self):
        if hasattr(self, "loop"):
            self.loop.close()


class TestMemoryLock(LockMachine.TestCase):
    settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
