"""The decorators of simulated faults keep their contracts while no fault is on."""

import asyncio
import itertools

import pytest
import pytest_asyncio

from ee_core.local.broker import MemoryBroker
from ee_core.local.env import SystemEnv
from ee_core.local.lock import MemoryLock
from ee_core.local.lock_table import LockTable
from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.simulation import VirtualEnv
from ee_core.simulation.faults import CALM
from ee_core.simulation.faulty_broker import FaultyBroker, Network
from ee_core.simulation.faulty_journal import FaultyJournal, JournalWeather
from ee_core.simulation.faulty_lock import FaultyLock, LockWeather
from ee_core.simulation.life import Life
from ee_core.testing.broker import BrokerConformance
from ee_core.testing.journal import JournalConformance
from ee_core.testing.journal_store import JournalStore
from ee_core.testing.lock import LockConformance
from ee_core.testing.lock_store import LockStore


class TestCalmBroker(BrokerConformance):
    virtual_loop = True

    @pytest_asyncio.fixture
    async def broker(self):
        network = Network(CALM, Life("nature"))
        async with FaultyBroker(MemoryBroker(SystemEnv()), network, Life("bot")) as broker:
            yield broker


class CalmLock(LockStore):
    def __init__(self, env):
        self._env = env
        self._table = LockTable(env)

    def connect(self):
        return FaultyLock(MemoryLock(self._env, table=self._table), LockWeather(CALM), Life("engine"))


class TestCalmLock(LockConformance):
    virtual_loop = True

    @pytest_asyncio.fixture
    async def store(self):
        return CalmLock(VirtualEnv(asyncio.get_running_loop(), seed=1))


class CalmJournal(JournalStore):
    def __init__(self, store_id):
        self._store = MemoryStore(store_id)

    def connect(self):
        weather = JournalWeather(CALM, Life("nature"))
        return FaultyJournal(MemoryJournal(self._store), weather, Life("engine"))


class TestCalmJournal(JournalConformance):
    @pytest.fixture
    def new_store(self):
        numbers = itertools.count()
        return lambda: CalmJournal(f"a-store-in-calm-{next(numbers)}")
