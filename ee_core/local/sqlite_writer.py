"""What is written into the SQLite journal; runs on the writer's thread alone.

A commit is one transaction: the guard (position and epoch), the records, the link of the chain, and the rows of those
jobs whose summary has changed. What the writer remembers of jobs saves it a look-up per record; it is forgotten when the
partition is opened anew, because another process may have written since.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ee_core.contracts.journal import PartitionHead
from ee_core.errors import ConflictError, JournalConflictError, JournalCorruptError
from ee_core.local.entries import frame_entries
from ee_core.local.sqlite_rows import (
    COLUMNS,
    COMMIT_COLUMNS,
    PARTITION,
    JobRow,
    read_commit_row,
    to_job_row,
)
from ee_core.local.sqlite_schema import transaction
from ee_core.model.record import chain, chain_start

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from ee_core.contracts.journal import Entry, JobSummary
    from ee_core.model.ids import JobId, WorkflowHash

_REMEMBERED_JOBS: Final = 10_000
_VALUES: Final = ", ".join("?" for _ in COLUMNS.split(", "))
_INSERT: Final = f"INSERT INTO job ({COLUMNS}) VALUES ({_VALUES})"  # noqa: S608 - constants
_UPDATE: Final = f"UPDATE job SET ({COLUMNS}) = ({_VALUES}) WHERE number = ?"  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the journal stands."""

    epoch: int
    position: int
    last: int  # id of the last record
    link: bytes


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a job: its number, and the summary in its row."""

    number: int
    summary: JobSummary


class SqliteWriter:
    """Writes with the connection it is given; every method is one transaction."""

    def __init__(self, store_id: str) -> None:
        self._start = chain_start(store_id, PARTITION)
        self._known: dict[JobId, _Known] = {}  # least recently written first

    def open_partition(self, database: sqlite3.Connection) -> PartitionHead:
        """Raise the epoch.

        Raises:
            JournalCorruptError: Commits are missing that were there when an earlier epoch began.
        """
        with transaction(database):
            place = self._place(database)
            (begun,) = database.execute("SELECT coalesce(max(after), 0) FROM epoch").fetchone()
            if begun > place.position:
                raise JournalCorruptError(
                    f"partition {PARTITION} ends at commit {place.position}, but had reached {begun}: the rest is lost",
                    position=place.position + 1,
                )
            epoch = place.epoch + 1
            database.execute("INSERT INTO epoch VALUES (?, ?)", (epoch, place.position))
        self._known.clear()
        return PartitionHead(PARTITION, place.position, epoch)

    def commit(
        self, database: sqlite3.Connection, head: PartitionHead, entries: Sequence[Entry]
    ) -> PartitionHead:
        """Store entries after the head.

        Raises:
            JournalConflictError: Another writer was first.
        """
        frames = frame_entries(entries)
        following = PartitionHead(PARTITION, head.position + 1, head.epoch)
        with transaction(database):
            place = self._place(database)
            if head.epoch != place.epoch or head.position > place.position:
                raise _conflict(place, head)
            if head.position < place.position:
                self._check_repeated(database, place, head, frames)
                return following
            link = chain(place.link, following.position, head.epoch, frames)
            known = self._write_jobs(database, entries)
            numbers = [known[entry.job].number for entry in entries]
            self._write_records(database, place, following, numbers, frames, link)
        self._remember(known)
        return following

    def put_content(self, database: sqlite3.Connection, name: WorkflowHash, content: bytes) -> None:
        """Keep a content.

        Raises:
            ConflictError: Other bytes are there under that name.
        """
        with transaction(database):
            found = database.execute("SELECT body FROM content WHERE hash = ?", (name,)).fetchone()
            if found is None:
                database.execute("INSERT INTO content VALUES (?, ?, ?)", (name, content, zlib.crc32(content)))
            elif found[0] != content:
                raise ConflictError(f"content {name!r} is stored already with other bytes")

    def _place(self, database: sqlite3.Connection) -> _Place:
        (opened,) = database.execute("SELECT coalesce(max(epoch), 0) FROM epoch").fetchone()
        row = database.execute(
            f"SELECT {COMMIT_COLUMNS} FROM commits ORDER BY position DESC LIMIT 1"  # noqa: S608 - a constant
        ).fetchone()
        if row is None:
            return _Place(opened, 0, 0, self._start)
        position, epoch, last, link = read_commit_row(row)
        # the higher one, so that damage to the table of epochs lets no epoch come twice
        return _Place(max(opened, epoch), position, last, link)

    def _check_repeated(
        self, database: sqlite3.Connection, place: _Place, head: PartitionHead, frames: Sequence[bytes]
    ) -> None:
        """Accept a commit that is stored already, and no other [J2, J5]: only the same has the same link."""
        rows = database.execute(
            "SELECT position, link FROM commits WHERE position BETWEEN ? AND ?",
            (head.position, head.position + 1),
        ).fetchall()
        links = {0: self._start} | dict(rows)
        repeated = chain(links.get(head.position, b""), head.position + 1, head.epoch, frames)
        if repeated != links.get(head.position + 1):
            raise _conflict(place, head)

    def _write_records(
        self,
        database: sqlite3.Connection,
        place: _Place,
        following: PartitionHead,
        numbers: Sequence[int],
        frames: Sequence[bytes],
        link: bytes,
    ) -> None:
        ids = range(place.last + 1, place.last + 1 + len(frames))
        database.executemany("INSERT INTO record VALUES (?, ?, ?)", zip(ids, numbers, frames, strict=True))
        database.execute(
            "INSERT INTO commits VALUES (?, ?, ?, ?)", (following.position, following.epoch, ids[-1], link)
        )

    def _write_jobs(self, database: sqlite3.Connection, entries: Sequence[Entry]) -> dict[JobId, _Known]:
        """Write the rows whose summary has changed, and return what is known of the commit's jobs then."""
        known: dict[JobId, _Known] = {}
        for job, entry in {entry.job: entry for entry in entries}.items():
            before = self._known.get(job)
            if before is not None and before.summary == entry.summary:
                known[job] = before
            else:
                known[job] = _Known(_write_job(database, before, entry), entry.summary)
        return known

    def _remember(self, known: dict[JobId, _Known]) -> None:
        for job, now in known.items():
            self._known.pop(job, None)
            if now.summary.open:
                self._known[job] = now
        while len(self._known) > _REMEMBERED_JOBS:
            del self._known[next(iter(self._known))]


def _write_job(database: sqlite3.Connection, before: _Known | None, entry: Entry) -> int:
    """Write the row of a job, and return its number."""
    row = to_job_row(JobRow(entry.summary, entry.index + 1))
    if before is not None:
        number = before.number
    else:
        found = database.execute("SELECT number FROM job WHERE id = ?", (entry.job,)).fetchone()
        if found is None:
            cursor = database.execute(_INSERT, row)
            return int(cursor.lastrowid or 0)
        number = int(found[0])
    database.execute(_UPDATE, (*row, number))
    return number


def _conflict(place: _Place, head: PartitionHead) -> JournalConflictError:
    return JournalConflictError(
        f"partition {PARTITION} stands at commit {place.position} of epoch {place.epoch}, "
        f"not at {head.position} of {head.epoch}: another writer has it"
    )
