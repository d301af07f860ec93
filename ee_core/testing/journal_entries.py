"""Entries that several tests of the journal kit write, and what should come of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ee_core.contracts.journal import Entry, JobFilter, PartitionHead, Pruning
from ee_core.model.ids import JobId, WorkflowHash
from ee_core.model.limits import MAX_COMMIT_BYTES, MAX_RECORD_BYTES
from ee_core.testing.journal_store import entry, finished, last_entry

if TYPE_CHECKING:
    from ee_core.contracts.journal import Journal

NAME: Final = WorkflowHash("a" * 64)

DONE: Final = finished("job-0", accepted_us=10, owner="ann", outcome="Failed", incidents=0, priority=5)
FILTERS: Final[tuple[tuple[JobFilter, list[int]], ...]] = (
    (JobFilter(status="Finished"), [3, 0]),
    (JobFilter(outcome="Failed"), [0]),
    (JobFilter(workflow="other"), [4]),
    (JobFilter(owner="ann"), [1, 0]),
    (JobFilter(owner="ann", status="Processing"), [1]),
    (JobFilter(labels=(("site", "north"),)), [2, 1]),
    (JobFilter(labels=(("site", "north"), ("line", ""))), [2]),
    (JobFilter(limit=2), [4, 3]),
    (JobFilter(limit=2, before_us=30, before_job="job-3"), [2, 1]),
    (JobFilter(before_us=30), [1, 0]),
    (JobFilter(owner="nobody"), []),
)


OLD: Final = Pruning(before_us=1_000, forget_us=0)
EVERYTHING: Final = Pruning(before_us=2**53, forget_us=2**53)


async def fill_for_pruning(journal: Journal, hashes: dict[str, WorkflowHash] | None = None) -> PartitionHead:
    """Write ten commits of seven jobs; of those that finished before 1,000, only job-1 and job-2 may be pruned by `OLD`.

    job-0 finished later, job-3 drains, job-4 goes on, job-5 has not been told of, job-6 lies in the last commit. Commit
    4 has nothing but records of job-1, commit 7 of job-2; after the pruning they hold none.
    """
    head = await journal.open_partition(0)
    names = [JobId(f"job-{number}") for number in range(7)]
    hash_of = hashes or {}

    def begin(number: int) -> Entry:
        name = names[number]
        return entry(
            name,
            0,
            accepted_us=10 + number,
            digest=f"d{number}",
            owner="ann",
            hash=hash_of.get(name),
            labels=_HERE,
        )

    def end(number: int, finished_us: int, **changes: Any) -> Entry:
        first = begin(number).summary
        over: dict[str, Any] = {
            "status": "Finished",
            "outcome": "Succeeded",
            "finished_us": finished_us,
            "open": False,
        }
        return Entry(names[number], 1, f"job-{number}/1".encode(), replace(first, **(over | changes)))

    for entries in (
        [begin(0), begin(1)],
        [begin(2), begin(3)],
        [begin(4)],
        [end(1, 100)],
        [end(0, 1_000)],
        [end(3, 200, open=True)],
        [end(2, 300)],
        [begin(5), begin(6)],
        [end(5, 400)],
        [end(6, 500)],
    ):
        told = 8 if head.position == 9 else 0
        head = await journal.commit(replace(head, told=told), entries)
    return head


_HERE: Final = {"site": "north"}


async def fill_index(journal: Journal) -> None:
    """Write five jobs, of which two are accepted in the same instant, and two are over."""
    head = await journal.open_partition(0)
    begun = [
        entry("job-0", 0, accepted_us=10, owner="ann", incidents=2),
        entry("job-1", 0, accepted_us=20, owner="ann", labels={"site": "north", "line": "2"}),
        entry("job-2", 0, accepted_us=30, labels={"site": "north", "line": ""}),
        entry("job-3", 0, accepted_us=30, labels={"north": "site"}),
        entry("job-4", 0, accepted_us=40, workflow="other", hash=NAME),
    ]
    head = await journal.commit(head, begun)
    over = Entry(DONE.job, 1, b"over", DONE)
    await journal.commit(head, [over, last_entry("job-3", 1, accepted_us=30)])


def in_pieces(size: int) -> list[Entry]:
    """Return entries of one job whose bodies have so many bytes together."""
    pieces = [min(MAX_RECORD_BYTES, size - at) for at in range(0, size, MAX_RECORD_BYTES)]
    return [entry(JobId("job-b"), index, b"x" * piece) for index, piece in enumerate(pieces)]


TOO_LARGE: Final = (
    (
        [entry(JobId("job-a"), 0), entry(JobId("job-a"), 1, b"x" * (MAX_RECORD_BYTES + 1))],
        MAX_RECORD_BYTES + 1,
    ),
    (in_pieces(MAX_COMMIT_BYTES + 1), MAX_COMMIT_BYTES + 1),
)
