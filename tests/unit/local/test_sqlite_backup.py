"""Copies of a journal: of one instant though an engine writes, whole or none, and no old writer may go on in a restored one."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing

import pytest

from ee_core.contracts.journal import JobFilter
from ee_core.errors import ConfigError, ConflictError, JournalConflictError, JournalCorruptError
from ee_core.local.sqlite_backup import back_up, claimed, look_through, restore
from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.model.ids import JobId
from ee_core.testing.journal_store import entry

NOW_US = 1_800_000_000_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def copy(tmp_path):
    return tmp_path / "copy.db"


@pytest.fixture
def connect(path):
    return lambda at=path, **options: SqliteJournal(
        at, new_store_id="the-store-of-this-test", busy_timeout_s=0.05, **options
    )


async def records_of(journal):
    return [body async for commit in journal.read(0) for body in commit.records]


async def write(journal, head, count, job="a", first=0):
    for index in range(first, first + count):
        head = await journal.commit(head, [entry(job, index)])
    return head


async def test_a_copy_holds_what_was_committed_and_the_writer_goes_on(connect, path, copy):
    async with connect() as journal:
        head = await write(journal, await journal.open_partition(0), 5)
        found = back_up(path, copy)
        await write(journal, head, 1, first=5)

        assert len(await records_of(journal)) == 6
    assert (found.commits, found.jobs, found.store_id) == (5, 1, "the-store-of-this-test")
    async with connect(copy) as journal:
        assert await records_of(journal) == [f"a/{index}".encode() for index in range(5)]


async def test_copies_made_while_commits_go_on_are_each_of_one_instant(connect, path, tmp_path):
    async with connect() as journal:
        head = await journal.open_partition(0)
        writing = asyncio.create_task(write(journal, head, 400))
        found = []
        while not writing.done():
            target = tmp_path / f"copy-{len(found)}"
            found.append(await asyncio.to_thread(back_up, path, target))
        await writing

    assert len({each.commits for each in found}) > 1
    for number, each in enumerate(found):
        async with connect(tmp_path / f"copy-{number}") as journal:
            assert len(await records_of(journal)) == each.commits
            assert [job.job for job in await journal.list_jobs(JobFilter())] == ["a"] * bool(each.commits)


async def test_a_copy_of_what_a_killed_engine_left_has_its_last_commits(connect, path, copy, tmp_path):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 5)
        left = tmp_path / "left"
        left.mkdir()
        for name in ("journal.db", "journal.db-wal"):  # what a power cut leaves: the log has it all
            (left / name).write_bytes((path.parent / name).read_bytes())

    assert back_up(left / "journal.db", copy).commits == 5


@pytest.mark.skipif(os.name != "posix", reason="permissions of this kind are posix")
async def test_a_copy_is_one_file_that_only_its_owner_may_read(connect, path, copy):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 1)
        back_up(path, copy)

        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert [file.name for file in path.parent.iterdir() if "copy" in file.name] == ["copy.db"]


async def test_a_copy_is_not_written_over_unless_that_is_said(connect, path, copy):
    copy.write_text("precious")
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 1)
        with pytest.raises(ConflictError, match="is there already; name another file, or say --force"):
            back_up(path, copy)
        assert copy.read_text() == "precious"
        assert back_up(path, copy, force=True).commits == 1


async def test_of_a_damaged_journal_no_copy_is_made(connect, path, copy):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 3)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE record SET frame = zeroblob(20) WHERE id = 2")

    with pytest.raises(JournalCorruptError, match="commit 2"):
        back_up(path, copy)
    assert [file.name for file in path.parent.iterdir() if "copy" in file.name] == []


def test_a_journal_that_is_not_there_is_named(path, copy):
    with pytest.raises(ConfigError, match="there is no such file"):
        back_up(path, copy)
    with pytest.raises(ConfigError, match="name a copy that `eectl engine backup` made"):
        restore(copy, path, now_us=NOW_US)


async def test_a_restored_journal_goes_on_and_no_older_writer_can(connect, path, copy):
    async with connect() as journal:
        head = await write(journal, await journal.open_partition(0), 3)
        back_up(path, copy)
        for _ in range(5):
            head = await journal.open_partition(0)
        zombie = await write(journal, head, 2, first=3)
    restored, replaced = restore(copy, path, now_us=NOW_US, force=True)

    assert (restored.commits, replaced) == (3, path.with_name("journal.db.replaced"))
    async with connect() as journal:
        head = await journal.open_partition(0)
        assert (head.position, head.epoch, head.fruitless) == (3, NOW_US + 1, 0)
        await write(journal, head, 2, first=3)
        with pytest.raises(JournalConflictError):
            await write(journal, zombie, 1, first=5)
    async with connect(replaced) as journal:
        assert len(await records_of(journal)) == 5


async def test_a_copy_restored_twice_shuts_out_the_writers_of_the_first(connect, path, copy):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 1)
        back_up(path, copy)
    heads = []
    for now_us in (NOW_US, NOW_US + 1_000_000):
        restore(copy, path, now_us=now_us, force=True)
        async with connect() as journal:
            heads.append(await write(journal, await journal.open_partition(0), 1, first=1))
            for head in heads[:-1]:
                with pytest.raises(JournalConflictError):
                    await journal.commit(head, [entry("a", 2)])

    assert heads[0].epoch < heads[1].epoch


async def test_an_epoch_rises_though_the_clock_fell(connect, path, copy):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 1)
    back_up(path, copy)
    restore(copy, path, now_us=NOW_US, force=True)
    back_up(path, copy, force=True)
    restore(copy, path, now_us=5, force=True)
    async with connect() as journal:
        assert (await journal.open_partition(0)).epoch == NOW_US + 2


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_journal_that_somebody_has_open_is_not_replaced(connect, path, copy, read_only):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 1)
        back_up(path, copy)
    async with connect(read_only=read_only) as journal:
        with pytest.raises(ConflictError, match="is open in another process; stop the engine"):
            restore(copy, path, now_us=NOW_US, force=True)
        with pytest.raises(ConflictError, match="is open in another process"), claimed(path):
            pass
        assert await records_of(journal) == [b"a/0"]
        if not read_only:
            await write(journal, await journal.open_partition(0), 1, first=1)
    assert not path.with_name("journal.db.replaced").exists()


async def test_a_journal_is_not_replaced_unless_that_is_said(connect, path, copy):
    async with connect():
        pass
    back_up(path, copy)
    with pytest.raises(ConflictError, match="is there already; say --force"):
        restore(copy, path, now_us=NOW_US)


async def test_a_journal_that_is_gone_is_restored_and_its_old_log_does_not_get_in(connect, path, copy):
    async with connect() as journal:
        head = await write(journal, await journal.open_partition(0), 2)
        back_up(path, copy)
        await write(journal, head, 3, first=2)
        log = path.with_name("journal.db-wal").read_bytes()
    path.unlink()
    path.with_name("journal.db-wal").write_bytes(log)

    assert restore(copy, path, now_us=NOW_US)[1] is None
    async with connect() as journal:
        assert await records_of(journal) == [b"a/0", b"a/1"]


async def test_a_journal_that_is_no_sqlite_file_any_more_is_replaced(connect, path, copy):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 1)
    back_up(path, copy)
    path.write_bytes(bytes(10_000))

    restore(copy, path, now_us=NOW_US, force=True)
    async with connect() as journal:
        assert await journal.find_job(JobId("a"))


async def test_a_damaged_copy_is_refused_and_the_journal_stays(connect, path, copy):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 2)
    back_up(path, copy)
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("DELETE FROM record WHERE id = 1")

    with pytest.raises(JournalCorruptError, match="commit 1"):
        restore(copy, path, now_us=NOW_US, force=True)
    async with connect() as journal:
        assert await records_of(journal) == [b"a/0", b"a/1"]
    assert not list(path.parent.glob("*.part"))
    assert not list(path.parent.glob("*.replaced"))


async def test_damage_in_sqlites_own_pages_is_found(connect, path):
    async with connect() as journal:
        await write(journal, await journal.open_partition(0), 200)
    with closing(sqlite3.connect(path)) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'record_job'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    data[root * size - 200 : root * size - 100] = bytes(100)
    path.write_bytes(data)

    with pytest.raises(JournalCorruptError):
        look_through(path)


async def test_a_restored_copy_in_another_file_than_a_journal_is_refused(path, copy):
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("CREATE TABLE aunts (name TEXT)")
    with pytest.raises(ConfigError, match="but no journal"):
        restore(copy, path, now_us=NOW_US)
    assert not path.exists()


async def test_each_restore_keeps_the_journal_that_it_replaces(connect, path, copy):
    async with connect() as journal:
        head = await write(journal, await journal.open_partition(0), 1)
        back_up(path, copy)
        await write(journal, head, 4, first=1)
    kept = [restore(copy, path, now_us=NOW_US + number, force=True)[1] for number in range(3)]

    assert [each.name for each in kept] == [f"journal.db.replaced{end}" for end in ("", "-2", "-3")]
    assert [look_through(each).commits for each in kept] == [5, 1, 1]


async def test_a_restore_that_ends_in_the_middle_leaves_a_journal_in_its_place(
    connect, path, copy, monkeypatch
):
    async with connect() as journal:
        head = await write(journal, await journal.open_partition(0), 1)
        back_up(path, copy)
        await write(journal, head, 4, first=1)

    def interrupt(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(path), "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        restore(copy, path, now_us=NOW_US, force=True)

    assert look_through(path).commits == 5
    assert not list(path.parent.glob("*.replaced"))
