"""A world for one run: engines, bots and clients around one broker, one store and one lock, and what befalls them.

What outlives a process stands here: the broker, the store, the lock's records, each bot's ledger. `Life` says what a
process is. A supervisor starts again what has died, as a service manager would, until the run is over.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final, Self

from ee_core.contracts.lock import LeaseState
from ee_core.local.broker import MemoryBroker
from ee_core.local.lock_table import LockTable
from ee_core.messages.subjects import Subjects
from ee_core.simulation.activities import SCRIPTED
from ee_core.simulation.bots import BotLife, Surroundings
from ee_core.simulation.clients import Clients
from ee_core.simulation.engines import EngineLife
from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.faults import Fault, Faults
from ee_core.simulation.faulty_broker import Network
from ee_core.simulation.faulty_journal import JournalWeather
from ee_core.simulation.faulty_lock import LockWeather
from ee_core.simulation.life import Life
from ee_core.simulation.recorder import RecordedStore, Recorder
from ee_core.simulation.registry import SimulatedRegistry

if TYPE_CHECKING:
    from types import TracebackType

    from ee_core.contracts.lock import LockRecord
    from ee_core.model.ids import BotId, EngineId
    from ee_core.simulation.activities import Cast
    from ee_core.simulation.history import Waited
    from ee_core.simulation.plan import Plan

_SUPERVISES_S: Final = 1.0
_GRACE_S: Final = 1.0
_FRUITLESS: Final = 2  # a third one would refuse to start


class World:
    """Everything in one run.

    Args:
        cast: Plays the activity types.

    Attributes:
        engine: The one that was started last.
        faults: Which may strike; calm at the end.
        nature: What goes on whatever dies: messages under way, the supervisor, the storm.
        waits_hit: How often each fault struck while there was a wait of each kind.
        waited: What there was when jobs had been open for so long that they were cancelled.
    """

    def __init__(self, plan: Plan, cast: Cast = SCRIPTED) -> None:
        self.plan = plan
        self.faults = Faults(plan.seed, plan.rates, self._note)
        self.subjects = Subjects()
        self.recorder = Recorder(self.subjects)
        self.waits_hit: dict[tuple[Fault, str], int] = {}
        self.waited: Waited | None = None
        self._loop = asyncio.get_running_loop()
        self._env_seeds = itertools.count(plan.seed * 1000)
        self.nature = Life("nature")
        env = self.make_env()
        self.broker = MemoryBroker(env)
        self.network = Network(
            self.faults,
            self.nature,
            on_try=self.recorder.tried,
            on_send=self.recorder.sent,
            on_settle=self.recorder.settled,
        )
        self.disk = JournalWeather(self.faults, self.nature)
        self.store = RecordedStore(env.new_id(), self.recorder, lambda: self.disk.writer)
        self.lock = LockWeather(self.faults)
        self.table = LockTable(env)
        self._holders: dict[BotId, EngineId] = {}
        self.table.add_watcher(self._lease_written)
        self.around = Surroundings(
            self.broker, self.network, self.subjects, self.faults, self.recorder, self.make_env, cast
        )
        self.registry = SimulatedRegistry(env, self.recorder, {"grace_s": _GRACE_S, **plan.settings}, cast)
        self.clients = Clients(self.around)
        self.bots = {spec.id: BotLife(spec, self.around) for spec in plan.bots}
        self.engines: list[EngineLife] = []
        self._resting: dict[object, float] = {}  # not started again before

    def make_env(self) -> VirtualEnv:
        """Make the clock and the chance of one more process."""
        return VirtualEnv(self._loop, next(self._env_seeds))

    async def __aenter__(self) -> Self:
        await self.broker.__aenter__()
        self.start_engine()
        for bot in self.bots.values():
            await bot.start()
        self.nature.start(self._supervise())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.calm()
        self.network.come_up()
        # nature first: the supervisor would start again what dies
        lives = [self.nature, self.clients.life, *(engine.life for engine in self.engines)]
        for life in (*lives, *(bot.life for bot in self.bots.values())):
            await life.kill()
        await self.broker.close()
        for bot in self.bots.values():
            bot.close()

    # -- processes ---------------------------------------------------------------------------------------------

    @property
    def engine(self) -> EngineLife:
        return self.engines[-1]

    def start_engine(self) -> EngineLife:
        """Start one more engine on the store."""
        # an operator who has looked: storms may well end three engines in a row
        is_fruitless = self._adopted_in_vain() >= _FRUITLESS
        engine = EngineLife(
            f"engine-{len(self.engines) + 1}",
            self.around,
            self.store,
            self.table,
            self.disk,
            self.lock,
            self.registry,
            despite_poison=is_fruitless,
        )
        self.engines.append(engine)
        engine.start()
        return engine

    def crash(self, life: Life, rest_s: float = 0.0) -> None:
        """Let an engine die in the middle of whatever it does; returns at once."""
        engine = next(engine for engine in self.engines if engine.life is life)
        life.is_dead = True
        self.rest(engine, rest_s)
        self.nature.start(engine.kill())

    def crash_bot(self, bot: BotLife, rest_s: float = 0.0) -> None:
        """Let a bot die in the middle of whatever it does; returns at once."""
        bot.life.is_dead = True
        self.rest(bot, rest_s)
        self.nature.start(bot.kill())

    def _adopted_in_vain(self) -> int:
        """Return how many engines in a row came to nothing."""
        partition = self.store.partitions[0]
        last = partition.commits[-1].epoch if partition.commits else 0
        return partition.epoch - last

    async def end_rivals(self) -> None:
        """Stop every engine but the last, as somebody would who sees two."""
        for engine in self.engines[:-1]:
            if engine.is_running:
                await engine.stop()

    def is_resting(self, process: object) -> bool:
        """Say whether a process that died is not to be started yet."""
        return self._loop.time() < self._resting.get(process, 0.0)

    def rest(self, process: object, for_s: float) -> None:
        """Leave a process dead for a while."""
        self._resting[process] = self._loop.time() + for_s

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_SUPERVISES_S)
            if not self.engine.is_running and not self.is_resting(self.engine):
                self.start_engine()
            for bot in self.bots.values():
                if not bot.is_running and not self.is_resting(bot):
                    await bot.start()

    # -- what is seen ------------------------------------------------------------------------------------------

    @property
    def open_jobs(self) -> list[str]:
        """The jobs that are not over, as the journal knows."""
        return [job for job, row in self.store.summaries.items() if row.open]

    def jobs_with_incidents(self) -> list[str]:
        """The jobs that a person has to look at."""
        return [job for job, row in self.store.summaries.items() if row.incidents]

    def quarantined_bots(self) -> list[str]:
        """The bots that a person has to look at."""
        return [record.bot for record in self.table.records() if record.state is LeaseState.QUARANTINED]

    def _lease_written(self, record: LockRecord) -> None:
        before = self._holders.pop(record.bot, None)
        if record.holder is not None:
            self._holders[record.bot] = record.holder
        robbed = before is not None and record.holder not in {None, before} and self.table.is_alive(before)
        self.recorder.lease_written(self.lock.writer, record, robbed=robbed)

    def _note(self, fault: Fault, about: str) -> None:
        self.recorder.fault(fault.line_kind, about, fault.value)
        for kind in self.wait_kinds():
            self.waits_hit[fault, kind] = self.waits_hit.get((fault, kind), 0) + 1

    def wait_kinds(self) -> list[str]:
        """The kinds of waits that jobs have at this moment, in order."""
        engine = self.engine.engine if self.engines else None
        if engine is None:
            return []
        kept = {key for driver in engine.jobs for key in driver.job.waits}
        armed = {key for waits in engine.reactor._armed.values() for key in waits}  # of resting jobs, too
        return sorted({key.partition(":")[0] for key in kept | armed})
