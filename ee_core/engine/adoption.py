"""What an engine does with a partition before it drives it, and the mark it leaves when it stops.

A record or a job may kill whoever adopts it; such a partition is left alone after some tries (R27). What the engine
before committed and perhaps told nobody is told now, so "at least once" is true of the last event too.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from ee_core.errors import EngineError, JournalCorruptError, PartitionQuarantinedError
from ee_core.model.record import decode_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ee_core.contracts.journal import JobSummary, Journal, PartitionHead
    from ee_core.model.events import Record
    from ee_core.model.ids import JobId
    from ee_core.partition import Partition

_log = logging.getLogger(__name__)
_FRUITLESS: Final = 3  # adoptions in a row that came to nothing
_NAMED: Final = 5  # jobs, in one message


class SawRecords(Protocol):
    """Who hears of committed records."""

    def __call__(self, job: JobId, records: Sequence[Record], summary: JobSummary) -> None: ...


async def check_poison(journal: Journal, head: PartitionHead) -> None:
    """Refuse a partition whose jobs ended one engine after the other.

    Raises:
        PartitionQuarantinedError: It was adopted often enough in vain, and there are open jobs.
    """
    if head.fruitless < _FRUITLESS:
        return
    jobs = [job async for job in journal.open_jobs(head.partition)]
    if not jobs:
        return
    more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
    raise PartitionQuarantinedError(
        f"partition {head.partition} is quarantined: {head.fruitless} engines in a row adopted it and were gone before"
        f" they had recorded anything or stopped in order; open jobs: {', '.join(jobs[:_NAMED])}{more};"
        " the option --despite-poison of `eectl engine run` and `eectl up` lets an engine try once more"
    )


async def tell_again(journal: Journal, head: PartitionHead, saw: SawRecords) -> int:
    """Tell what was committed after `head.told`; returns how many records.

    A record that cannot be read is left out: its job is parked, and named as such.

    Raises:
        JournalCorruptError: The partition is damaged there.
    """
    told = 0
    async for commit in journal.read(head.partition, after=head.told):
        for key, body in zip(commit.keys, commit.records, strict=True):
            summary = await journal.find_job(key.job)
            try:
                record = decode_record(body)
            except JournalCorruptError as error:
                _log.warning(
                    "an event is told to nobody: %s", error, extra={"action": "event_untold", "job": key.job}
                )
                continue
            if summary is not None:
                saw(key.job, (record,), summary)
                told += 1
    return told


async def leave_mark(partition: Partition) -> None:
    """Mark a clean stop; without it the next opening counts this engine among the dead."""
    try:
        await partition.close()
    except EngineError as error:
        _log.warning(
            "the journal has no mark of this clean stop: %s",
            error,
            extra={"action": "stop_unmarked", "partition": partition.number},
        )
