"""What the memory journal promises beyond the contract."""

import asyncio

import pytest

from ee_core.errors import ConfigError, JournalUnavailableError, NotFoundError
from ee_core.local.env import SystemEnv
from ee_core.local.memory_journal import MemoryJournal, MemoryStore, ee_open_journal
from ee_core.simulation.pytest import virtual_time
from ee_core.testing.journal_store import entry


@virtual_time
async def test_partitions_are_apart():
    async with MemoryJournal(MemoryStore("a-store", 2)) as journal:
        heads = [await journal.open_partition(partition) for partition in (0, 1)]
        await journal.commit(heads[0], [entry("a", 0)])
        await journal.commit(heads[1], [entry("b", 0)])

        for partition, name in enumerate("ab"):
            assert [commit.records async for commit in journal.read(partition)] == [(f"{name}/0".encode(),)]
            assert [job async for job in journal.open_jobs(partition)] == [name]
        with pytest.raises(NotFoundError, match="partition 2 does not exist; this journal has 2"):
            await journal.open_partition(2)


@virtual_time
async def test_a_cancelled_commit_has_been_stored_and_may_be_repeated():
    async with MemoryJournal(MemoryStore("a-store")) as journal:
        head = await journal.open_partition(0)
        task = asyncio.create_task(journal.commit(head, [entry("a", 0)]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await journal.commit(head, [entry("a", 0)])

        assert [commit.records async for commit in journal.read(0)] == [(b"a/0",)]


@virtual_time
async def test_a_journal_is_opened_once_and_the_store_again():
    store = MemoryStore("a-store")
    journal = MemoryJournal(store)
    with pytest.raises(JournalUnavailableError, match="not open yet"):
        await journal.open_partition(0)
    async with journal:
        await journal.open_partition(0)
    with pytest.raises(JournalUnavailableError, match="opened before"):
        await journal.__aenter__()
    async with MemoryJournal(store) as another:
        assert (await another.open_partition(0)).epoch == 2


@virtual_time
async def test_the_hook_makes_a_store_of_its_own_each_time():
    async with (
        ee_open_journal({}, SystemEnv()) as first,
        ee_open_journal({"partitions": 4}, SystemEnv()) as second,
    ):
        assert first.traits.partitions == 1
        assert second.traits.partitions == 4
        assert not first.traits.durable


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"path": "x"}, "journal.path is no setting of the memory journal; it has: partitions"),
        ({"partitions": 0}, "journal.partitions is 0; give a number from 1 to 1024"),
        ({"partitions": "4"}, "journal.partitions is '4'"),
        ({"partitions": True}, "journal.partitions is True"),
    ],
)
def test_wrong_settings_are_named(settings, match):
    with pytest.raises(ConfigError, match=match):
        ee_open_journal(settings, SystemEnv())
