"""Journals as earlier schemas left them on disks are opened, brought up to date, and read to the last record.

`journal-schema-<n>.sql` is the dump of a file of schema n, made by the last code that wrote it; see its first lines. A
dump is never changed. A new schema gets a dump of the one before it, and nothing here needs to be touched for that.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ee_core.contracts.journal import JobFilter
from ee_core.engine.check import check_journal
from ee_core.errors import ConfigError
from ee_core.local import sqlite_upgrade
from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.local.sqlite_schema import SCHEMA_VERSION
from ee_core.model.events import JobAccepted
from ee_core.model.ids import JobId
from ee_core.model.record import decode_record

HERE = Path(__file__).parent
DUMPS = sorted(HERE.glob("journal-schema-*.sql"))


@pytest.fixture(params=DUMPS, ids=lambda dump: dump.stem)
def old(request, tmp_path):
    """The file of a journal of an old schema."""
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(request.param.read_text(encoding="utf-8"))
        database.execute("PRAGMA journal_mode = WAL")
    return path


def schema_of(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("PRAGMA user_version").fetchone()[0]


def connect(path, **options):
    return SqliteJournal(path, new_store_id="not-the-one-in-there", busy_timeout_s=0.05, **options)


def test_every_schema_before_this_one_has_a_dump_and_a_step():
    schemas = [int(dump.stem.rpartition("-")[2]) for dump in DUMPS]

    assert schemas == list(range(1, SCHEMA_VERSION))
    assert sorted(sqlite_upgrade.STEPS) == schemas


async def test_an_old_journal_is_upgraded_and_nothing_in_it_is_lost(old):
    async with connect(old) as journal:
        found = await check_journal(journal)
        rows = {row.job: row for row in await journal.list_jobs(JobFilter())}
        head = await journal.open_partition(0)

    assert schema_of(old) == SCHEMA_VERSION
    assert found.damage == []
    assert {job: (row.status, row.outcome, row.open) for job, row in rows.items()} == {
        "done-1": ("Finished", "succeeded", False),
        "open-1": ("Finished", "succeeded", False),
        "waits-1": ("Processing", "", True),
        "never-1": ("Finished", "cancelled", False),
    }
    assert (head.position, head.told, head.fruitless) == (12, 12, 0)


async def test_the_digest_of_each_command_is_found_in_its_record(old):
    async with connect(old) as journal:
        for row in await journal.list_jobs(JobFilter()):
            first = decode_record(await anext(journal.history(row.job))).events[0]

            assert row.digest == (first.digest if isinstance(first, JobAccepted) else "")
            assert bool(row.digest) == (row.job != "never-1")


async def test_an_upgraded_journal_has_the_shape_of_a_new_one_and_is_opened_as_one(old, tmp_path):
    async with connect(old) as journal:
        await journal.open_partition(0)
    async with connect(old) as journal:
        assert (await journal.open_partition(0)).fruitless == 1
        assert [job async for job in journal.open_jobs(0)] == ["waits-1"]
    with closing(sqlite3.connect(old)) as upgraded, closing(sqlite3.connect(tmp_path / "new")) as new:
        async with connect(tmp_path / "new"):
            assert _shape(upgraded) == _shape(new)


def _shape(database):
    """The tables with their columns, and the indexes; not how the statement that made them was written."""
    names = [
        row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1")
    ]
    columns = {
        name: sorted(row[1:6] for row in database.execute(f"PRAGMA table_info({name})")) for name in names
    }
    indexes = {name: [row[2] for row in database.execute(f"PRAGMA index_info({name})")] for name in names}
    return names, columns, indexes


async def test_a_row_that_was_damaged_before_the_upgrade_is_so_afterwards(old):
    with closing(sqlite3.connect(old)) as database, database:
        database.execute("UPDATE job SET outcome = 'failed' WHERE id = 'done-1'")
    async with connect(old) as journal:
        found = await check_journal(journal)

    assert [(damage.job, damage.is_index) for damage in found.damage] == [("done-1", True)]


async def test_an_upgrade_that_fails_leaves_the_old_schema(old, monkeypatch):
    def fail(database):
        database.execute("CREATE TABLE half (done INTEGER)")
        raise sqlite3.OperationalError("the disk went away")

    schema = schema_of(old)
    monkeypatch.setattr(sqlite_upgrade, "STEPS", dict(sqlite_upgrade.STEPS) | {SCHEMA_VERSION - 1: fail})
    with pytest.raises(Exception, match="the disk went away"):
        async with connect(old):
            pass

    assert schema_of(old) == schema
    monkeypatch.undo()
    async with connect(old) as journal:
        assert await journal.find_job(JobId("done-1"))


async def test_whoever_may_only_read_upgrades_nothing(old):
    schema = schema_of(old)
    with pytest.raises(ConfigError, match="start an engine on it once, which upgrades it"):
        async with connect(old, read_only=True):
            pass

    assert schema_of(old) == schema
