"""Work that needs no bot: for any worker when it may be repeated, else in the engine's own process (R9a, R23)."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.simulation.pytest import virtual_time


@pytest.fixture
def one(flow, work, end):
    def make(kind, *, script=None, **keys):
        return flow(only=work(kind=kind, node=keys, **(script or {})), end=end)

    return make


@virtual_time
async def test_r9a_repeatable_work_is_done_by_the_engines_own_worker(world, one):
    async with world() as w:
        job = await w.submit(one("fetch", script={"output": 4}))

        shown = await w.finished(job)

        assert shown["visits"][0]["output"] == 4
        assert w.find(job, "AttemptAssigned")[0].bot is None
        assert len(w.published("activity.execute._any.fetch")) == 1


@virtual_time
async def test_r9a_many_visits_of_it_run_at_once(world, flow, work, end):
    async with world() as w:
        names = [f"n{n}" for n in range(30)]
        nodes = {name: work("all", kind="fetch", seconds=5) for name in names}
        job = await w.submit(
            flow(fork={"parallel": names}, **nodes, all={"join": "all", "next": "end"}, end=end)
        )

        await w.finished(job, within_s=7)


@virtual_time
async def test_r9a_work_of_a_worker_that_died_is_done_by_another(world, one):
    async with world() as w:
        w.hooks.clear()
        job = await w.submit(one("fetch", script={"seconds": 20}))
        await w.until(w.started)

        await w.restart()

        await w.finished(job)
        assert [effect.what for effect in w.effects] == ["start", "died", "start", "done"]
        assert w.events(job).count("AttemptAssigned") == 1


@virtual_time
async def test_r9a_without_a_worker_an_incident_opens_and_closes_itself(world, flow, work, end):
    async with world() as w:
        job = await w.submit(
            flow(wait=work("only", kind="fetch", seconds=10), only=work(kind="spare"), end=end)
        )
        await w.stop()
        await w.start(disabled=("activity:spare",))

        incident = await w.incident(job, "NoBot")

        assert "'spare'" in incident["text"]
        assert len(w.started()) == 2
        await w.worker("w1", "spare")
        await w.finished(job)
        assert w.find(job, "IncidentClosed")[0].by == "gone"
        assert w.started()[-1] == f"w1:{job}/only#1/1"


@virtual_time
async def test_r9a_work_that_may_not_be_repeated_is_done_in_the_engines_process_after_its_record(world, one):
    async with world() as w:
        w.disk.latency_s = 0.5

        job = await w.submit(one("post", script={"output": 4}))

        shown = await w.finished(job)
        assert shown["visits"][0]["output"] == 4
        assert not w.published("activity.")
        commit = next(each for each in w.happenings if each.what == "commit")
        assert w.effects[0].at_s >= commit.at_s


@virtual_time
async def test_r9a_a_crash_in_the_middle_of_it_makes_it_lost_and_it_is_never_done_again(world, one):
    async with world() as w:
        job = await w.submit(one("post", script={"seconds": 20}))
        await w.until(w.started)

        await w.restart()

        incident = await w.incident(job, "Lost")
        assert incident["detail"] == {"attempt": 1, "why": "crash"} | {"bot": None}
        await asyncio.sleep(100)
        assert [effect.what for effect in w.effects] == ["start", "died"]
        await w.restart()
        await asyncio.sleep(100)
        assert len(w.started()) == 1
        await w.operate(job, "skip", output=1)
        await w.finished(job)


@virtual_time
async def test_r9a_a_crash_just_after_its_record_makes_it_lost_too(world, one):
    async with world() as w:
        w.disk.forgetful = True
        await w.send("jobs.execute", w.command(one("post"), "j1"))
        await w.until(lambda: w.events("j1"))
        await w.crash()
        w.disk.forgetful = False

        await w.start()

        await w.incident("j1", "Lost")
        assert not w.started()
        await w.operate("j1", "retry")
        await w.finished("j1")
        assert len(w.started()) == 1


@virtual_time
async def test_r9a_a_clean_stop_in_the_middle_of_it_is_told_as_lost(world, one):
    async with world() as w:
        job = await w.submit(one("post", script={"seconds": 20}))
        await w.until(w.started)

        await w.stop()
        await w.start()

        await w.incident(job, "Lost")
        assert len(w.started()) == 1
        await w.cancel(job)


@virtual_time
async def test_r9a_its_failures_are_tried_again_by_its_policy(world, one):
    async with world() as w:
        job = await w.submit(one("post", script={"fail": 2}, retry={"attempts": 3, "delay": "1s"}))

        await w.finished(job)
        assert len(w.started()) == 3


@virtual_time
async def test_r21_its_run_time_out_makes_it_lost(world, one):
    async with world() as w:
        job = await w.submit(one("post", script={"seconds": 500}, timeout={"run": "10s"}))

        await w.incident(job, "Lost")

        assert [effect.what for effect in w.effects] == ["start", "stopped"]
        await w.operate(job, "fail")
        await w.finished(job, "failed")


@virtual_time
async def test_r23_a_missing_plugin_opens_an_incident_that_names_entry_point_and_group(world, one):
    async with world() as w:
        retry = {"attempts": 2, "delay": "100s"}
        job = await w.submit(one("post", script={"fail": 1}, retry=retry))
        await w.awaiting(job, "AttemptFailed")
        await w.stop()
        await w.start(disabled=("activity:post",))

        incident = await w.incident(job, "PluginMissing", within_s=200)

        assert "'post'" in incident["text"]
        assert "ee.activities" in incident["text"]
        assert incident["text"].count("install ") == 1
        assert len(w.started()) == 1
        await w.stop()
        await w.start()
        await w.finished(job)
        assert w.find(job, "IncidentClosed")[0].by == "gone"
        assert len(w.started()) == 2


@virtual_time
async def test_r23_a_plugin_that_stays_away_asks_only_once(world, one):
    async with world() as w:
        job = await w.submit(one("post", script={"fail": 1}, retry={"attempts": 2, "delay": "100s"}))
        await w.awaiting(job, "AttemptFailed")
        for _ in range(3):
            await w.stop()
            await w.start(disabled=("activity:post",))
            await asyncio.sleep(100)

        assert w.events(job).count("IncidentOpened") == 1
        await w.operate(job, "fail")
        await w.finished(job, "failed")


@virtual_time
async def test_who_names_a_bot_for_work_that_needs_none_gets_that_bot(world, one):
    async with world() as w:
        await w.bot("pc-1", "fetch")
        job = await w.submit(one("fetch", bot={"id": "pc-1"}))

        await w.finished(job)
        assert w.started() == [f"pc-1:{job}/only#1/1"]
