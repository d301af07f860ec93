"""An engine takes a partition over: what was left untold is told, what kills engines is left alone (R27); pruned jobs."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from ee_core.errors import ConflictError, InputError, NotFoundError, PartitionQuarantinedError
from ee_core.messages.instants import to_text
from ee_core.model.record import frame
from ee_core.simulation.pytest import virtual_time


@pytest.fixture
def heard():
    """What hooks heard: events as job and name, incidents as job and id."""
    return {"events": [], "incidents": [], "summaries": []}


def listen(w, heard):
    def on_event(job_id, event, summary):
        heard["events"].append((job_id, type(event).__name__))
        heard["summaries"].append(summary)

    def on_incident(job, incident):
        heard["incidents"].append((job, incident.incident))

    w.hooks |= {"ee_on_event": on_event, "ee_on_incident": on_incident}


def die_before_telling(w, event):
    """Let the engine die when it has committed an event of a kind, before its observers hear of it."""
    life, hooks = w.engine.life, w.engine.engine.hooks
    tell = hooks.saw_records
    died = asyncio.Event()

    def saw(job, records, summary):
        if event in {type(each).__name__ for record in records for each in record.events}:
            life.is_dead = True
            died.set()
        if not life.is_dead:
            tell(job, records, summary)

    hooks.saw_records = saw
    return died


# -- what was told -----------------------------------------------------------------------------------------------


@virtual_time
async def test_what_was_committed_and_not_told_is_told_by_the_next_engine(world, one, heard):
    async with world() as w:
        listen(w, heard)
        await w.bot()
        died = die_before_telling(w, "JobFinished")
        job = await w.submit(one(), "j1")
        await died.wait()
        await w.crash()
        assert w.events(job)[-1] == "JobFinished"
        assert (job, "JobFinished") not in heard["events"]

        await w.start()

        assert heard["events"][-1] == (job, "JobFinished")
        assert heard["summaries"][-1].outcome == "succeeded"
        names = [name for of, name in heard["events"] if of == job]
        assert list(dict.fromkeys(names)) == list(dict.fromkeys(w.events(job)))


@virtual_time
async def test_an_incident_that_nobody_heard_of_is_told_by_the_next_engine(world, one, heard):
    async with world() as w:
        listen(w, heard)
        died = die_before_telling(w, "IncidentOpened")
        await w.send("jobs.execute", w.command(one(bot={"id": "nobody"}), "j1"))
        await died.wait()
        await w.crash()
        assert heard["incidents"] == []

        await w.start()

        assert heard["incidents"] == [("j1", "i1")]
        await w.cancel("j1")


@virtual_time
async def test_after_a_clean_stop_nothing_is_told_again(world, one, heard):
    async with world() as w:
        await w.bot()
        await w.over(await w.submit(one()))
        await w.stop()
        listen(w, heard)

        await w.start()

        assert heard["events"] == []
        await w.over(await w.submit(one()))
        assert heard["events"]


@virtual_time
async def test_after_a_crash_only_what_the_last_commits_hold_is_told_again(world, one, heard):
    async with world() as w:
        listen(w, heard)
        await w.bot()
        jobs = [await w.submit(one()) for _ in range(10)]
        for job in jobs:
            await w.over(job)

        await w.restart()

        # each of these events comes once per job; the commit before the last was written with what was told by then
        names = {"JobAccepted", "JobFinished", "AttemptSucceeded"}
        again = [
            event for event, times in Counter(heard["events"]).items() if times > 1 and event[1] in names
        ]
        assert (jobs[0], "JobAccepted") not in again
        assert 0 < len(again) <= 4


# -- what kills engines ------------------------------------------------------------------------------------------


@virtual_time
async def test_a_partition_that_three_engines_died_of_is_left_alone_until_an_operator_says_so(world, one):
    async with world() as w:
        job = await w.submit(one(bot={"id": "pc-1"}), "poison")
        await w.awaiting(job, "IncidentOpened")
        for _ in range(3):
            await w.restart()
        await w.crash()

        for times in (3, 4):
            with pytest.raises(
                PartitionQuarantinedError, match=f"{times} engines in a row .* jobs: poison; "
            ):
                await w.start()

        await w.start(despite_poison=True)
        await w.bot()
        await w.finished(job)
        await w.restart()


@virtual_time
async def test_clean_stops_and_commits_are_no_deaths(world, one):
    async with world() as w:
        job = await w.submit(one(bot={"id": "pc-1"}))
        await w.awaiting(job, "IncidentOpened")
        for way in ("crash", "crash", "stop", "crash", "crash", "stop"):
            await getattr(w, way)()
            await w.start()
        for _ in range(4):
            await w.restart()
            await w.cancel(await w.submit(one(bot={"id": "pc-1"})))

        await w.bot()
        await w.finished(job)


@virtual_time
async def test_without_open_jobs_no_partition_is_quarantined(world, one):
    async with world() as w:
        for _ in range(6):
            await w.restart()
        await w.cancel(await w.submit(one()))


# -- what is parked ----------------------------------------------------------------------------------------------


@virtual_time
async def test_a_parked_job_is_listed_and_shown_with_the_reason(world, one):
    async with world() as w:
        await w.bot()
        bad = await w.submit(one(script={"seconds": 30}), "bad", owner="ann")
        good = await w.submit(one(), "good")
        await w.until(w.started)
        await w.crash()
        data = w.store.records[bad][0]
        w.store.records[bad][0] = frame(bad, 0, b'{"v": 1, "job": "bad", "index": 0}')

        await w.start()

        rows = {row["job"]: row for row in await w.ask("list")}
        assert (rows[bad]["status"], rows[good]["status"]) == ("Parked", "Processing")
        assert "record 0 of job 'bad' is not readable" in rows[bad]["reason"]
        assert [row["job"] for row in await w.ask("list", filter={"status": "Parked"})] == [bad]
        assert await w.ask("list", filter={"status": "Parked", "owner": "bob"}) == []
        assert [row["job"] for row in await w.ask("list", filter={"status": "Processing"})] == [good]
        shown = await w.job(bad)
        assert (shown["status"], shown["owner"], shown["visits"]) == ("Parked", "ann", [])
        assert "is not readable" in shown["reason"]
        assert (await w.ask("engine"))["parked_jobs"] == 1
        w.store.records[bad][0] = data
        await w.restart()
        await w.finished(good, within_s=100)
        await w.finished(bad, within_s=100)


# -- what was pruned ---------------------------------------------------------------------------------------------


async def prune(w, **changes):
    now = to_text(w.env.now() + 1)
    return await w.ask("prune", filter={"before": now, "forget": to_text(0)} | changes)


@virtual_time
async def test_a_pruned_job_is_answered_from_its_stub(world, one):
    async with world() as w:
        await w.bot()
        for name in ("j1", "j2", "j3"):
            await w.over(await w.submit(one(), name, owner="ann"))
        await w.cancel("never-came")
        await w.over(await w.submit(one(), "last"))

        trial = await prune(w, trial=True)
        assert trial["jobs"] == ["j1", "j2", "j3", "never-came"]
        assert "j1" in w.store.records
        pruned = await prune(w)

        assert (pruned["jobs"], pruned["more"]) == (["j1", "j2", "j3", "never-came"], False)
        why = "what the journal recorded last is kept; it can go when something else is recorded"
        assert pruned["kept"] == trial["kept"] == [{"job": "last", "why": why}]
        assert "j1" not in w.store.records
        w._decoded.clear()
        assert (await w.execute(one(), "j1", owner="ann")).status == "known"
        with pytest.raises(ConflictError, match="over and pruned"):
            await w.execute(one(), "j1", owner="bob")
        assert (await w.execute(one(), "never-came")).status == "cancelled"
        assert (await w.cancel("j1")).status == "finished"
        shown = await w.job("j1")
        assert (shown["status"], shown["outcome"], shown["pruned"]) == ("Finished", "succeeded", True)
        with pytest.raises(NotFoundError, match="was pruned"):
            await w.ask("history", job="j1")
        await w.restart()
        assert (await w.execute(one(), "j2", owner="ann")).status == "known"
        assert (await prune(w, forget=to_text(w.env.now())))["forgotten"] == 4
        assert (await w.execute(one(), "j1", owner="bob")).status == "accepted"
        await w.cancel("j1")


@virtual_time
async def test_an_open_job_and_one_that_drains_are_never_pruned(world, one):
    async with world() as w:
        puppet = await w.puppet()
        drains = await w.submit(one(), "drains")
        await puppet.answer(await puppet.request(), "accepted")
        await w.cancel(drains)
        waits = await w.submit(one(), "waits")
        await w.cancel(await w.submit(one(), "over"))
        await w.cancel(await w.submit(one(), "last"))

        pruned = await prune(w)
        assert pruned["jobs"] == ["over"]
        kept = {each["job"]: each["why"] for each in pruned["kept"]}
        assert kept.keys() == {"drains", "last"}
        assert kept["drains"] == "a bot may still work for it"

        await puppet.answer(puppet.distinct()[0], "stopped")
        await w.cancel(waits)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({}, "needs the instants"),
        ({"before": "yesterday", "forget": to_text(0)}, "needs the instants"),
        ({"before": to_text(0), "forget": to_text(1)}, "would forget jobs whose records it keeps"),
        ({"before": to_text(0), "forget": to_text(0), "all": True}, "has no 'all'"),
    ],
)
@virtual_time
async def test_a_request_to_prune_that_is_none_is_refused(world, asked, match):
    async with world() as w:
        with pytest.raises(InputError, match=match):
            await w.ask("prune", filter=asked)
