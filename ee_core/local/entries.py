"""What any journal does with entries: measure and frame them, say what it gave back, and what is left of a pruned job.

The built-in journals share it; the limits and the frames are the same for every journal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ee_core.contracts.journal import RecordKey, StoredCommit
from ee_core.errors import JournalCorruptError, NotFoundError, PayloadTooLargeError
from ee_core.model.limits import MAX_COMMIT_BYTES, MAX_RECORD_BYTES
from ee_core.model.record import frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ee_core.contracts.journal import Entry, JobSummary
    from ee_core.model.chain import ChainCheck
    from ee_core.model.ids import JobId
    from ee_core.model.record import Framed


def check_partition(partition: int, partitions: int) -> None:
    """Refuse a partition that a journal does not have.

    Raises:
        NotFoundError: Otherwise.
    """
    if not 0 <= partition < partitions:
        raise NotFoundError(
            f"partition {partition} does not exist; this journal has {partitions}, counted from 0"
        )


def check_sizes(entries: Sequence[Entry]) -> None:
    """Refuse what is too large for any journal [J14].

    Raises:
        PayloadTooLargeError: A record or all of them together.
        ValueError: There are none.
    """
    if not entries:
        raise ValueError("a commit needs at least one entry")
    for entry in entries:
        if len(entry.body) > MAX_RECORD_BYTES:
            what = f"record {entry.index} of job {entry.job!r}"
            raise PayloadTooLargeError(size=len(entry.body), limit=MAX_RECORD_BYTES, what=what)
    total = sum(len(entry.body) for entry in entries)
    if total > MAX_COMMIT_BYTES:
        what = f"commit of {len(entries)} records"
        raise PayloadTooLargeError(size=total, limit=MAX_COMMIT_BYTES, what=what)


def frame_entries(entries: Sequence[Entry]) -> list[bytes]:
    """Put each entry's body into a frame, in order."""
    return [frame(entry.job, entry.index, entry.body) for entry in entries]


def read_commit(
    check: ChainCheck,
    position: int,
    epoch: int,
    frames: Sequence[bytes],
    link: bytes,
    left: bytes | None = None,
) -> StoredCommit:
    """Check a stored commit against those before it, and give it back.

    Raises:
        JournalCorruptError: It does not fit.
    """
    found = check.follow(position, epoch, frames, link, left)
    return StoredCommit(
        position,
        epoch,
        tuple(framed.body for framed in found),
        tuple(RecordKey(framed.job, framed.index) for framed in found),
    )


def check_member(job: JobId, expected: int, framed: Framed) -> bytes:
    """Return the body of a job's record that is the next one of its history.

    Raises:
        JournalCorruptError: It is another job's, or not the next one.
    """
    if (framed.job, framed.index) != (job, expected):
        raise JournalCorruptError(
            f"history of job {job!r}: record {expected} should follow, record {framed.index} of job {framed.job!r} stands there",
            index=expected,
        )
    return framed.body


def broken_history(job: JobId, index: int, error: JournalCorruptError) -> JournalCorruptError:
    """Return the error of a record of a history whose frame is damaged; it names no job as damaged [J24]."""
    return JournalCorruptError(
        f"history of job {job!r}, record {index}: {error}; `eectl engine check` says what else is damaged",
        index=index,
    )


def to_stub(summary: JobSummary) -> JobSummary:
    """Return what is kept of a job whose records are pruned [J20]."""
    return replace(summary, owner="", labels={}, incidents=0, pruned=True)
