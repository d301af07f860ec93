"""The writer of the journal alone: what goes into one commit, and what a rival's commit means."""

from __future__ import annotations

import asyncio

from ee_core.contracts.journal import Entry, JobSummary
from ee_core.errors import JournalConflictError
from ee_core.simulation.pytest import virtual_time
from partition_stand import Stand


def entry(job="j1", index=0, size=10):
    summary = JobSummary(
        job,
        "w",
        "",
        None,
        "Processing",
        "",
        "",
        {},
        0,
        0,
        None,
        0,
        True,
    )
    return Entry(job, index, b"x" * size, summary)


@virtual_time
async def test_what_is_ready_in_one_turn_goes_into_one_commit_and_what_comes_meanwhile_into_the_next():
    async with Stand() as stand:
        first = [stand.partition.write([entry(f"j{n}")]) for n in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = [stand.partition.write([entry(f"k{n}")]) for n in range(7)]

        await asyncio.gather(*first, *second)

        assert stand.commits == [5, 7]


@virtual_time
async def test_a_commit_is_cut_at_job_boundaries_when_it_grows_too_large():
    async with Stand() as stand:
        writes = [
            stand.partition.write([entry(f"j{n}", 0, 200_000), entry(f"j{n}", 1, 200_000)]) for n in range(5)
        ]

        await asyncio.gather(*writes)

        assert stand.commits == [4, 4, 2]


@virtual_time
async def test_when_another_writer_came_every_write_raises_and_the_loss_is_told_once():
    async with Stand() as stand:
        await stand.partition.write([entry()])
        await stand.journal.open_partition(0)

        writes = [stand.partition.write([entry(f"j{n}")]) for n in range(3)]
        results = await asyncio.gather(*writes, return_exceptions=True)
        late = await asyncio.gather(stand.partition.write([entry()]), return_exceptions=True)

        assert [type(result) for result in (*results, *late)] == [JournalConflictError] * 4
        assert [type(error) for error in stand.lost] == [JournalConflictError]
        assert stand.commits == [1]


@virtual_time
async def test_a_writer_that_has_nothing_to_write_is_told_of_another_one():
    async with Stand() as stand:
        await asyncio.sleep(60)
        assert stand.lost == []
        await stand.journal.open_partition(0)

        await asyncio.sleep(15)

        assert [type(error) for error in stand.lost] == [JournalConflictError]
        assert stand.commits == []


@virtual_time
async def test_a_journal_that_cannot_say_who_writes_takes_the_partition_from_nobody():
    async with Stand() as stand:
        await stand.journal.close()
        await asyncio.sleep(60)

        assert stand.lost == []
        assert not stand.task.done()


@virtual_time
async def test_a_writer_that_is_cancelled_does_not_take_its_entries_back():
    async with Stand() as stand:
        write = stand.partition.write([entry()])
        write.cancel()
        await stand.partition.write([entry("j2")])

        assert stand.commits == [2]
