"""What is taken out of the SQLite journal: records of jobs long over, their stubs after another while, contents.

The chain stays whole. A commit that loses records keeps its link and gets a residue (`ee_core.model.record.residue`);
commits of which nothing is left are joined into the last of their run, so what remains grows with what is kept, not with
what ever was. The last commit, and what observers have not heard of, is left alone: a writer may repeat the one, and
an engine that starts reads from the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ee_core.contracts.journal import Pruned
from ee_core.local.entries import read_commit, to_stub
from ee_core.local.sqlite_reader import frames_between, read_prunings
from ee_core.local.sqlite_rows import (
    COLUMNS,
    COMMIT_COLUMNS,
    PARTITION,
    CommitRow,
    JobRow,
    read_commit_row,
    read_job_row,
    to_job_row,
)
from ee_core.local.sqlite_schema import transaction
from ee_core.model.chain import ChainCheck
from ee_core.model.record import residue

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from ee_core.contracts.journal import JobSummary, PartitionHead, Pruning
    from ee_core.local.sqlite_writer import Place, SqliteWriter

_OVER = "NOT open AND NOT pruned"
_STUBS = "NOT open AND pruned AND finished_us < ?"


@dataclass(frozen=True, slots=True)
class _Over:
    """A job that may be pruned."""

    number: int
    summary: JobSummary


def prune(
    database: sqlite3.Connection, writer: SqliteWriter, head: PartitionHead, pruning: Pruning
) -> Pruned:
    """Prune some jobs; one transaction.

    Raises:
        JournalConflictError: Another writer has the partition.
        JournalCorruptError: Something that would go is damaged.
    """
    with transaction(database):
        place = writer.place_of(database, head)
        jobs = _find_jobs(database, _find_settled(database, place), pruning)
        names = tuple(job.summary.job for job in jobs)
        if pruning.is_trial:
            (stubs,) = database.execute(
                f"SELECT count(*) FROM job WHERE {_STUBS}",  # noqa: S608 - a constant
                (pruning.forget_us,),
            ).fetchone()
            return Pruned(names, stubs)
        for job in jobs:
            row = to_job_row(JobRow(to_stub(job.summary), 0))
            places = ", ".join("?" for _ in row)
            database.execute(
                f"UPDATE job SET ({COLUMNS}) = ({places}) WHERE number = ?",  # noqa: S608 - constants
                (*row, job.number),
            )
        _Removal(database, writer.start).take_out([job.number for job in jobs])
        forgotten = database.execute(
            f"DELETE FROM job WHERE number IN (SELECT number FROM job WHERE {_STUBS} LIMIT ?)",  # noqa: S608 - a constant
            (pruning.forget_us, pruning.limit),
        ).rowcount
        contents = 0 if jobs else _drop_contents(database, writer.put)
    writer.forget()
    return Pruned(names, forgotten, contents)


def _find_settled(database: sqlite3.Connection, place: Place) -> int:
    """Return the id of the last record that may go."""
    row = database.execute(
        "SELECT last FROM commits WHERE position <= ? ORDER BY position DESC LIMIT 1",
        (min(place.told, place.position - 1),),
    ).fetchone()
    return 0 if row is None else int(row[0])


def _find_jobs(database: sqlite3.Connection, settled: int, pruning: Pruning) -> list[_Over]:
    rows = database.execute(
        f"SELECT number, {COLUMNS} FROM job WHERE {_OVER} AND finished_us < ?"  # noqa: S608 - constants
        " AND NOT EXISTS (SELECT 1 FROM record WHERE record.job = job.number AND record.id > ?)"
        " ORDER BY finished_us, id LIMIT ?",
        (pruning.before_us, settled, pruning.limit),
    ).fetchall()
    return [_Over(number, read_job_row(tuple(values)).summary) for number, *values in rows]


def _drop_contents(database: sqlite3.Connection, kept: set[Any]) -> int:
    names = database.execute(
        "SELECT hash FROM content EXCEPT SELECT hash FROM job WHERE NOT pruned AND hash IS NOT NULL"
    ).fetchall()
    dropped = [(name,) for (name,) in names if name not in kept]
    database.executemany("DELETE FROM content WHERE hash = ?", dropped)
    return len(dropped)


class _Removal:
    """Takes the records of some jobs out of their commits."""

    def __init__(self, database: sqlite3.Connection, start: bytes) -> None:
        self._database = database
        self._start = CommitRow(0, 0, 0, start, 0, None)  # what stands before the first commit

    def take_out(self, jobs: Sequence[int]) -> None:
        gone = {
            id_
            for job in jobs
            for (id_,) in self._query("SELECT id FROM record WHERE job = ?", job).fetchall()
        }
        if not gone:
            return
        touched: list[int] = []
        end = 0
        for id_ in sorted(gone):
            if id_ > end:
                row = self._find_commit(id_)
                self._shorten(row, gone)
                touched.append(row.position)
                end = row.last
        self._database.executemany("DELETE FROM record WHERE id = ?", ((id_,) for id_ in gone))
        for position in touched:
            self._join(position)
        self._query(
            "INSERT OR REPLACE INTO meta VALUES ('prunings', ?)", str(read_prunings(self._database) + 1)
        )

    def _find_commit(self, id_: int) -> CommitRow:
        """Return the commit that holds a record; positions and ids rise together, so halving finds it."""
        (low, high) = self._query("SELECT min(position), max(position) FROM commits").fetchone()
        while low < high:
            middle = (low + high) // 2
            row = self._next(middle - 1)
            assert row is not None, "there is a commit at the high end"
            if row.last >= id_:
                high = middle
            else:
                low = row.position + 1
        row = self._next(low - 1)
        assert row is not None, "each record has a commit, or `_shorten` would not fit"
        return row

    def _shorten(self, row: CommitRow, gone: set[int]) -> None:
        before = self._before(row.position)
        ids, frames = frames_between(self._database, before.last, row.last)
        check = ChainCheck(PARTITION, position=before.position, epoch=before.epoch, link=before.link)
        read_commit(check, row.position, row.epoch, frames, row.link, row.residue)
        left = [data for id_, data in zip(ids, frames, strict=True) if id_ not in gone]
        self._write(before, row, left)

    def _join(self, position: int) -> None:
        """Let a commit of which nothing is left stand for such ones before and after it."""
        row = self._next(position - 1)
        if row is None or row.position != position or not self._is_empty(row):
            return
        before = self._before(position)
        if before.position and self._is_empty(before):
            self._query("DELETE FROM commits WHERE position = ?", before.position)
            self._write(self._before(position), row, [])
        following = self._next(position)
        if following is not None and self._is_empty(following):
            self._query("DELETE FROM commits WHERE position = ?", position)
            self._write(self._before(following.position), following, [])

    def _is_empty(self, row: CommitRow) -> bool:
        if row.residue is None:
            return False
        before = self._before(row.position)
        found = self._query("SELECT 1 FROM record WHERE id > ? AND id <= ? LIMIT 1", before.last, row.last)
        return found.fetchone() is None

    def _write(self, before: CommitRow, row: CommitRow, left: Sequence[bytes]) -> None:
        hash_ = residue(before.link, row.link, row.position, row.epoch, left)
        self._query("UPDATE commits SET residue = ? WHERE position = ?", hash_, row.position)

    def _before(self, position: int) -> CommitRow:
        found = self._query(
            f"SELECT {COMMIT_COLUMNS} FROM commits WHERE position < ? ORDER BY position DESC LIMIT 1",  # noqa: S608 - a constant
            position,
        ).fetchone()
        return self._start if found is None else read_commit_row(found)

    def _next(self, after: int) -> CommitRow | None:
        found = self._query(
            f"SELECT {COMMIT_COLUMNS} FROM commits WHERE position > ? ORDER BY position LIMIT 1",  # noqa: S608 - a constant
            after,
        ).fetchone()
        return None if found is None else read_commit_row(found)

    def _query(self, statement: str, *arguments: object) -> sqlite3.Cursor:
        return self._database.execute(statement, arguments)
