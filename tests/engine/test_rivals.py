"""Two engines on one store: the journal lets one drive, and the other learns it and stops."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ee_core.errors import EngineError, EngineStoppedError, JournalConflictError, JournalUnavailableError
from ee_core.messages.jobs import Command
from ee_core.model.events import Choice
from ee_core.model.facts import BotGranted, CancelCommanded, OperatorCommanded, ResponseKind, ResponseReceived
from ee_core.model.ids import Fence
from ee_core.model.job import Job
from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_the_first_engine_stops_when_a_second_opened_its_partition(world, one):
    async with world() as w:
        await w.bot()
        first = w.engine
        job = await w.submit(one(script={"seconds": 30, "output": 6}))
        await w.until(w.started)

        await w.start()

        shown = await w.finished(job, within_s=100)
        await asyncio.sleep(1)
        for _ in range(5):  # whatever it still takes from the broker makes it notice
            if first.life.is_running:
                await w.execute(one(), None)
        assert isinstance(await first.ended(), EngineStoppedError)
        assert shown["visits"][0]["output"] == 6
        assert len(w.started(job=job)) == 1
        await w.until(lambda: not any(row.open for row in w.store.summaries.values()), within_s=100)


@virtual_time
async def test_an_engine_that_has_nothing_to_write_learns_all_the_same_that_it_lost_its_partition(world):
    async with world() as w:
        first = w.engine
        second = await w.start()

        ended = await first.ended()
        assert isinstance(ended, EngineStoppedError)
        assert str(ended).startswith("another engine has taken over the journal")

        await asyncio.sleep(60)
        assert second.life.is_running


@virtual_time
async def test_an_engine_that_lost_its_partition_sends_nothing_more(world, one):
    async with world() as w:
        await w.bot()
        first = w.engine
        job = await w.submit(one(script={"seconds": 300}))
        await w.until(w.started)
        await w.start()
        told = asyncio.ensure_future(first.engine.jobs.tell(job, CancelCommanded(at_us=w.env.now())))
        with pytest.raises(EngineError):
            await told
        quiet = len(w.happenings)

        with pytest.raises(EngineError):
            await first.engine.jobs.tell(job, CancelCommanded(at_us=w.env.now()))

        assert isinstance(await first.ended(), EngineStoppedError)
        await asyncio.sleep(30)
        sent = {
            each.about for each in w.happenings[quiet:] if each.who == "engine-1" and each.what == "publish"
        }
        assert not [subject for subject in sent if not subject.startswith("bots.")]
        assert w.events(job)[-1] == "AttemptAssigned"
        await w.cancel(job)
        await w.over(job)


@virtual_time
async def test_the_second_engine_gets_the_bots_of_the_first_when_that_is_gone(world, one):
    async with world() as w:
        await w.bot()
        first = w.engine
        await w.finished(await w.submit(one()))
        await w.start()
        job = "j1"
        await w.send("jobs.execute", w.command(one(), job))

        await w.until(lambda: job in w.store.summaries)
        if first.life.is_running:
            await asyncio.sleep(5)
            assert await _bots_of(w, w.engine) == {"pc-1": "Locked"}
        await first.life.kill()

        await w.finished(job, within_s=60)


@virtual_time
async def test_a_bot_that_another_engine_has_is_shown_as_locked(world, one):
    async with world() as w:
        await w.bot()
        await w.finished(await w.submit(one()))
        first = w.engine.engine
        await first.fleet.give_back()
        w.table.keep_alive("other", 1000.0)
        lease = w.table.take("pc-1", engine="other", now_us=w.env.now(), floor=0)
        job = await w.submit(one())
        await asyncio.sleep(5)

        assert await w.bots() == {"pc-1": "Locked"}
        assert not w.started(job=job)

        w.table.release(lease)
        await w.finished(job)


@virtual_time
async def test_a_bot_that_answered_the_claim_of_another_engine_is_not_assigned_again_and_again(world, one):
    async with world() as w:
        bot = await w.bot()
        await w.finished(await w.submit(one()))  # leased, and idle
        ours = w.table.records()[0].lease
        bot.ledger.claim(ours + 1)  # as after a take by an engine that saw ours as dead

        job = await w.submit(one())

        await w.finished(job)
        assert w.events(job).count("AssignmentVoided") <= 2
        assert w.table.records()[0].lease > ours + 1


async def begin(w, engine, job, kind):
    """Let an engine give the job's only visit to a bot; return what that bot answers."""
    fence = Fence(1, 1)
    grant = BotGranted(at_us=w.env.now(), visit="only#1", bot="pc-1", ledger="l", fence=fence)
    await engine.jobs.tell(job, grant)
    return ResponseReceived(at_us=w.env.now(), bot="pc-1", visit="only#1", attempt=1, fence=fence, kind=kind)


@virtual_time
async def test_an_engine_that_lost_its_partition_acknowledges_nothing_that_it_does_not_know(world, one):
    async with world() as w:
        job = await w.submit(one())
        first = w.engine.engine
        second = (await w.start()).engine
        answer = await begin(w, second, job, ResponseKind.STOPPED)

        # what it has not heard of is no news of an attempt, or of an incident, that never was
        operate = OperatorCommanded(at_us=w.env.now(), id="o1", incident="i1", choice=Choice.RETRY)
        for fact in (answer, operate):
            with pytest.raises(JournalConflictError, match="another engine"):
                await first.jobs.tell(job, fact)
        assert (await second.jobs.tell(job, operate)).reason == "incident_closed"
        assert (await second.jobs.tell(job, replace(answer, attempt=9))).reason == "unknown_attempt"
        await second.jobs.tell(job, replace(answer, kind=ResponseKind.SUCCEEDED))
        await w.finished(job)


@virtual_time
async def test_a_record_under_way_hides_none_of_the_other_engine(world, one):
    async with world() as w:
        job = await w.submit(one())
        first = w.engine.engine
        second = (await w.start()).engine
        answer = await begin(w, second, job, ResponseKind.FAILED)

        w.disk.read_latency_s, w.disk.latency_s = 1.0, 3.0
        answered = asyncio.ensure_future(first.jobs.tell(job, answer))
        await asyncio.sleep(0.5)  # it knows no such attempt, and looks whether there is one
        cancelled = asyncio.ensure_future(first.jobs.tell(job, CancelCommanded(at_us=w.env.now())))
        told = await asyncio.gather(answered, cancelled, return_exceptions=True)

        assert [type(each) for each in told] == [JournalConflictError] * 2
        w.disk.read_latency_s = w.disk.latency_s = 0.0
        await second.jobs.tell(job, replace(answer, kind=ResponseKind.SUCCEEDED))
        await w.finished(job)


@virtual_time
async def test_an_engine_that_lost_its_partition_calls_no_job_of_the_other_one_finished(world, one):
    async with world() as w:
        first = w.engine.engine
        second = (await w.start()).engine
        body = {"id": "j1", "workflow": one()}
        await second.spawner.carry_out(Command.from_json({"job": "j1", "kind": "execute", "body": body}))

        cancel = Command.from_json({"job": "j1", "kind": "cancel", "body": {"job": "j1"}})
        with pytest.raises(JournalConflictError, match="another engine"):
            await first.spawner.carry_out(cancel)

        assert await second.spawner.carry_out(cancel) == "cancelled"
        assert await first.spawner.carry_out(cancel) == "finished"


@virtual_time
async def test_a_command_that_comes_while_the_engine_stops_is_given_back(world, one):
    async with world() as w:
        jobs = w.engine.engine.jobs
        await w.stop()

        with pytest.raises(JournalUnavailableError, match="stops"):
            jobs.add(Job.blank("late"))
        assert jobs.find("late") is None


async def _bots_of(w, engine):
    return {row.bot: row.state.value for row in engine.engine.fleet.rows() if not row.stateless}
