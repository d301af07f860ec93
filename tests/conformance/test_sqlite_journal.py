"""The SQLite journal keeps the contract."""

import itertools
import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.testing.journal import JournalConformance
from ee_core.testing.journal_store import JournalStore


class SqliteJournalStore(JournalStore):
    def __init__(self, path):
        self._path = path
        self._ids = itertools.count()

    def connect(self):
        return SqliteJournal(
            self._path, new_store_id=f"id-{self._path.stem}-made-by-{next(self._ids)}", busy_timeout_s=0.05
        )

    async def flip(self, position):
        with closing(sqlite3.connect(self._path)) as database, database:
            (last,) = database.execute("SELECT last FROM commits WHERE position = ?", (position,)).fetchone()
            (frame,) = database.execute("SELECT frame FROM record WHERE id = ?", (last,)).fetchone()
            flipped = frame[:-1] + bytes([frame[-1] ^ 1])
            database.execute("UPDATE record SET frame = ? WHERE id = ?", (flipped, last))

    async def lose(self, position):
        with closing(sqlite3.connect(self._path)) as database, database:
            rows = database.execute(
                "SELECT last FROM commits WHERE position <= ? ORDER BY 1 DESC", (position,)
            )
            last, before = [*rows.fetchmany(2), (0,)][:2]
            database.execute("DELETE FROM record WHERE id > ? AND id <= ?", (*before, *last))
            database.execute("DELETE FROM commits WHERE position = ?", (position,))

    async def spoil_index(self):
        with closing(sqlite3.connect(self._path)) as database, database:
            (first,) = database.execute("SELECT min(number) FROM job WHERE NOT pruned").fetchone()
            database.execute("DELETE FROM job WHERE number = ?", (first,))
            database.execute("UPDATE job SET outcome = 'Sunk', open = NOT open WHERE NOT pruned")
            database.execute("UPDATE record SET job = job + 1")

    @asynccontextmanager
    async def hindered(self):
        with closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield "locked"


class TestSqliteJournal(JournalConformance):
    @pytest.fixture
    def new_store(self, tmp_path):
        numbers = itertools.count()
        return lambda: SqliteJournalStore(tmp_path / f"journal-{next(numbers)}.db")
