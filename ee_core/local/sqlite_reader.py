"""What is read from the SQLite journal; runs on the reader's thread alone.

Everything comes in pages, each a transaction of its own: a reader that stops half-way holds nothing, and the log can be
copied to the file meanwhile. Records are never changed, so pages fit together; between two pages some may be pruned, then
the reader finds its place anew.

SQLite guards its pages by no checksum. Damage in them is found by the frames and the chain, in the index of jobs only
where it gives values that cannot be; then `read` still gives all records.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import TYPE_CHECKING, Any, Final

from ee_core.errors import JournalCorruptError, NotFoundError
from ee_core.local.entries import broken_history, check_member, read_commit
from ee_core.local.sqlite_rows import (
    COLUMNS,
    COMMIT_COLUMNS,
    PARTITION,
    read_commit_row,
    read_job_row,
    to_query,
)
from ee_core.local.sqlite_schema import transaction
from ee_core.model.chain import ChainCheck
from ee_core.model.ids import JobId
from ee_core.model.limits import MAX_COMMIT_BYTES
from ee_core.model.record import chain_start, unframe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ee_core.contracts.journal import JobFilter, JobSummary, StoredCommit
    from ee_core.local.sqlite_rows import CommitRow
    from ee_core.model.ids import WorkflowHash

_COMMITS: Final = 16  # in a page; each at most 900 kB
_RECORDS: Final = 64  # in a page of a history; each at most 256 kB
_JOBS: Final = 1_000


class CommitPages:
    """Reads the commits after a position, page by page, following the chain."""

    is_over = False  # an empty page alone tells the end: there may be new ones by then

    def __init__(self, store_id: str, after: int) -> None:
        self._after = after
        self._last = 0  # id of the last record read
        self._start = chain_start(store_id, PARTITION)
        self._check = ChainCheck(PARTITION, position=0, epoch=0, link=self._start)
        self._prunings: int | None = None  # how often was pruned when the place was found

    def next_page(self, database: sqlite3.Connection) -> list[StoredCommit]:
        """Return the next commits; an empty list when there are no more now.

        Raises:
            JournalCorruptError: The first commit of the page does not fit; a later one is told with the next page.
        """
        with transaction(database, "DEFERRED"):
            return self.read_page(database)

    def read_page(self, database: sqlite3.Connection) -> list[StoredCommit]:
        """As `next_page`, inside a transaction of the caller's."""
        while rows := self._next_rows(database):
            page = self._follow_all(database, rows)
            if page:
                return page
        return []

    def _next_rows(self, database: sqlite3.Connection) -> list[tuple[Any, ...]]:
        prunings = read_prunings(database)
        if prunings != self._prunings:
            self._find_place(database)
            self._prunings = prunings
        return database.execute(
            f"SELECT {COMMIT_COLUMNS} FROM commits WHERE position > ? ORDER BY position LIMIT ?",  # noqa: S608 - a constant
            (self._check.position, _COMMITS),
        ).fetchall()

    def _follow_all(
        self, database: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]
    ) -> list[StoredCommit]:
        page: list[StoredCommit] = []
        for row in rows:
            try:
                commit = self._follow(database, read_commit_row(row))
            except JournalCorruptError:
                if not page:
                    raise
                break
            if commit.records and commit.position > self._after:
                page.append(commit)
        return page

    def _find_place(self, database: sqlite3.Connection) -> None:
        """Stand after the last commit that is not after the place; what follows it is followed from there."""
        wanted = max(self._after, self._check.position)
        (end,) = database.execute("SELECT coalesce(max(position), 0) FROM commits").fetchone()
        if end < wanted:
            raise JournalCorruptError(
                f"partition {PARTITION} has no commit {wanted} to read on from, its last is {end}",
                position=wanted,
            )
        row = database.execute(
            f"SELECT {COMMIT_COLUMNS} FROM commits WHERE position <= ? ORDER BY position DESC LIMIT 1",  # noqa: S608 - a constant
            (wanted,),
        ).fetchone()
        self._after = wanted
        if row is None:
            self._check = ChainCheck(PARTITION, position=0, epoch=0, link=self._start)
            self._last = 0
            return
        found = read_commit_row(row)
        self._check = ChainCheck(PARTITION, position=found.position, epoch=found.epoch, link=found.link)
        self._last = found.last

    def _follow(self, database: sqlite3.Connection, row: CommitRow) -> StoredCommit:
        _, frames = frames_between(database, self._last, row.last)
        commit = read_commit(self._check, row.position, row.epoch, frames, row.link, row.residue)
        self._last = row.last
        return commit


class HistoryPages:
    """Reads the records of one job, page by page."""

    def __init__(self, job: JobId) -> None:
        self.is_over = False
        self._job = job
        self._number: int | None = None
        self._least = 0  # how many there are at least
        self._read = 0
        self._id = 0  # of the last record read

    def next_page(self, database: sqlite3.Connection) -> list[bytes]:
        """Return the next records; an empty list when there are no more.

        Raises:
            JournalCorruptError: The page's first is damaged or missing; a later one is told with the next page.
        """
        if self._number is None and not self._find_job(database):
            return []
        with transaction(database, "DEFERRED"):
            rows = database.execute(
                "SELECT id, frame FROM record WHERE job = ? AND id > ? ORDER BY id LIMIT ?",
                (self._number, self._id, _RECORDS),
            ).fetchall()
            if not rows and self._is_pruned(database):
                return []
        if not rows and self._read < self._least:
            raise JournalCorruptError(
                f"history of job {self._job!r} ends after {self._read} records, {self._least} were written;"
                " `eectl engine check` says what else is missing",
                index=self._read,
            )
        page: list[bytes] = []
        for id_, data in rows:
            try:
                page.append(self._body(data))
            except JournalCorruptError:
                if not page:
                    raise
                break
            self._id, self._read = id_, self._read + 1
        # most jobs fit into one page, and another way to the thread and back takes longer than reading it
        self.is_over = len(page) < _RECORDS and len(page) == len(rows) and self._read >= self._least
        return page

    def _find_job(self, database: sqlite3.Connection) -> bool:
        row = database.execute(
            f"SELECT number, {COLUMNS} FROM job WHERE id = ?",  # noqa: S608 - constants
            (self._job,),
        ).fetchone()
        if row is not None:
            self._number, self._least = row[0], read_job_row(row[1:]).records
        return row is not None

    def _is_pruned(self, database: sqlite3.Connection) -> bool:
        row = database.execute("SELECT pruned FROM job WHERE number = ?", (self._number,)).fetchone()
        return row is None or bool(row[0])

    def _body(self, data: object) -> bytes:
        try:
            framed = unframe(_frame(data))
        except JournalCorruptError as error:
            raise broken_history(self._job, self._read, error) from error
        return check_member(self._job, self._read, framed)


class OpenJobPages:
    """Reads the ids of jobs that are not over, oldest first, page by page."""

    is_over = False

    def __init__(self) -> None:
        self._number = 0

    def next_page(self, database: sqlite3.Connection) -> list[JobId]:
        """Return the next ids; an empty list when there are no more."""
        rows = database.execute(
            # the id alone: a row that is damaged otherwise parks its job when that is read, not all jobs now
            "SELECT number, id FROM job WHERE open AND number > ? ORDER BY number LIMIT ?",
            (self._number, _JOBS),
        ).fetchall()
        self._number = rows[-1][0] if rows else self._number
        return [JobId(job) for _, job in rows]


def find_job(database: sqlite3.Connection, job: JobId) -> JobSummary | None:
    """Return the index's row of a job."""
    row = database.execute(
        f"SELECT {COLUMNS} FROM job WHERE id = ?",  # noqa: S608 - a constant
        (job,),
    ).fetchone()
    return None if row is None else read_job_row(row).summary


def list_jobs(database: sqlite3.Connection, wanted: JobFilter) -> list[JobSummary]:
    """Return the rows that a filter lets through, newest first."""
    query, arguments = to_query(wanted)
    # all rows before the first is looked at: a statement that a damaged one ends half-way would keep the log open
    rows = database.execute(query, arguments).fetchall()
    return [read_job_row(row).summary for row in rows]


def frames_between(database: sqlite3.Connection, before: int, last: int) -> tuple[list[int], list[bytes]]:
    """Return the ids and frames of a commit's records: those after the commit before, up to its last."""
    rows = database.execute(
        # bounded, should `last` be damaged: no commit has more records than bytes
        "SELECT id, frame FROM record WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
        (before, last, MAX_COMMIT_BYTES),
    ).fetchall()
    return [id_ for id_, _ in rows], [_frame(data) for _, data in rows]


def read_prunings(database: sqlite3.Connection) -> int:
    """Return how often records were taken away; a reader that sees it change finds its place anew."""
    row = database.execute("SELECT value FROM meta WHERE key = 'prunings'").fetchone()
    return 0 if row is None else int(row[0])


def find_faults(database: sqlite3.Connection) -> list[str]:
    """Let SQLite look for damage in its own structures; an empty list when there is none."""
    try:
        rows = database.execute("PRAGMA integrity_check(10)").fetchall()
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [text for (text,) in rows if text != "ok"]


def get_content(database: sqlite3.Connection, name: WorkflowHash) -> bytes:
    """Return a content.

    Raises:
        NotFoundError: There is none of that name.
        JournalCorruptError: Its bytes have changed.
    """
    row = database.execute("SELECT body, checksum FROM content WHERE hash = ?", (name,)).fetchone()
    if row is None:
        raise NotFoundError(f"content {name!r} is not in the journal")
    content, checksum = row
    if not isinstance(content, bytes) or zlib.crc32(content) != checksum:
        raise JournalCorruptError(f"content {name!r}: the checksum does not fit")
    return content


def _frame(data: object) -> bytes:
    return data if isinstance(data, bytes) else b""  # a cell of another type is damage; no frame is empty
