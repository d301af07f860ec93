"""Carries out the request to prune: some hundred jobs at a time, so that commits get their turn and the asker an answer."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from ee_core.contracts.journal import Pruning
from ee_core.errors import InputError
from ee_core.messages.instants import from_text

if TYPE_CHECKING:
    from ee_core.partition import Partition

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 100  # jobs in one transaction
_IN_ALL: Final = 1_000  # for one request; whoever wants more asks again
_KNOWN: Final = frozenset({"before", "forget", "trial"})


async def prune_jobs(partition: Partition, asked: dict[str, Any]) -> dict[str, Any]:
    """Prune what is asked for, or as much of it as one request may.

    Args:
        partition: Driven by this engine.
        asked: ``before`` and ``forget``, both instants: jobs that finished earlier lose their records, or their stub;
            ``trial``, true to change nothing.

    Returns:
        ``jobs`` (ids), ``forgotten``, ``contents``, and ``more``: whether asking again would find something.

    Raises:
        InputError: The request is not one.
        JournalError: Not pruned, or not as much; asking again is safe.
    """
    pruning = _read(asked)
    if pruning.is_trial:
        found = await partition.prune(pruning)
        more = len(found.jobs) == pruning.limit
        return {"jobs": list(found.jobs), "forgotten": found.forgotten, "contents": 0, "more": more}
    jobs: list[str] = []
    forgotten = 0
    while len(jobs) + forgotten < _IN_ALL:
        found = await partition.prune(pruning)
        jobs += found.jobs
        forgotten += found.forgotten
        if not found.jobs and not found.forgotten:
            _note(jobs, forgotten, found.contents)
            return {"jobs": jobs, "forgotten": forgotten, "contents": found.contents, "more": False}
        await asyncio.sleep(0)  # commits that have gathered go first
    _note(jobs, forgotten, 0)
    return {"jobs": jobs, "forgotten": forgotten, "contents": 0, "more": True}


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
