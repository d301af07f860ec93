"""Rows of the SQLite journal to values and back, each checked as it is read; a filter to a query."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ee_core.contracts.journal import JobSummary
from ee_core.errors import JournalCorruptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ee_core.contracts.journal import JobFilter

COLUMNS: Final = (
    "id, workflow, version, hash, status, outcome, owner, labels, priority, accepted_us, finished_us, incidents, open, "
    "digest, pruned, records, checksum"
)
COMMIT_COLUMNS: Final = "position, epoch, last, link, told, residue"
PARTITION: Final = 0  # the only one
_NAMES: Final = ("job", *COLUMNS.split(", ")[1:-2])  # those of a summary


class CommitRow(NamedTuple):
    """A row of `commits`."""

    position: int
    epoch: int
    last: int  # id of the commit's last record
    link: bytes
    told: int  # as its writer knew
    residue: bytes | None  # once records of it were pruned


class JobRow(NamedTuple):
    """A row of the index: the summary, and how many records the job had when it was written."""

    summary: JobSummary
    records: int


def read_commit_row(values: tuple[Any, ...]) -> CommitRow:
    """Return what is in a row of `COMMIT_COLUMNS`.

    Raises:
        JournalCorruptError: It has values that are never written.
    """
    row = CommitRow(*values)
    numbers_fit = all(isinstance(number, int) and number > 0 for number in row[:3]) and isinstance(
        row.told, int
    )
    if not numbers_fit or not isinstance(row.link, bytes) or not isinstance(row.residue, bytes | None):
        place = row.position if isinstance(row.position, int) else None
        raise JournalCorruptError(
            f"partition {PARTITION}, commit {place}: its row is damaged", position=place
        )
    return row


def to_job_row(row: JobRow) -> tuple[object, ...]:
    """Return the values of `COLUMNS`."""
    summary = row.summary
    values = (
        summary.job,
        summary.workflow,
        summary.version,
        summary.hash,
        summary.status,
        summary.outcome,
        summary.owner,
        msgspec.json.encode(summary.labels).decode(),
        summary.priority,
        summary.accepted_us,
        summary.finished_us,
        summary.incidents,
        int(summary.open),
        summary.digest,
        int(summary.pruned),
        row.records,
    )
    return (*values, _checksum(values))


def read_job_row(values: tuple[Any, ...]) -> JobRow:
    """Return what is in a row of `COLUMNS`.

    Raises:
        JournalCorruptError: It is not as it was written.
    """
    *written, checksum = values
    if _checksum(written) != checksum:
        raise JournalCorruptError(
            f"the index's row of job {values[0]!r} is damaged: its checksum does not fit; stop the engine and make the index anew: "
            "`eectl engine check --rebuild`",
            job=str(values[0]),
        )
    *members, records = written
    fields = dict(zip(_NAMES, members, strict=True))
    fields["labels"] = msgspec.json.decode(fields["labels"])
    fields["open"], fields["pruned"] = bool(fields["open"]), bool(fields["pruned"])
    return JobRow(JobSummary(**fields), records)


def _checksum(values: Sequence[object]) -> int:
    return zlib.crc32(msgspec.json.encode(values))


def to_query(wanted: JobFilter) -> tuple[str, list[object]]:
    """Return a query for `COLUMNS`, newest first, and its arguments."""
    terms: list[str] = []
    arguments: list[object] = []
    for column in ("status", "outcome", "workflow", "owner"):
        if value := getattr(wanted, column):
            terms.append(f"{column} = ?")
            arguments.append(value)
    for label in wanted.labels:
        terms.append("EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ? AND value = ?)")
        arguments += label
    if wanted.before_us is not None:
        terms.append("(accepted_us < ? OR accepted_us = ? AND id < ?)")
        arguments += (wanted.before_us, wanted.before_us, wanted.before_job)
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    arguments.append(wanted.limit)
    # only names of columns are put into the text, values are arguments
    return f"SELECT {COLUMNS} FROM job{where} ORDER BY accepted_us DESC, id DESC LIMIT ?", arguments  # noqa: S608 - see above
