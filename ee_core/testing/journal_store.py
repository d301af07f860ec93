"""What the journal kit needs besides a journal: a store that can be opened again, harmed and hindered; entries to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ee_core.contracts.journal import Entry, JobSummary
from ee_core.model.ids import JobId

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ee_core.contracts.journal import Journal


class JournalStore:
    """One store, empty at first. A plugin's author derives from it and says how to open it.

    What cannot be done to a store from outside is left as it is here; then the clause is skipped with that reason.
    """

    def connect(self) -> Journal:
        """Return a journal on this store, not opened; each call as from another process."""
        raise NotImplementedError(f"{type(self).__name__} must override connect")

    async def flip(self, position: int) -> None:
        """Change one byte in the last record of a commit, while nobody has the store open."""
        pytest.skip(f"{type(self).__name__} does not override flip, so damage is not tested")

    async def lose(self, position: int) -> None:
        """Remove a commit as if it had never been, while nobody has the store open."""
        pytest.skip(f"{type(self).__name__} does not override lose, so damage is not tested")

    async def spoil_index(self) -> None:
        """Lose or falsify what the index says of all jobs that are not pruned, while nobody has the store open."""
        pytest.skip(f"{type(self).__name__} does not override spoil_index, so its rebuilding is not tested")

    def hindered(self) -> AbstractAsyncContextManager[str]:
        """Make every write fail inside the context; gives a word of the cause that the error must name."""
        pytest.skip(f"{type(self).__name__} does not override hindered, so failing writes are not tested")


def summary(job: str, **changes: Any) -> JobSummary:
    """Return the summary of an open job, with changes to it."""
    fields: dict[str, Any] = {
        "job": JobId(job),
        "workflow": "invoice",
        "version": "1",
        "hash": None,
        "status": "Processing",
        "outcome": "",
        "owner": "",
        "labels": {},
        "priority": 0,
        "accepted_us": 1_000_000,
        "finished_us": None,
        "incidents": 0,
        "open": True,
    }
    return JobSummary(**(fields | changes))


def finished(job: str, **changes: Any) -> JobSummary:
    """Return the summary of a job that is over, with changes to it."""
    over = {"status": "Finished", "outcome": "Succeeded", "finished_us": 2_000_000, "open": False}
    return summary(job, **(over | changes))


def entry(job: str, index: int, body: bytes = b"", **changes: Any) -> Entry:
    """Return an entry of an open job; without a body it gets one that tells it from others."""
    return Entry(JobId(job), index, body or f"{job}/{index}".encode(), summary(job, **changes))


def last_entry(job: str, index: int, **changes: Any) -> Entry:
    """Return the entry with which a job is over."""
    return Entry(JobId(job), index, f"{job}/{index}".encode(), finished(job, **changes))
