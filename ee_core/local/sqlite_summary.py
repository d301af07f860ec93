"""Rows of the index of jobs: summaries to rows, rows to summaries, a filter to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ee_core.contracts.journal import JobSummary
from ee_core.errors import JournalCorruptError

if TYPE_CHECKING:
    from ee_core.contracts.journal import JobFilter

COLUMNS: Final = "id, workflow, version, hash, status, outcome, owner, labels, priority, accepted_us, finished_us, incidents, open"
_labels: Final = msgspec.json.Decoder(dict[str, str])


def to_row(summary: JobSummary) -> tuple[object, ...]:
    """Return the values of `COLUMNS`."""
    return (
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
        summary.open,
    )


def from_row(row: tuple[Any, ...]) -> JobSummary:
    """Return the summary of a row of `COLUMNS`.

    Raises:
        JournalCorruptError: It has values that were never written.
    """
    try:
        fields = dict(zip(COLUMNS.split(", "), row, strict=True))
        fields["job"] = fields.pop("id")
        fields["labels"] = _labels.decode(fields["labels"])
        fields["open"] = bool(fields["open"])
        return msgspec.convert(fields, JobSummary)
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise JournalCorruptError(
            f"the index's row of job {row[0]!r} is damaged: {error}", job=str(row[0])
        ) from error


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
