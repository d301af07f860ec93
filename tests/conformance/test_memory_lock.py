"""The in-process lock against its contract in virtual time: with records in memory, and with a file."""

import asyncio
import json
import subprocess
import sys
from contextlib import closing

import pytest
import pytest_asyncio

from ee_core.contracts.lock import LeaseState, LockProvider, LockTraits
from ee_core.errors import ConfigError, LockError, LockLostError, LockUnavailableError
from ee_core.local.env import SystemEnv
from ee_core.local.lock import MemoryLock, ee_open_lock
from ee_core.local.lock_file import LockFile
from ee_core.local.lock_table import LockTable
from ee_core.simulation import VirtualEnv
from ee_core.simulation.pytest import virtual_time
from ee_core.testing.lock import LockConformance
from ee_core.testing.lock_store import LockStore

NOW_US = 1_767_225_600_000_000


class InMemory(LockStore):
    def __init__(self, env):
        self._env = env
        self._table = LockTable(env)

    def connect(self):
        return MemoryLock(self._env, table=self._table)


class OnFile(LockStore):
    """Several engines in one process share the table of one open file."""

    def __init__(self, env, path):
        self._env = env
        self._path = path
        self._load()

    def connect(self):
        lock = MemoryLock(self._env, table=self._table)
        lock.traits = LockTraits(shared=False, durable=True)
        return lock

    async def restart(self):
        self.close()
        self._load()

    async def lose(self):
        self.close()
        self._path.unlink()
        self._load()

    def close(self):
        self._file.close()

    def _load(self):
        self._file = LockFile(self._path)
        self._table = LockTable(self._env, records=self._file.records, save=self._file.save)


class TestMemoryLock(LockConformance):
    virtual_loop = True

    @pytest_asyncio.fixture
    async def store(self):
        return InMemory(VirtualEnv(asyncio.get_running_loop(), seed=1))


class TestMemoryLockOnFile(LockConformance):
    virtual_loop = True

    @pytest_asyncio.fixture
    async def store(self, tmp_path):
        store = OnFile(VirtualEnv(asyncio.get_running_loop(), seed=1), tmp_path / "locks.json")
        yield store
        store.close()


def open_lock(path):
    return ee_open_lock(settings={"path": str(path)}, env=SystemEnv())


async def take(lock, bot="robot", *, engine="anna"):
    return await lock.take(bot, engine=engine, now_us=NOW_US, floor=0)


def test_hook_makes_an_unopened_provider(tmp_path):
    kept, not_kept = open_lock(tmp_path / "locks.json"), ee_open_lock(settings={}, env=SystemEnv())

    assert isinstance(kept, LockProvider)
    assert (kept.traits.durable, not_kept.traits.durable) == (True, False)
    assert not kept.traits.shared
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "reason"), [({"file": "x"}, "no setting 'file'"), ({"path": 3}, "path is 3")]
)
def test_hook_refuses_wrong_settings(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        ee_open_lock(settings=settings, env=SystemEnv())


@virtual_time
async def test_lock_is_opened_once_and_used_while_open():
    lock = MemoryLock(SystemEnv())

    with pytest.raises(LockUnavailableError, match="not open"):
        await take(lock)
    async with lock:
        with pytest.raises(LockError, match="opened before"):
            await lock.__aenter__()
    with pytest.raises(LockError, match="opened before"):
        await lock.__aenter__()


@virtual_time
async def test_second_engine_on_a_file_is_refused(tmp_path):
    path = tmp_path / "locks.json"

    async with open_lock(path) as lock:
        with pytest.raises(ConfigError, match=r"locks.json' is in use by another engine"):
            await open_lock(path).__aenter__()
        await take(lock)
    async with open_lock(path):
        pass


def test_second_process_on_a_file_is_refused(tmp_path):
    path = tmp_path / "locks.json"
    script = "import sys, pathlib; from ee_core.local.lock_file import LockFile; LockFile(pathlib.Path(sys.argv[1]))"

    with closing(LockFile(path)):
        other = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, check=False
        )

    assert "in use by another engine" in other.stderr


@virtual_time
async def test_lease_of_an_earlier_process_proves_nothing(tmp_path):
    path = tmp_path / "locks.json"
    async with open_lock(path) as lock:
        lease = await lock.write(await take(lock), LeaseState.HELD)

    async with open_lock(path) as lock:
        with pytest.raises(LockLostError):
            await lock.write(lease, LeaseState.HELD)
        assert (await take(lock)).record.lease == lease.record.lease + 1
        with pytest.raises(LockLostError):
            await lock.release(lease)


@virtual_time
async def test_file_holds_what_was_answered_and_is_the_owners(tmp_path):
    path = tmp_path / "locks.json"
    async with open_lock(path) as lock:
        await lock.write(await take(lock), LeaseState.QUARANTINED, "der Arm hält nicht")

        stored = json.loads(path.read_text(encoding="utf-8"))["bots"]["robot"]
        assert stored == {
            "v": 1,
            "holder": "anna",
            "lease": NOW_US,
            "state": "quarantined",
            "reason": "der Arm hält nicht",
        }
        assert path.stat().st_mode & 0o077 == 0


@virtual_time
async def test_write_failure_changes_nothing_and_can_be_repeated(tmp_path):
    path = tmp_path / "locks.json"
    async with open_lock(path) as lock:
        lease = await take(lock)
        (tmp_path / "locks.json.new").mkdir()  # in the way of the next file

        with pytest.raises(LockUnavailableError, match=r"locks.json' was not written"):
            await lock.write(lease, LeaseState.HELD)
        with pytest.raises(LockUnavailableError):
            await take(lock, "other")
        (tmp_path / "locks.json.new").rmdir()

        assert (await lock.write(lease, LeaseState.HELD)).record.lease == lease.record.lease


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no lock file"),
        (b"[]", "is no lock file"),
        (b'{"ee_locks": 1, "bots": {"b": {"v": 1}}}', "is no lock file"),
        (
            b'{"ee_locks": 1, "bots": {"b": {"v": 1, "holder": 3, "lease": 1, "state": "free", "reason": ""}}}',
            "is no lock file",
        ),
        (b'{"ee_locks": 1, "bots": {"b": {"v": 9}}}', "version 9"),
        (b'{"ee_locks": 2, "bots": {}}', "format 2"),
    ],
)
@virtual_time
async def test_file_that_is_none_is_refused_and_left_alone(tmp_path, content, reason):
    path = tmp_path / "locks.json"
    path.write_bytes(content)

    for _ in range(2):  # the first refusal gives the file free again
        with pytest.raises(ConfigError, match=reason):
            await open_lock(path).__aenter__()

    assert path.read_bytes() == content


@virtual_time
async def test_place_that_cannot_hold_a_file_is_refused(tmp_path):
    for path, reason in ((tmp_path / "none" / "locks.json", "there is no folder"), (tmp_path, "is a folder")):
        with pytest.raises(ConfigError, match=reason):
            await open_lock(path).__aenter__()
