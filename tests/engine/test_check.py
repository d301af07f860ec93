"""A journal is looked through: what real jobs have written is whole, and each damage is named with its place and its jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ee_core.contracts.journal import JobFilter, Pruning
from ee_core.engine.check import check_journal
from ee_core.errors import NewerVersionError
from ee_core.local.memory_journal import MemoryJournal
from ee_core.model.record import chain, frame
from ee_core.simulation.pytest import virtual_time


@pytest.fixture
def history(world, flow, work, end):
    """Let some jobs of different fates happen, and return the world whose engine has stopped."""

    async def make(w):
        await w.bot()
        shape = flow(
            both={"parallel": ["a", "b"]},
            a=work("j", output={"n": 1}),
            b=work("j"),
            j={"join": "all", "next": "end"},
            end=end,
        )
        await w.over(await w.submit(shape, "good", owner="ann", labels={"site": "north"}))
        await w.over(await w.submit(flow(a=work(fail=1), end=end), "failed"))
        await w.cancel("tombstone")
        await w.submit(flow(a=work(node={"bot": {"id": "nobody"}}), end=end), "asks")
        await w.incident("asks")
        puppet = await w.puppet("pc-2", "other")
        await w.submit(flow(a=work(kind="other"), end=end), "drains")
        await puppet.answer(await puppet.request(), "accepted")
        await w.cancel("drains")
        await w.over(await w.submit(flow(a=work(), end=end), "last"))
        await w.crash()
        return w.store

    return make


async def look(store):
    async with MemoryJournal(store) as journal:
        return await check_journal(journal)


def put(store, position, data, place=-1):
    """Put another frame into a commit, and chain all from there on as if it had always been so."""
    part = store.partitions[0]
    part.commits[position - 1].frames[place] = data
    link = part.commits[position - 2].link
    for number, stored in enumerate(part.commits[position - 1 :], position):
        link = stored.link = chain(link, number, stored.epoch, stored.frames)


@virtual_time
async def test_what_an_engine_wrote_is_whole_and_the_index_is_what_follows_from_it(world, history):
    async with world() as w:
        store = await history(w)
        found = await look(store)

        assert found.damage == []
        assert (found.jobs, found.open, found.stubs) == (6, 2, 0)
        assert found.commits == len(store.partitions[0].commits)
        assert {row.job: row for row in found.summaries} == store.summaries
        await w.start()
        await w.cancel("asks")
        await w.crew["pc-2"].answer(w.crew["pc-2"].distinct()[0], "stopped")


@virtual_time
async def test_a_false_row_a_missing_one_and_one_of_nobody_are_named_and_made_anew(world, history):
    async with world() as w:
        store = await history(w)
        whole = dict(store.summaries)
        store.summaries["good"] = replace(store.summaries["good"], outcome="failed")
        store.summaries["ghost"] = replace(store.summaries["good"], job="ghost")
        del store.summaries["failed"]

        found = await look(store)

        assert {(damage.job, damage.is_index) for damage in found.damage} == {
            ("good", True),
            ("failed", True),
            ("ghost", True),
        }
        assert found.can_rebuild
        async with MemoryJournal(store) as journal:
            del store.summaries["ghost"]
            await journal.rebuild(await journal.open_partition(0), found.summaries)
        assert store.summaries == whole
        assert (await look(store)).damage == []
        store.partitions[0].epochs[-1].stopped = True
        await w.start()
        await w.cancel("asks")
        await w.crew["pc-2"].answer(w.crew["pc-2"].distinct()[0], "stopped")


@virtual_time
async def test_a_record_that_cannot_be_read_is_its_jobs_damage_and_leaves_a_row_that_is_parked(
    world, history
):
    async with world() as w:
        store = await history(w)
        position = next(
            number
            for number, stored in enumerate(store.partitions[0].commits, 1)
            if any(b'"good"' in data for data in stored.frames) and len(stored.frames) == 1 and number > 1
        )
        data = store.partitions[0].commits[position - 1].frames[-1]
        index = store.records["good"].index(data)
        store.records["good"][index] = frame("good", index, b"{}")
        put(store, position, frame("good", index, b"{}"))
        before = dict(store.summaries)

        found = await look(store)

        assert [(damage.job, damage.position) for damage in found.damage] == [("good", position)]
        assert found.can_rebuild
        assert {row.job: row for row in found.summaries} == before
        del store.summaries["good"]
        rows = {row.job: row for row in (await look(store)).summaries}
        assert (rows["good"].open, rows["good"].status) == (True, "Processing")


@virtual_time
async def test_damage_to_the_chain_names_the_commit_and_the_jobs_that_lost_records(world, history):
    async with world() as w:
        store = await history(w)
        part = store.partitions[0]
        data = part.commits[3].frames[-1]
        job = next(name for name, records in store.records.items() if data in records)
        flipped = data[:-1] + bytes([data[-1] ^ 1])
        part.commits[3].frames[-1] = flipped
        store.records[job][store.records[job].index(data)] = flipped

        found = await look(store)

        assert not found.can_rebuild
        assert found.damage[0].position == 4
        assert [damage.job for damage in found.damage[1:]] == [job]


@virtual_time
async def test_pruned_jobs_are_counted_and_are_no_damage(world, history):
    async with world() as w:
        store = await history(w)
        async with MemoryJournal(store) as journal:
            head = await journal.open_partition(0)
            head = replace(head, told=head.position)
            pruned = await journal.prune(head, Pruning(before_us=2**53, forget_us=0))
            assert len(await journal.list_jobs(JobFilter())) == 6

        found = await look(store)

        assert set(pruned.jobs) == {"good", "failed", "tombstone"}
        assert (found.jobs, found.stubs, found.damage) == (3, 3, [])


@virtual_time
async def test_a_journal_of_a_newer_engine_is_no_damage(world, history):
    async with world() as w:
        store = await history(w)
        put(store, 2, frame("good", 1, b'{"v": 99, "job": "good", "index": 1}'), 0)

        with pytest.raises(NewerVersionError):
            await look(store)


@virtual_time
async def test_a_bots_late_word_after_its_job_was_over_is_no_damage(world, flow, work, end):
    async with world(drain_timeout_s=3) as w:
        bot = await w.puppet()
        await w.submit(flow(a=work(), end=end), "cancelled")
        request = await bot.request()
        await bot.answer(request, "accepted")
        await w.cancel("cancelled")
        await w.awaiting("cancelled", "BotQuarantined")
        assert not w.summary("cancelled").open
        await bot.answer(request, "succeeded")
        await w.awaiting("cancelled", "LateResponse")

        found = await look(w.store)

        assert found.damage == []
        assert [row.outcome for row in found.summaries] == ["cancelled"]
