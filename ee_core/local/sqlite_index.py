"""Makes the index of jobs of the SQLite journal anew: the frames say whose each record is, the caller what became of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ee_core.errors import JournalCorruptError
from ee_core.local.sqlite_rows import COLUMNS, JobRow, read_job_row, to_job_row
from ee_core.local.sqlite_schema import transaction
from ee_core.model.record import unframe

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from ee_core.contracts.journal import JobSummary, PartitionHead
    from ee_core.local.sqlite_writer import SqliteWriter
    from ee_core.model.ids import JobId

_PAGE: Final = 1_000  # records at a time
_PLACES: Final = ", ".join("?" for _ in COLUMNS.split(", "))
_INSERT: Final = f"INSERT INTO job (number, {COLUMNS}) VALUES (?, {_PLACES})"  # noqa: S608 - constants


def rebuild(
    database: sqlite3.Connection,
    writer: SqliteWriter,
    head: PartitionHead,
    summaries: Sequence[JobSummary],
) -> None:
    """Replace the rows of all jobs; one transaction.

    Raises:
        JournalConflictError: Another writer has the partition.
        JournalCorruptError: A frame is damaged.
        ValueError: A job has records, but no summary was given.
    """
    with transaction(database):
        writer.place_of(database, head)
        stubs = _read_stubs(database)
        database.execute("DELETE FROM job")
        for number, stub in enumerate(stubs, 1):
            database.execute(_INSERT, (number, *to_job_row(stub)))
        numbers, counts = _number_records(database, len(stubs) + 1)
        given = {summary.job: summary for summary in summaries}
        if missing := [job for job in numbers if job not in given]:
            raise ValueError(
                f"no summary of job {missing[0]!r}, which has records; give one of each such job"
            )
        for job, number in numbers.items():
            database.execute(_INSERT, (number, *to_job_row(JobRow(given[job], counts[job]))))
    writer.forget()


def _read_stubs(database: sqlite3.Connection) -> list[JobRow]:
    """Return the stubs; one that is damaged cannot be made anew from anything, and is dropped."""
    stubs: list[JobRow] = []
    rows = database.execute(f"SELECT {COLUMNS} FROM job WHERE pruned ORDER BY number")  # noqa: S608 - a constant
    for row in rows.fetchall():
        try:
            found = read_job_row(row)
        except JournalCorruptError:
            continue
        if found.summary.pruned:
            stubs.append(found)
    return stubs


def _number_records(database: sqlite3.Connection, first: int) -> tuple[dict[JobId, int], Counter[JobId]]:
    """Give the jobs numbers in the order of their first records, and each record its job's."""
    numbers: dict[JobId, int] = {}
    counts: Counter[JobId] = Counter()
    last = 0
    while rows := database.execute(
        "SELECT id, frame FROM record WHERE id > ? ORDER BY id LIMIT ?", (last, _PAGE)
    ).fetchall():
        changes = []
        for id_, data in rows:
            job = unframe(data if isinstance(data, bytes) else b"").job
            changes.append((numbers.setdefault(job, first + len(numbers)), id_))
            counts[job] += 1
        database.executemany("UPDATE record SET job = ? WHERE id = ?", changes)
        last = rows[-1][0]
    return numbers, counts
