"""Jobs that wait long leave memory, and come back when something happens."""

from __future__ import annotations

import asyncio

from ee_core.simulation.pytest import virtual_time

REST = {"passivate_after_s": 10.0}


@virtual_time
async def test_a_job_whose_bot_works_long_leaves_memory_and_is_finished_by_the_answer(world, one):
    async with world(**REST) as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 100, "output": 5}))

        await asyncio.sleep(60)

        assert w.live(job) is None
        assert (await w.job(job))["status"] == "Processing"
        assert (await w.finished(job, within_s=100))["visits"][0]["output"] == 5


@virtual_time
async def test_a_job_that_waits_for_a_bot_gets_one_while_it_is_not_in_memory(world, one):
    async with world(**REST) as w:
        await w.bot("pc-1")
        first, second = [await w.submit(one(script={"seconds": 50})) for _ in range(2)]

        await asyncio.sleep(40)

        assert w.live(first) is None
        assert w.live(second) is None
        await w.over(first, second, within_s=200)


@virtual_time
async def test_a_job_that_rests_can_be_cancelled_and_its_bot_is_freed(world, one):
    async with world(**REST) as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 500}))
        await asyncio.sleep(60)

        await w.cancel(job)

        assert (await w.job(job))["outcome"] == "cancelled"
        await w.until(lambda: w.events(job)[-1] in {"LateResponse", "BotDrained"})


@virtual_time
async def test_an_incident_is_answered_after_an_hour(world, one):
    async with world(**REST) as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 500}, timeout={"run": "5s"}))
        await w.incident(job, "Lost")
        await asyncio.sleep(3600)

        assert w.live(job) is None
        await w.operate(job, "skip", output=1)

        assert (await w.finished(job))["outcome"] == "succeeded"


@virtual_time
async def test_facts_that_come_together_for_a_resting_job_are_told_in_order_to_one_executor(
    world, flow, work, end
):
    async with world(**REST) as w:
        branches = {f"b{n}": work(node={"next": "join"}, seconds=60) for n in range(4)}
        for n in range(4):
            await w.bot(f"pc-{n}")
        job = await w.submit(
            flow(fork={"parallel": list(branches)}, **branches, join={"join": "all", "next": "end"}, end=end)
        )

        await asyncio.sleep(40)

        assert w.live(job) is None
        await w.finished(job, within_s=100)
        assert w.events(job).count("JoinFired") == 1


@virtual_time
async def test_resting_jobs_count_as_open(world, one):
    async with world(max_open_jobs=1, **REST) as w:
        await w.bot()
        await w.submit(one(script={"seconds": 100}))
        await asyncio.sleep(60)

        held = await w.submit(one(script={}))

        assert (await w.job(held))["status"] == "NotStarted"
        await w.finished(held, within_s=200)
