"""Jobs that an engine finds waiting when it starts are not kept in memory, and everything works for them at once."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.cli.engine import say_resumed
from ee_core.simulation.pytest import virtual_time
from ee_core.spawner import jobs as spawner_jobs

NOBODY = {"bot": {"id": "nobody"}}


def resting(w):
    return w.engine.engine.jobs.resting


@virtual_time
async def test_a_job_that_asks_a_person_is_not_in_memory_after_a_start_and_is_answered_at_once(world, one):
    async with world() as w:
        job = await w.submit(one(**NOBODY))
        await w.incident(job, "NoBot")

        await w.restart()

        assert (w.live(job), resting(w), len(w.engine.engine.jobs)) == (None, 1, 1)
        assert w.engine.engine.adopted == [job]
        shown = await w.job(job)
        assert (shown["status"], shown["visits"][0]["status"]) == ("Processing", "Pending")
        assert [wait["wait"] for wait in shown["waits"]] == ["lease:only#1", "operator:i1"]
        assert [row["job"] for row in await w.ask("list", filter={"status": "Processing"})] == [job]
        await w.operate(job, "skip", output=1)
        assert (await w.finished(job))["outcome"] == "succeeded"


@virtual_time
async def test_a_job_that_rests_since_the_start_is_cancelled_and_forgotten(world, one):
    async with world() as w:
        job = await w.submit(one(**NOBODY))
        await w.incident(job, "NoBot")
        await w.restart()

        await w.cancel(job)

        assert (await w.job(job))["outcome"] == "cancelled"
        assert len(w.engine.engine.jobs) == 0


@virtual_time
async def test_a_bot_that_comes_after_the_start_gets_what_waits_for_it(world, one):
    async with world() as w:
        job = await w.submit(one(bot={"id": "pc-1"}))
        await w.incident(job, "NoBot")
        await w.restart()
        assert w.live(job) is None

        await w.bot("pc-1")

        assert (await w.finished(job))["incidents"] == []


@virtual_time
async def test_a_time_out_that_is_far_away_at_the_start_comes_in_time(world, one):
    async with world() as w:
        job = await w.submit(one(timeout={"bot": "1h"}, **NOBODY))
        await w.incident(job, "NoBot")
        accepted_us = w.summary(job).accepted_us
        await asyncio.sleep(600)
        await w.restart()
        assert w.live(job) is None

        await w.finished(job, "failed", within_s=3600)

        assert w.find(job, "AttemptFailed")[-1].error.code == "no_bot"
        assert w.summary(job).finished_us - accepted_us == pytest.approx(3600e6, abs=5e6)


@virtual_time
async def test_a_time_out_that_passed_while_no_engine_ran_is_told_at_the_start(world, one):
    async with world() as w:
        job = await w.submit(one(timeout={"bot": "1h"}, **NOBODY))
        await w.incident(job, "NoBot")
        await w.stop()
        await asyncio.sleep(7200)

        await w.start()

        assert w.live(job) is not None
        await w.finished(job, "failed", within_s=5)


@virtual_time
async def test_a_far_retry_is_made_in_time_by_the_engine_that_found_it(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1}, retry={"attempts": 2, "delay": "1h", "max_delay": "1h"}))
        await w.awaiting(job, "AttemptFailed")
        await asyncio.sleep(60)
        await w.restart()
        assert w.live(job) is None
        assert [wait["wait"].partition(":")[0] for wait in (await w.job(job))["waits"]] == ["timer"]

        await w.finished(job, within_s=3700)

        due_us = w.find(job, "AttemptFailed")[0].retry_at_us
        assert w.summary(job).finished_us == pytest.approx(due_us, abs=5e6)


@virtual_time
async def test_a_job_whose_attempt_is_under_way_is_driven_from_the_start(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 30, "output": 5}))
        await w.until(w.started)

        await w.restart()

        assert (w.live(job) is not None, resting(w)) == (True, 0)
        assert (await w.finished(job, within_s=60))["visits"][0]["output"] == 5


@virtual_time
async def test_a_bot_goes_to_the_first_in_line_though_that_is_armed_last(world, one, monkeypatch):
    monkeypatch.setattr(spawner_jobs, "_ARM_AT_ONCE", 1)
    monkeypatch.setattr(spawner_jobs, "_ADOPT_AT_ONCE", 2)
    async with world() as w:
        jobs = [await w.submit(one(bot={"id": "pc-1"}), f"j{n}", priority=n) for n in range(9)]
        await w.stop()
        await w.bot("pc-1")

        await w.start()

        assert w.engine.engine.adopted == jobs
        await w.over(*jobs, within_s=200)
        begun = [start.split(":")[1].split("/")[0] for start in w.started()]
        assert begun == jobs[::-1]


@virtual_time
async def test_a_job_that_waits_for_a_bot_while_its_branch_works_is_driven(world, flow, work, end):
    async with world() as w:
        await w.bot("pc-1")
        branches = {
            "works": work(node={"bot": {"id": "pc-1"}, "next": "end"}, seconds=60),
            "waits": work(node={"bot": {"id": "pc-2"}, "next": "end"}),
        }
        job = await w.submit(flow(fork={"parallel": list(branches)}, **branches, end=end))
        await w.until(w.started)

        await w.restart()

        assert w.live(job) is not None
        await w.finished(job, within_s=100)


@virtual_time
async def test_jobs_that_go_on_are_said_with_their_place_and_of_many_the_first(world, one, capsys):
    async with world() as w:
        jobs = [await w.submit(one(**NOBODY), f"j{n}") for n in range(22)]
        for job in jobs:
            await w.incident(job, "NoBot")
        await w.restart()

        await say_resumed(w.engine.engine)

        said = "".join(capsys.readouterr()).splitlines()
        assert [line for line in said if line.startswith("resumed")] == [
            *(f"resumed: job {job} (flow) at only#1" for job in jobs[:20]),
            "resumed: 2 more jobs; `eectl job list` shows them",
        ]
        for job in jobs:
            await w.cancel(job)
