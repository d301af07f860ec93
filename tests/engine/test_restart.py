"""Restarts: what was recorded goes on, what was acknowledged is not lost, what happened is not done again."""

from __future__ import annotations

import asyncio
import json

import pytest

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.errors import JournalCorruptError
from ee_core.local.memory_journal import MemoryStore
from ee_core.model.record import frame
from ee_core.simulation.pytest import virtual_time
from engine_world.fate import lose_requests


@pytest.mark.parametrize("way", ["crash", "stop"])
@virtual_time
async def test_a_running_bot_goes_on_and_its_effect_happens_once(world, one, way):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 60, "output": 8}))
        await w.until(w.started)

        await getattr(w, way)()
        await asyncio.sleep(20)
        await w.start()

        assert (await w.finished(job, within_s=100))["visits"][0]["output"] == 8
        assert [effect.what for effect in w.effects] == ["start", "done"]
        assert w.events(job).count("AttemptAssigned") == 1


@virtual_time
async def test_a_bot_found_at_work_after_a_restart_is_held_and_gets_nothing_else(world, one):
    async with world() as w:
        await w.bot()
        first = await w.submit(one(script={"seconds": 100}))
        await w.until(w.started)
        second = await w.submit(one(script={}))

        await w.restart()
        await asyncio.sleep(40)

        assert await w.bots() == {"pc-1": "Held"}
        assert not w.started(job=second)
        await w.finished(first, within_s=100)
        await w.finished(second)


@virtual_time
async def test_a_response_that_came_while_no_engine_ran_is_applied(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 5, "output": 3}))
        await w.until(w.started)
        await w.crash()
        await asyncio.sleep(200)

        await w.start()

        assert (await w.finished(job, within_s=5))["visits"][0]["output"] == 3
        assert len(w.started()) == 1


@virtual_time
async def test_a_command_that_came_while_no_engine_ran_is_carried_out(world, one):
    async with world() as w:
        await w.bot()
        await w.crash()
        await w.send("jobs.execute", w.command(one(), "j1"))
        await w.send("jobs.cancel", json.dumps({"job": "j2"}))

        async with w.inbox() as replies:
            await w.start()
            await w.finished("j1")

        assert [reply.status for reply in replies] == ["accepted"]
        assert w.events("j2") == ["TombstoneLaid"]


@virtual_time
async def test_a_retry_timer_fires_once_at_its_time_after_a_restart(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1}, retry={"attempts": 2, "delay": "100s"}))
        await w.awaiting(job, "AttemptFailed")
        due_us = w.find(job, "AttemptFailed")[0].retry_at_us
        await asyncio.sleep(20)
        await w.restart()

        await w.finished(job, within_s=200)

        assert w.events(job).count("RetryDue") == 1
        record = next(each for each in w.records(job) if "RetryDue" in str(each))
        assert 0 <= record.at_us - due_us < 1_000_000


@virtual_time
async def test_a_timer_that_was_due_while_no_engine_ran_fires_at_the_start(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1}, retry={"attempts": 2, "delay": "10s"}))
        await w.awaiting(job, "AttemptFailed")
        await w.crash()
        await asyncio.sleep(1000)

        await w.start()

        await w.finished(job, within_s=30)
        assert w.events(job).count("RetryDue") == 1


@virtual_time
async def test_a_bot_time_out_counts_from_when_the_visit_first_asked(world, one):
    async with world() as w:
        job = await w.submit(one(timeout={"bot": "100s"}))
        await asyncio.sleep(60)
        await w.restart()

        await w.finished(job, "failed", within_s=45)


@virtual_time
async def test_a_run_deadline_is_the_recorded_one_after_a_restart(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(
            one(script={"seconds": 500, "stubborn": 500}, timeout={"run": "60s", "accept": "5s"})
        )
        await w.until(w.started)
        await asyncio.sleep(30)
        await w.restart()

        await w.incident(job, "Lost", within_s=40)

        await w.cancel(job)
        await w.over(job, within_s=2000)


@virtual_time
async def test_a_heartbeat_deadline_starts_anew_with_grace_after_a_restart(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one(timeout={"heartbeat": "5s"}))
        request = await puppet.request()
        await puppet.answer(request, "accepted")
        await w.crash()
        await asyncio.sleep(60)
        await w.start()
        await puppet.answer(request, "heartbeat")
        await asyncio.sleep(4)
        await puppet.answer(request, "heartbeat")
        await asyncio.sleep(4)

        assert not w.find(job, "AttemptLost")
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_an_accept_deadline_starts_anew_with_grace_after_a_restart(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one(timeout={"accept": "6s"}))
        request = await puppet.request()
        await w.crash()
        await asyncio.sleep(60)
        await w.start()
        await asyncio.sleep(9)

        assert not w.find(job, "AttemptLost")
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_clean_stop_gives_idle_bots_to_whoever_comes_next_at_once(world, one):
    async with world() as w:
        await w.bot()
        await w.finished(await w.submit(one()))

        await w.stop()

        assert [(record.holder, record.state.value) for record in w.table.records()] == [(None, "free")]
        assert not w.table.is_alive(w.engine.engine.id)
        await w.start()
        await w.finished(await w.submit(one()), within_s=3)


@virtual_time
async def test_a_clean_stop_records_nothing_and_leaves_a_working_bot_alone(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 60}))
        await w.until(w.started)
        before = w.events(job)

        await w.stop()
        await asyncio.sleep(10)

        assert w.events(job) == before
        assert [effect.what for effect in w.effects] == ["start"]
        await w.start()
        await w.finished(job, within_s=100)


@virtual_time
async def test_a_time_to_accept_starts_anew_with_grace_after_a_restart(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one(timeout={"accept": "5s"}))
        request = await puppet.request()
        await asyncio.sleep(4)
        await w.restart()
        await asyncio.sleep(8)

        await puppet.answer(request, "accepted")
        await asyncio.sleep(4)

        assert not w.find(job, "AttemptLost")
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_drain_of_a_finished_job_goes_on_after_a_restart(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()
        await w.cancel(job)
        waiting = await w.submit(one())
        await w.restart()
        puppet.cancels.clear()

        await w.until(lambda: puppet.cancels)
        await asyncio.sleep(30)
        assert await w.bots() == {"pc-1": "Draining"}
        assert len(puppet.distinct()) == 1
        await puppet.answer(request, "stopped")

        await w.over(job)
        second = await puppet.request(2)
        assert second.job == waiting
        await puppet.answer(second, "succeeded")
        await w.finished(waiting)


@virtual_time
async def test_an_incident_stays_open_over_a_restart_and_can_be_answered(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1, "advice": "lost"}))
        await w.incident(job, "Lost")
        await w.restart()

        await w.operate(job, "retry")

        await w.finished(job)


@virtual_time
async def test_an_action_that_was_applied_before_a_restart_is_not_applied_again(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 2, "advice": "lost"}))
        await w.incident(job, "Lost")
        await w.operate(job, "retry", id="a1")
        await w.incident(job, "Lost")
        await w.until(lambda: w.events(job).count("AttemptLost") == 2)
        await w.restart()

        assert (await w.operate(job, "retry", "i1", id="a1")).status == "applied"

        assert w.events(job).count("OperatorActed") == 1
        await w.operate(job, "retry", "i2", id="a2")
        await w.finished(job)


@virtual_time
async def test_a_request_lost_between_its_record_and_the_broker_is_sent_after_the_restart(world, one):
    async with world() as w:
        await w.bot()
        w.net.copies = lose_requests
        job = await w.submit(one(script={"output": 1}))
        await w.awaiting(job, "AttemptAssigned")
        await w.crash()
        w.net.copies = lambda subject, body: 1

        await w.start()

        await w.finished(job)
        assert len(w.started()) == 1


@virtual_time
async def test_an_assignment_older_than_the_bots_new_lease_is_stale_and_made_anew(world, one):
    async with world() as w:
        bot = await w.bot()
        w.net.copies = lose_requests
        job = await w.submit(one(script={"output": 1}, timeout={"accept": "60s"}))
        await w.awaiting(job, "AttemptAssigned")
        old = w.find(job, "AttemptAssigned")[0].fence
        await w.restart()
        await w.until(lambda: bot.ledger.highest > old)
        w.net.copies = lambda subject, body: 1

        await w.finished(job)

        assert w.started() == [f"pc-1:{job}/only#1/2"]
        assert w.events(job).count("AssignmentVoided") == 1


@virtual_time
async def test_many_crashes_in_a_row_lose_nothing_and_repeat_nothing(world, flow, work, end):
    async with world() as w:
        for bot in ("a", "b"):
            await w.bot(bot)
        names = [f"n{n}" for n in range(6)]
        nodes = {name: work("all", seconds=7) for name in names}
        job = await w.submit(
            flow(fork={"parallel": names}, **nodes, all={"join": "all", "next": "end"}, end=end)
        )

        for _ in range(6):
            await asyncio.sleep(3)
            await w.restart()

        await w.finished(job, within_s=300)
        done = [effect.visit for effect in w.effects if effect.what == "done"]
        assert sorted(done) == [f"{name}#1" for name in names]


@pytest.mark.parametrize("nth", range(1, 9))
@virtual_time
async def test_a_crash_just_after_any_commit_is_survived(world, flow, work, end, nth):
    async with world() as w:
        await w.bot()
        crashed = asyncio.Event()
        commits = 0
        note = w.note

        def crash_at(what, who, about, body=b""):
            nonlocal commits
            note(what, who, about, body)
            if what == "commit":
                commits += 1
                if commits == nth:
                    w.engine.life.is_dead = True  # not another thing leaves it
                    crashed.set()

        w.note = crash_at
        await w.send(
            "jobs.execute", w.command(flow(a=work("b", seconds=1), b=work(kind="fetch"), end=end), "j1")
        )
        await w.until(lambda: crashed.is_set() or (commits < nth and "JobFinished" in w.events("j1")))
        if crashed.is_set():
            await w.restart()

        await w.finished("j1")
        assert w.started(visit="a#1") == ["pc-1:j1/a#1/1"]


@virtual_time
async def test_a_commit_whose_answer_was_lost_in_a_crash_is_not_decided_anew(world, one):
    async with world() as w:
        await w.bot()
        w.disk.forgetful = True
        await w.send("jobs.execute", w.command(one(), "j1"))
        await w.until(lambda: w.events("j1"))
        await w.crash()
        w.disk.forgetful = False

        await w.start()

        await w.finished("j1")
        assert w.events("j1").count("JobAccepted") == 1


@virtual_time
async def test_r27_a_record_that_cannot_be_read_parks_its_job_and_the_others_go_on(world, one):
    async with world() as w:
        await w.bot()
        bad = await w.submit(one(script={"seconds": 30}), "bad")
        good = await w.submit(one(), "good")
        await w.until(w.started)
        await w.crash()
        whole = w.store.records[bad][0]
        w.store.records[bad][0] = frame(bad, 0, b"\xff no record")

        await w.start()

        assert list(w.engine.engine.jobs.parked) == [bad]
        assert (await w.job(good))["status"] == "Processing"
        w.store.records[bad][0] = whole
        await w.restart()
        await w.finished(good, within_s=100)
        await w.finished(bad, within_s=100)


@virtual_time
async def test_r27_a_damaged_frame_keeps_an_engine_from_driving_its_partition(world, one):
    async with world() as w:
        await w.submit(one())
        await w.submit(one(), "bad")
        await w.crash()
        whole = w.store.records["bad"][0]
        w.store.records["bad"][0] = whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]

        with pytest.raises(JournalCorruptError, match="checksum"):
            await w.start()

        w.store.records["bad"][0] = whole
        await w.start()
        for job in list(w.store.summaries):
            await w.cancel(job)


@virtual_time
async def test_a_bot_whose_job_is_not_known_any_more_is_stopped_and_then_used(world, one):
    async with world() as w:
        await w.bot()
        await w.submit(one(script={"seconds": 1000}), "lost")
        await w.until(w.started)
        await w.crash()
        w.store = MemoryStore(w.env.new_id())
        w._decoded.clear()
        await w.start()

        job = await w.submit(one())

        await w.finished(job)
        assert [effect.what for effect in w.effects if effect.job == "lost"] == ["start", "stopped"]


@virtual_time
async def test_a_finished_job_is_not_driven_after_a_restart_and_still_shown(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"output": 1}))
        await w.finished(job)
        before = w.events(job)

        await w.restart()

        assert w.engine.engine.adopted == []
        assert (await w.job(job))["outcome"] == "succeeded"
        assert w.events(job) == before


@virtual_time
async def test_an_ack_that_the_bot_did_not_get_is_sent_again_for_a_job_that_is_over(world, one):
    async with world() as w:
        await w.bot()
        w.net.copies = lambda subject, body: 0 if subject.startswith("activity.ack.") else 1
        job = await w.submit(one())
        await w.finished(job)
        await asyncio.sleep(10)
        w.net.copies = lambda subject, body: 1
        await w.restart()
        before = len(w.published("activity.ack.pc-1"))

        await w.until(lambda: len(w.published("activity.ack.pc-1")) > before, within_s=120)

        assert b'"late"' in w.published("activity.ack.pc-1")[-1].body
        count = len(w.published("activity.response.0.pc-1"))
        await asyncio.sleep(300)
        answers = w.published("activity.response.0.pc-1")[count:]
        assert not [each for each in answers if b'"succeeded"' in each.body]


@virtual_time
async def test_a_request_that_lies_in_an_inbox_for_hours_is_not_begun_when_its_job_is_over(world, one):
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(one(script={"seconds": 1}))
        await w.finished(job)
        body = w.published("activity.execute.pc-1")[0].body
        await bot.kill()
        await bot.start()

        await w.broker.publish(Channel(ChannelKind.INBOX, "activity.execute.pc-1"), body)
        await asyncio.sleep(10)

        assert len(w.started()) == 1
