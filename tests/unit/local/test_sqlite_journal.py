"""What the SQLite journal promises beyond the contract: its file, its threads, what it says of what it cannot use."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from ee_core.contracts.journal import JobFilter
from ee_core.errors import (
    ConfigError,
    JournalConflictError,
    JournalCorruptError,
    JournalUnavailableError,
    NewerVersionError,
    NotFoundError,
)
from ee_core.local import mounts, sqlite_writer
from ee_core.local.env import SystemEnv
from ee_core.local.sqlite_journal import SqliteJournal, ee_open_journal
from ee_core.model.ids import JobId
from ee_core.testing.journal_store import entry, last_entry


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def connect(path):
    return lambda: SqliteJournal(path, new_store_id="the-store-of-this-test", busy_timeout_s=0.05)


async def bodies_of(journal, job):
    return [body async for body in journal.history(JobId(job))]


async def records_of(journal):
    return [body async for commit in journal.read(0) for body in commit.records]


def change(path, statement, *arguments):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, arguments)


# -- the file ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="permissions of this kind are posix")
async def test_nobody_else_may_read_the_files(connect, path):
    async with connect() as journal:
        await journal.open_partition(0)
        files = sorted(path.parent.iterdir())

        assert [file.name for file in files] == ["journal.db", "journal.db-shm", "journal.db-wal"]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3


async def test_one_file_is_left_when_it_is_closed(connect, path):
    async with connect() as journal:
        await journal.commit(await journal.open_partition(0), [entry("a", 0)])

    assert list(path.parent.iterdir()) == [path]


async def test_commits_are_synced(connect):
    async with connect() as journal:
        settings = [
            await journal._writing.run(
                lambda database, name=name: database.execute(f"PRAGMA {name}").fetchone()
            )
            for name in ("journal_mode", "synchronous", "fullfsync")
        ]

    assert settings == [("wal",), (2,), (1,)]


async def test_an_empty_file_becomes_a_journal(connect, path):
    path.touch()
    async with connect() as journal:
        assert journal.store_id == "the-store-of-this-test"


async def refused(journal, error, match):
    with pytest.raises(error, match=match):
        async with journal:
            pass


async def test_a_missing_folder_is_refused_and_not_made(tmp_path):
    journal = SqliteJournal(tmp_path / "disk" / "journal.db", new_store_id="x")
    await refused(journal, ConfigError, "there is no folder .*disk'; make it")

    assert list(tmp_path.iterdir()) == []


async def test_a_folder_is_refused(tmp_path):
    await refused(SqliteJournal(tmp_path, new_store_id="x"), ConfigError, "is a folder")


async def test_a_file_of_text_is_refused_and_left_alone(connect, path):
    path.write_text("a letter to my aunt\n" * 100)
    await refused(connect(), ConfigError, "is no sqlite file")

    assert path.read_text() == "a letter to my aunt\n" * 100


async def test_another_sqlite_file_is_refused_and_left_alone(connect, path):
    change(path, "CREATE TABLE aunts (name TEXT)")
    before = path.read_bytes()
    await refused(connect(), ConfigError, "but no journal")

    assert path.read_bytes() == before


async def test_a_newer_schema_is_refused(connect, path):
    async with connect():
        pass
    change(path, "PRAGMA user_version = 3")
    await refused(connect(), NewerVersionError, "has schema 3, this engine knows 2")


async def test_a_network_file_system_is_refused(connect, path, tmp_path, monkeypatch):
    table = tmp_path / "mounts"
    table.write_text(f"server:/export {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr(mounts, "_MOUNTS", table)
    await refused(connect(), ConfigError, "network file system .nfs on ")

    assert not path.exists()


async def test_a_file_that_somebody_locks_is_refused(connect, path):
    async with connect():
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        await refused(connect(), JournalUnavailableError, "another process holds it locked")


async def test_a_journal_cannot_be_opened_twice(connect):
    async with connect() as journal:
        await refused(journal, JournalUnavailableError, "was opened before")


def test_processes_that_open_a_new_file_at_once_get_one_store(path):
    code = (
        "import asyncio, pathlib, sys\n"
        "from ee_core.local.sqlite_journal import SqliteJournal\n"
        "async def main():\n"
        "    sys.stdin.read(1)\n"
        "    async with SqliteJournal(pathlib.Path(sys.argv[1]), new_store_id=sys.argv[2]) as journal:\n"
        "        print(journal.store_id, (await journal.open_partition(0)).epoch)\n"
        "asyncio.run(main())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, path, f"store-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=30)[0].split() for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    assert len({name for name, _ in answers}) == 1
    assert sorted(epoch for _, epoch in answers) == ["1", "2", "3", "4"]


# -- writing -------------------------------------------------------------------------------------------------


async def test_a_cancelled_commit_goes_on_and_may_be_repeated(connect):
    async with connect() as journal:
        head = await journal.open_partition(0)
        task = asyncio.create_task(journal.commit(head, [entry("a", 0)]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await journal.find_job(JobId("b")) is None  # the journal is whole
        head = await journal.commit(head, [entry("a", 0)])
        await journal.commit(head, [entry("a", 1)])

        assert await records_of(journal) == [b"a/0", b"a/1"]


async def test_a_commit_that_nobody_waits_for_is_finished_by_close(connect):
    async with connect() as journal:
        head = await journal.open_partition(0)
        task = asyncio.create_task(journal.commit(head, [entry("a", 0)]))
        await asyncio.sleep(0)
        task.cancel()
    async with connect() as journal:
        assert await records_of(journal) == [b"a/0"]


@pytest.mark.parametrize(
    ("hinder", "free", "cause"),
    [
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "the disk is full .*; make room"),
        ("PRAGMA query_only = 1", "PRAGMA query_only = 0", "it is read-only .*; make the disk writable"),
    ],
)
async def test_a_write_that_failed_succeeds_when_the_cause_is_gone(connect, hinder, free, cause):
    big = [entry("a", index, bytes(50_000)) for index in range(4)]
    async with connect() as journal:
        head = await journal.open_partition(0)
        await journal._writing.run(lambda database: database.execute(hinder).fetchall())
        for _ in range(2):
            with pytest.raises(JournalUnavailableError, match=cause):
                await journal.commit(head, big)
        assert await journal.find_job(JobId("a")) is None
        await journal._writing.run(lambda database: database.execute(free).fetchall())
        await journal.commit(head, big)

        assert await records_of(journal) == [bytes(50_000)] * 4


@pytest.mark.skipif(os.name != "posix", reason="elsewhere an open file cannot be deleted")
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("harm", ["deleted", "moved away", "replaced"])
async def test_nothing_is_acknowledged_into_a_file_that_is_gone(connect, path, suffix, harm):
    async with connect() as journal:
        head = await journal.commit(await journal.open_partition(0), [entry("a", 0)])
        file = path.with_name(f"{path.name}{suffix}")
        if harm == "replaced":
            copy = path.with_name("copy")
            copy.write_bytes(file.read_bytes())
            copy.rename(file)
        elif harm == "moved away":
            file.rename(path.with_name("away"))
        else:
            file.unlink()

        with pytest.raises(JournalCorruptError, match="deleted or replaced while it was open"):
            await journal.commit(head, [entry("a", 1)])


async def test_a_journal_as_it_was_opened_is_not_called_replaced(connect, path):
    for life in range(3):  # made, then opened, each with a log of its own
        async with connect() as journal:
            head = await journal.open_partition(0)
            for index in range(3):
                head = await journal.commit(head, [entry("a", life * 3 + index)])
                await journal._writing.run(
                    lambda database: database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                )


async def test_what_is_remembered_of_a_job_is_not_trusted_after_another_writer(connect):
    async with connect() as first, connect() as second:
        head = await first.open_partition(0)
        await first.commit(head, [entry("a", 0)])
        head = await second.open_partition(0)
        await second.commit(head, [entry("a", 1, incidents=1)])
        head = await first.open_partition(0)
        await first.commit(head, [entry("a", 2)])

        assert (await first.find_job(JobId("a"))).incidents == 0
        assert await bodies_of(first, "a") == [b"a/0", b"a/1", b"a/2"]


async def test_what_is_remembered_of_a_job_is_not_trusted_after_a_failed_commit(connect):
    async with connect() as journal:
        head = await journal.open_partition(0)
        await journal._writing.run(lambda database: database.execute("PRAGMA query_only = 1"))
        with pytest.raises(JournalUnavailableError):
            await journal.commit(head, [entry("a", 0)])
        await journal._writing.run(lambda database: database.execute("PRAGMA query_only = 0"))
        head = await journal.commit(head, [entry("b", 0)])
        await journal.commit(head, [entry("a", 0)])

        assert await bodies_of(journal, "a") == [b"a/0"]
        assert [one.job for one in await journal.list_jobs(JobFilter())] == ["b", "a"]


async def test_more_jobs_than_are_remembered_change_nothing(connect, monkeypatch):
    monkeypatch.setattr(sqlite_writer, "_REMEMBERED_JOBS", 2)
    names = [f"job-{number}" for number in range(5)]
    async with connect() as journal:
        head = await journal.open_partition(0)
        for index in range(3):
            head = await journal.commit(head, [entry(name, index) for name in names])

        for name in names:
            assert await bodies_of(journal, name) == [f"{name}/{index}".encode() for index in range(3)]
        assert [job async for job in journal.open_jobs(0)] == names


async def test_a_commit_for_a_position_far_behind_is_refused_or_known(connect):
    async with connect() as journal:
        heads = [await journal.open_partition(0)]
        for index in range(4):
            heads.append(await journal.commit(heads[-1], [entry("a", index)]))

        assert await journal.commit(heads[1], [entry("a", 1)]) == heads[2]
        with pytest.raises(JournalConflictError, match="stands at commit 4 of epoch 1, not at 1 of 1"):
            await journal.commit(heads[1], [entry("a", 2)])


async def test_other_partitions_do_not_exist(connect):
    async with connect() as journal:
        with pytest.raises(NotFoundError, match="partition 1 does not exist; this journal has 1"):
            await journal.open_partition(1)


async def test_a_commit_without_entries_is_refused(connect):
    async with connect() as journal:
        head = await journal.open_partition(0)
        with pytest.raises(ValueError, match="at least one"):
            await journal.commit(head, [])


# -- damage --------------------------------------------------------------------------------------------------


@pytest.fixture
async def written(connect, path):
    async with connect() as journal:
        head = await journal.open_partition(0)
        head = await journal.commit(head, [entry("a", 0), entry("b", 0)])
        head = await journal.commit(head, [entry("a", 1)])
        await journal.commit(head, [last_entry("a", 2)])
    return path


async def test_a_history_that_lost_its_end_is_damage(written, connect):
    change(written, "DELETE FROM record WHERE id = 4")
    async with connect() as journal:
        with pytest.raises(JournalCorruptError, match="ends after 2 records, 3 were written") as caught:
            await bodies_of(journal, "a")
        assert await bodies_of(journal, "b") == [b"b/0"]

    assert (caught.value.job, caught.value.index) == ("", 2)


async def test_a_history_with_another_jobs_record_is_damage(written, connect):
    change(written, "UPDATE record SET job = 1 WHERE id = 2")
    async with connect() as journal:
        with pytest.raises(
            JournalCorruptError, match="record 1 should follow, record 0 of job 'b' stands there"
        ):
            await bodies_of(journal, "a")


async def test_a_tail_that_was_there_when_an_epoch_began_is_missed(written, connect):
    async with connect() as journal:
        await journal.open_partition(0)
    change(written, "DELETE FROM commits WHERE position = 3")
    async with connect() as journal:
        with pytest.raises(JournalCorruptError, match="ends at commit 2, but had reached 3"):
            await journal.open_partition(0)


async def test_an_epoch_never_comes_twice(written, connect):
    change(written, "DELETE FROM epoch")
    async with connect() as journal:
        assert (await journal.open_partition(0)).epoch == 2


async def test_a_changed_row_of_the_index_is_damage(written, connect):
    change(written, "UPDATE job SET outcome = 'Succeeded!' WHERE id = 'a'")
    async with connect() as journal:
        with pytest.raises(JournalCorruptError, match="row of job 'a' is damaged"):
            await journal.find_job(JobId("a"))
        assert await records_of(journal) == [b"a/0", b"b/0", b"a/1", b"a/2"]


async def test_a_row_of_the_commits_with_nonsense_is_damage(written, connect):
    change(written, "UPDATE commits SET link = 'x' WHERE position = 2")
    async with connect() as journal:
        found = []
        with pytest.raises(JournalCorruptError, match="commit 2") as caught:
            async for commit in journal.read(0):
                found.append(commit.position)

    assert (found, caught.value.position) == ([1], 2)


async def test_a_missing_table_is_damage(written, connect):
    change(written, "DROP TABLE content")
    async with connect() as journal:
        with pytest.raises(
            JournalCorruptError, match="is damaged: no such table: content; restore it from a copy"
        ):
            await journal.get_content("a" * 64)


# -- the hook ------------------------------------------------------------------------------------------------


async def test_the_hook_makes_a_journal_that_is_not_open(path):
    journal = ee_open_journal({"path": str(path)}, SystemEnv())

    assert not path.exists()
    async with journal:
        assert len(journal.store_id) == 22


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({}, "journal.path is None"),
        ({"path": ""}, "journal.path is ''"),
        ({"path": 7}, "journal.path is 7"),
        (
            {"path": "x", "pth": "y"},
            "journal.pth is no setting of the sqlite journal; it has: busy_timeout_s, path",
        ),
        ({"path": "x", "busy_timeout_s": "5"}, "journal.busy_timeout_s is '5'"),
    ],
)
def test_wrong_settings_are_named(settings, match):
    with pytest.raises(ConfigError, match=match):
        ee_open_journal(settings, SystemEnv())
