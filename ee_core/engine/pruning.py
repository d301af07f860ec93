"""Carries out the request to prune: some hundred jobs at a time, so that commits get their turn and the asker an answer."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from ee_core.contracts.journal import JobFilter, Pruning
from ee_core.errors import InputError
from ee_core.messages.instants import from_text
from ee_core.model.job import JobStatus

if TYPE_CHECKING:
    from collections.abc import Collection

    from ee_core.contracts.journal import JobSummary, Journal
    from ee_core.partition import Partition

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 100  # jobs in one transaction
_IN_ALL: Final = 1_000  # for one request; whoever wants more asks again
_LOOKED_AT: Final = 1_000  # newest jobs, of which is said why one stays
_KNOWN: Final = frozenset({"before", "forget", "trial"})


async def prune_jobs(partition: Partition, journal: Journal, asked: dict[str, Any]) -> dict[str, Any]:
    """Prune what is asked for, or as much of it as one request may.

    Args:
        partition: Driven by this engine.
        journal: The partition's.
        asked: ``before`` and ``forget``, both instants: jobs that finished earlier lose their records, or their stub;
            ``trial``, true to change nothing.

    Returns:
        ``jobs`` (ids), ``forgotten``, ``contents``, and ``more``: whether asking again would find something. When it would not,
        ``kept``: ``job`` and ``why`` of those among the newest that finished early enough and stay all the same.

    Raises:
        InputError: The request is not one.
        JournalError: Not pruned, or not as much; asking again is safe.
    """
    pruning = _read(asked)
    if pruning.is_trial:
        found = await partition.prune(pruning)
        more = len(found.jobs) == pruning.limit
        return _reply(found.jobs, found.forgotten) | await _end(journal, pruning, found.jobs, more=more)
    jobs: list[str] = []
    forgotten = 0
    while len(jobs) + forgotten < _IN_ALL:
        found = await partition.prune(pruning)
        jobs += found.jobs
        forgotten += found.forgotten
        if not found.jobs and not found.forgotten:
            _note(jobs, forgotten, found.contents)
            return _reply(jobs, forgotten, found.contents) | await _end(journal, pruning, jobs)
        await asyncio.sleep(0)  # commits that have gathered go first
    _note(jobs, forgotten, 0)
    return _reply(jobs, forgotten) | await _end(journal, pruning, jobs, more=True)


def _reply(jobs: Collection[str], forgotten: int, contents: int = 0) -> dict[str, Any]:
    return {"jobs": list(jobs), "forgotten": forgotten, "contents": contents}


async def _end(
    journal: Journal, pruning: Pruning, going: Collection[str], *, more: bool = False
) -> dict[str, Any]:
    if more:
        return {"more": True, "kept": []}
    rows = await journal.list_jobs(JobFilter(status=JobStatus.FINISHED.value, limit=_LOOKED_AT))
    gone = set(going)
    kept = [row for row in rows if not row.pruned and row.job not in gone and _is_early(row, pruning)]
    return {"more": False, "kept": [{"job": row.job, "why": _why(row)} for row in kept]}


def _is_early(row: JobSummary, pruning: Pruning) -> bool:
    return row.finished_us is not None and row.finished_us < pruning.before_us


def _why(row: JobSummary) -> str:
    if row.open:
        return "a bot may still work for it"
    return "what the journal recorded last is kept; it can go when something else is recorded"


def _read(asked: dict[str, Any]) -> Pruning:
    if unknown := sorted(asked.keys() - _KNOWN):
        raise InputError(f"a pruning has no {unknown[0]!r}; use {', '.join(sorted(_KNOWN))}")
    try:
        before_us, forget_us = from_text(str(asked["before"])), from_text(str(asked["forget"]))
    except (KeyError, ValueError) as error:
        raise InputError(f"a pruning needs the instants before and forget: {error}") from error
    if forget_us > before_us:
        raise InputError("a pruning would forget jobs whose records it keeps; let forget not be after before")
    is_trial = asked.get("trial", False) is not False  # in doubt nothing is taken away
    return Pruning(before_us, forget_us, _IN_ALL if is_trial else _AT_ONCE, is_trial)


def _note(jobs: list[str], forgotten: int, contents: int) -> None:
    if jobs or forgotten or contents:
        _log.info(
            "%s jobs pruned, %s forgotten, %s contents dropped",
            len(jobs),
            forgotten,
            contents,
            extra={"action": "jobs_pruned"},
        )
