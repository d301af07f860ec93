"""The job of its journal with which `eectl run` goes on.

It is looked for before the engine is open: that takes up whatever is open in the journal, and who meant another job is
told so with nothing done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ee_core.cli.taken import to_conflict
from ee_core.errors import EngineError
from ee_core.model.events import JobAccepted
from ee_core.model.ids import JobId
from ee_core.model.record import decode_record

if TYPE_CHECKING:
    from ee_core.cli.taken import Content
    from ee_core.contracts.journal import Journal

_PARTITION: Final = 0


async def find_standing(journal: Journal, asked: Content, job: str | None) -> JobId | None:
    """Return the job that a command is about; None: it makes a new one.

    Args:
        asked: What the command asks for.
        job: The id that it names; without one it is about an open job.

    Raises:
        ConflictError: The job of this id, or the open one, is not what the command asks for.
    """
    if job is not None:
        there = await _read(journal, JobId(job))
        if there is None:
            return None
        differences = asked.list_differences(there)
        if differences:
            raise to_conflict(job, differences, "choose another --id for a new job, or another --journal")
        return JobId(job)
    last, found = "", list[str]()
    async for each in journal.open_jobs(_PARTITION):
        there = await _read(journal, each)
        if there is None:
            continue
        last, found = each, asked.list_differences(there)
        if not found:
            return each
    if last:
        cure = "give its own command to go on with it; a new job takes another --journal, or an --id"
        raise to_conflict(last, found, cure)
    return None


async def _read(journal: Journal, job: JobId) -> dict[str, Any] | None:
    """Return what was accepted, as `jobs.query` shows it; None: nothing was, or the engine is to say why it cannot be read."""
    try:
        event = await _read_first(journal, job)
    except EngineError:
        return None
    if not isinstance(event, JobAccepted):  # a cancel that came first
        return None
    return {
        "workflow": event.name,
        "version": event.version,
        "hash": event.workflow,
        "inputs": event.inputs,
        "owner": event.owner,
        "labels": event.labels,
        "priority": event.priority,
    }


async def _read_first(journal: Journal, job: JobId) -> object:
    async for body in journal.history(job):
        return decode_record(body).events[0]
    return None
