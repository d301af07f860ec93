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
from ee_core.local.sqlite_reader import CommitPages
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
class Place:
    """Where the journal stands."""

    epoch: int
    position: int
    last: int  # id of the last record
    link: bytes
    told: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a job: its number, and the summary in its row."""

    number: int
    summary: JobSummary


class SqliteWriter:
    """Writes with the connection it is given; every method is one transaction."""

    def __init__(self, store_id: str) -> None:
        self.store_id = store_id
        self.start = chain_start(store_id, PARTITION)
        self._known: dict[JobId, _Known] = {}  # least recently written first
        self.put: set[WorkflowHash] = set()  # contents that a job of ours may be about to name

    def open_partition(self, database: sqlite3.Connection) -> PartitionHead:
        """Raise the epoch.

        Raises:
            JournalCorruptError: Commits are missing that were there when an earlier epoch began, or the last one is
                damaged.
        """
        with transaction(database):
            place = self._place(database)
            (begun,) = database.execute("SELECT coalesce(max(after), 0) FROM epoch").fetchone()
            if begun > place.position:
                raise JournalCorruptError(
                    f"partition {PARTITION} ends at commit {place.position}, but had reached {begun}: the rest is lost",
                    position=place.position + 1,
                )
            self._check_end(database, place)
            fruitless = _count_fruitless(database, place.position)
            epoch = place.epoch + 1
            database.execute(
                "INSERT INTO epoch (epoch, after, told) VALUES (?, ?, ?)", (epoch, place.position, place.told)
            )
        self._known.clear()
        return PartitionHead(PARTITION, place.position, epoch, place.told, fruitless)

    def close_partition(self, database: sqlite3.Connection, head: PartitionHead) -> None:
        """Mark the epoch as ended in order.

        Raises:
            JournalConflictError: Another writer has it.
        """
        with transaction(database):
            place = self.place_of(database, head)
            database.execute(
                "UPDATE epoch SET stopped = 1, told = ? WHERE epoch = ?",
                (max(place.told, head.told), head.epoch),
            )

    def commit(
        self, database: sqlite3.Connection, head: PartitionHead, entries: Sequence[Entry]
    ) -> PartitionHead:
        """Store entries after the head.

        Raises:
            JournalConflictError: Another writer was first.
        """
        frames = frame_entries(entries)
        with transaction(database):
            place = self._place(database)
            told = max(place.told, head.told)
            following = PartitionHead(PARTITION, head.position + 1, head.epoch, told)
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
        self.put.add(name)

    def forget(self) -> None:
        """Trust nothing that is remembered of jobs: their rows were changed otherwise."""
        self._known.clear()

    def place_of(self, database: sqlite3.Connection, head: PartitionHead) -> Place:
        """Return where the journal stands, if a head still writes it.

        Raises:
            JournalConflictError: Another writer has it.
        """
        place = self._place(database)
        if head.epoch != place.epoch:
            raise _conflict(place, head)
        return place

    def _place(self, database: sqlite3.Connection) -> Place:
        opened, told = database.execute(
            "SELECT epoch, told FROM epoch ORDER BY epoch DESC LIMIT 1"
        ).fetchone() or (0, 0)
        row = database.execute(
            f"SELECT {COMMIT_COLUMNS} FROM commits ORDER BY position DESC LIMIT 1"  # noqa: S608 - a constant
        ).fetchone()
        if row is None:
            return Place(opened, 0, 0, self.start, told)
        found = read_commit_row(row)
        # the higher one, so that damage to the table of epochs lets no epoch come twice
        return Place(max(opened, found.epoch), found.position, found.last, found.link, max(told, found.told))

    def _check_end(self, database: sqlite3.Connection, place: Place) -> None:
        """Look at the last commit: what a disk damages is most often what it wrote last."""
        if place.position:
            pages = CommitPages(self.store_id, place.position - 1)
            while pages.read_page(database):
                pass

    def _check_repeated(
        self, database: sqlite3.Connection, place: Place, head: PartitionHead, frames: Sequence[bytes]
    ) -> None:
        """Accept a commit that is stored already, and no other [J2, J5]: only the same has the same link."""
        rows = database.execute(
            "SELECT position, link FROM commits WHERE position BETWEEN ? AND ?",
            (head.position, head.position + 1),
        ).fetchall()
        links = {0: self.start} | dict(rows)
        repeated = chain(links.get(head.position, b""), head.position + 1, head.epoch, frames)
        if repeated != links.get(head.position + 1):
            raise _conflict(place, head)

    def _write_records(
        self,
        database: sqlite3.Connection,
        place: Place,
        following: PartitionHead,
        numbers: Sequence[int],
        frames: Sequence[bytes],
        link: bytes,
    ) -> None:
        ids = range(place.last + 1, place.last + 1 + len(frames))
        database.executemany("INSERT INTO record VALUES (?, ?, ?)", zip(ids, numbers, frames, strict=True))
        database.execute(
            "INSERT INTO commits VALUES (?, ?, ?, ?, ?, NULL)",
            (following.position, following.epoch, ids[-1], link, following.told),
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


def _count_fruitless(database: sqlite3.Connection, position: int) -> int:
    """Count the openings in a row, the latest one first, after which nothing was committed and nobody stopped."""
    count = 0
    for after, stopped in database.execute("SELECT after, stopped FROM epoch ORDER BY epoch DESC"):
        if after != position or stopped:
            break
        count += 1
    return count


def _conflict(place: Place, head: PartitionHead) -> JournalConflictError:
    return JournalConflictError(
        f"partition {PARTITION} stands at commit {place.position} of epoch {place.epoch}, "
        f"not at {head.position} of {head.epoch}: another writer has it"
    )
