"""Attempts: what a bot's silence leads to, and that only its own word frees it (R16-R21, section 6)."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.model.ids import Fence
from ee_core.simulation.pytest import virtual_time
from engine_world.fate import lose_requests

# -- silence -------------------------------------------------------------------------------------------------


@virtual_time
async def test_r21_an_attempt_that_is_not_accepted_in_time_is_lost_and_its_bot_drains(world, one):
    async with world(drain_timeout_s=3600) as w:
        puppet = await w.puppet()
        job = await w.submit(one(timeout={"accept": "7s"}))
        request = await puppet.request()

        incident = await w.incident(job, "Lost", within_s=10)

        assert incident["detail"] == {"attempt": 1, "bot": "pc-1", "why": "accept"}
        assert sorted(incident["choices"]) == ["fail", "retry", "skip"]
        assert await w.bots() == {"pc-1": "Draining"}
        await asyncio.sleep(200)
        assert await w.bots() == {"pc-1": "Draining"}  # time alone never frees it
        await puppet.answer(request, "stopped")
        await w.until(lambda: w.events(job)[-1] == "LateResponse")
        assert await w.bots() == {"pc-1": "Free"}
        await w.operate(job, "fail")
        assert (await w.finished(job, "failed"))["error"]["code"] == "lost"


@virtual_time
async def test_r20_a_bot_that_falls_silent_loses_its_attempt(world, one):
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(one(script={"seconds": 500}, timeout={"heartbeat": "9s"}))
        await w.until(w.started)
        await asyncio.sleep(60)
        assert not w.find(job, "AttemptLost")  # it gives signs of life

        await bot.kill()

        incident = await w.incident(job, "Lost", within_s=10)
        assert incident["detail"]["why"] == "heartbeat"
        await w.cancel(job)
        assert w.summary(job).open
        await bot.start()
        await w.over(job)
        assert w.find(job, "LateResponse")[0].kind == "lost"


@virtual_time
async def test_r21_a_run_time_out_loses_the_attempt_that_does_not_stop(world, one):
    async with world() as w:
        await w.bot()
        script = {"seconds": 500, "stubborn": 40, "output": "after all"}
        job = await w.submit(one(script=script, timeout={"run": "20s", "accept": "5s"}))

        incident = await w.incident(job, "Lost", within_s=30)

        assert incident["detail"]["why"] == "run"
        assert await w.bots() == {"pc-1": "Draining"}
        await w.awaiting(job, "LateResponse")
        assert await w.bots() == {"pc-1": "Free"}
        assert "take_result" in (await w.job(job))["incidents"][0]["choices"]
        await w.operate(job, "take_result")
        shown = await w.finished(job)
        assert shown["visits"][0]["output"] == "after all"
        assert len(w.started()) == 1


@virtual_time
async def test_r21_an_attempt_that_ends_within_its_run_time_is_not_touched(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 19}, timeout={"run": "20s"}))

        await w.finished(job)
        await asyncio.sleep(60)
        assert not w.find(job, "AttemptLost")


@virtual_time
async def test_a_bot_that_drains_is_asked_again_and_again_to_stop(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        await puppet.request()
        await w.cancel(job)

        await asyncio.sleep(60)

        assert len(puppet.cancels) >= 5
        assert {(each.visit, each.attempt) for each in puppet.cancels} == {("only#1", 1)}
        await puppet.answer(puppet.cancels[0], "stopped")
        await w.over(job)
        await asyncio.sleep(1)
        count = len(puppet.cancels)
        await asyncio.sleep(60)
        assert len(puppet.cancels) == count


@virtual_time
async def test_a_bot_that_proves_idle_ends_its_drain_without_a_word_about_the_attempt(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        await puppet.request()
        await w.cancel(job)
        await w.until(lambda: puppet.cancels)

        await puppet.answer(puppet.cancels[0], "idle", as_bot="pc-2")
        await puppet.answer(puppet.cancels[0], "idle", fence=Fence(9, 9))
        await asyncio.sleep(1)
        assert await w.bots() == {"pc-1": "Draining"}
        await puppet.answer(puppet.cancels[0], "idle")

        await w.over(job)
        assert w.events(job)[-1] == "BotDrained"
        assert await w.bots() == {"pc-1": "Free"}


@virtual_time
async def test_a_cancel_that_overtakes_its_request_leaves_nothing_running(world, one):
    async with world() as w:
        await w.bot()
        w.net.copies = lose_requests
        job = await w.submit(one())
        await w.awaiting(job, "AttemptAssigned")
        lost = w.published("activity.execute.")[0].body

        await w.cancel(job)
        await w.over(job)
        w.net.copies = lambda subject, body: 1
        from ee_core.contracts.broker import Channel, ChannelKind

        await w.broker.publish(Channel(ChannelKind.INBOX, "activity.execute.pc-1"), lost)
        await asyncio.sleep(30)

        assert not w.started()
        assert w.find(job, "LateResponse")[0].kind == "stopped"


@virtual_time
async def test_a_lost_bot_is_not_given_to_another_visit_before_it_has_a_word(world, one):
    async with world() as w:
        puppet = await w.puppet()
        lost = await w.submit(one(timeout={"accept": "2s"}))
        request = await puppet.request()
        await w.incident(lost, "Lost")
        waiting = await w.submit(one())

        await asyncio.sleep(60)

        assert len(puppet.distinct()) == 1
        await puppet.answer(request, "failed", error={"code": "x", "text": "y"})
        second = await puppet.request(2)
        assert second.job == waiting
        assert second.fence > request.fence
        await puppet.answer(second, "succeeded", output=1)
        await w.finished(waiting)
        await w.cancel(lost)


# -- an operator and a Lost attempt ----------------------------------------------------------------------------


@virtual_time
async def test_r20_a_lost_attempt_is_not_done_again_until_a_person_says_so(world, one):
    async with world(drain_timeout_s=3600) as w:
        bot = await w.bot("a")
        await w.bot("b")
        job = await w.submit(one(script={"seconds": 100}, bot={"id": "a"}))
        await w.until(w.started)
        await bot.kill()
        await w.incident(job, "Lost")
        await asyncio.sleep(200)
        assert len(w.started()) == 1

        await w.operate(job, "retry")
        await bot.start()

        await w.finished(job, within_s=200)
        assert w.started() == [f"a:{job}/only#1/1", f"a:{job}/only#1/2"]
        assert [e.what for e in w.effects] == ["start", "died", "start", "done"]


@virtual_time
async def test_r20_a_retry_may_go_to_another_bot_while_the_first_still_drains(world, one):
    async with world() as w:
        puppet = await w.puppet("a")
        job = await w.submit(one(timeout={"accept": "2s"}))
        await puppet.request()
        await w.incident(job, "Lost")
        await w.bot("b")

        await w.operate(job, "retry")

        await w.finished(job)
        assert w.started() == [f"b:{job}/only#1/2"]
        assert w.summary(job).open
        await puppet.answer(puppet.requests[0], "succeeded", output="late")
        await w.over(job)
        assert (await w.job(job))["visits"][0]["output"] != "late"


@pytest.mark.parametrize(("action", "outcome"), [("skip", "succeeded"), ("fail", "failed")])
@virtual_time
async def test_r20_a_lost_attempt_may_be_skipped_or_failed(world, one, action, outcome):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1, "advice": "lost"}))
        incident = await w.incident(job, "Lost")
        assert incident["detail"]["why"] == "lost"
        assert await w.bots() == {"pc-1": "Free"}  # by its own word

        await w.operate(job, action, output={"skipped": True})

        await w.finished(job, outcome)


@virtual_time
async def test_r17_a_late_failure_can_be_taken_as_the_result_too(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one(timeout={"accept": "2s"}))
        request = await puppet.request()
        await w.incident(job, "Lost")
        await puppet.answer(request, "failed", error={"code": "paper", "text": "no paper"})
        await w.awaiting(job, "LateResponse")

        await w.operate(job, "take_result")

        assert (await w.finished(job, "failed"))["error"] == {"code": "paper", "text": "no paper"}
