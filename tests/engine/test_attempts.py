"""Attempts: what a bot's word leads to, and that only its own counts (R16-R21, section 6)."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.model.ids import Fence
from ee_core.simulation.pytest import virtual_time
from engine_world.fate import lose_requests


@virtual_time
async def test_r18_the_first_of_two_answers_counts(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()

        await puppet.answer(request, "succeeded", output="first")
        await puppet.answer(request, "succeeded", output="second")
        await puppet.answer(request, "failed", error={"code": "x", "text": "y"})

        shown = await w.finished(job)
        await w.until(lambda: len(puppet.acks) == 3)
        assert shown["visits"][0]["output"] == "first"
        assert [ack.verdict for ack in puppet.acks] == ["recorded", "late", "late"]


@virtual_time
async def test_r18_succeeded_may_come_before_accepted(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()

        await puppet.answer(request, "succeeded", output=1)
        await puppet.answer(request, "accepted")
        await puppet.answer(request, "heartbeat", progress=0.5)

        await w.finished(job)


@virtual_time
async def test_r18_succeeded_counts_although_accepted_never_comes(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one(timeout={"accept": "5s"}))
        request = await puppet.request()

        await puppet.answer(request, "succeeded", output=1)

        await w.finished(job, within_s=2)
        assert puppet.acks[0].verdict == "recorded"


@virtual_time
async def test_r18_messages_that_all_come_twice_change_nothing(world, flow, work, end):
    async with world() as w:
        w.net.copies = lambda subject, body: 2 if subject.startswith(("activity.", "jobs.command")) else 1
        await w.bot()
        job = await w.submit(flow(a=work("b", seconds=3), b=work(seconds=3), end=end))

        await w.finished(job)

        assert w.started() == [f"pc-1:{job}/a#1/1", f"pc-1:{job}/b#1/1"]
        assert w.events(job).count("AttemptSucceeded") == 2


@virtual_time
async def test_r19_an_answer_with_another_fence_or_from_another_bot_does_not_count(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()

        await puppet.answer(request, "succeeded", output="no", fence=Fence(request.fence.lease, 99))
        await puppet.answer(request, "succeeded", output="no", as_bot="pc-2")
        await puppet.answer(request, "succeeded", output="no", attempt=2)
        await asyncio.sleep(1)
        assert not w.find(job, "AttemptSucceeded")
        await puppet.answer(request, "succeeded", output="yes")

        assert (await w.finished(job))["visits"][0]["output"] == "yes"


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"{", b"[]", b'{"v": 9, "kind": "succeeded"}', b'{"kind": "sung"}', b"[" * 9000],
)
@virtual_time
async def test_r27_an_answer_that_cannot_be_read_is_set_aside(world, one, body):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()

        await puppet.send_bytes(request.reply_to, body)
        await puppet.answer(request, "succeeded", output=1)

        await w.finished(job)
        assert [each.about for each in w.happenings if each.what == "reject"] == [request.reply_to]


@virtual_time
async def test_an_answer_for_a_job_that_nobody_knows_is_acknowledged_as_unknown(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()

        await puppet.answer(request, "succeeded", job="strange")

        await w.until(lambda: puppet.acks)
        assert (puppet.acks[0].job, puppet.acks[0].verdict) == ("strange", "unknown")
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_r17_an_answer_after_the_job_is_over_is_acknowledged_as_late(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()
        await puppet.answer(request, "succeeded", output=1)
        await w.over(job)
        before = w.events(job)

        await puppet.answer(request, "succeeded", output=2)

        await w.until(lambda: len(puppet.acks) == 2)
        assert puppet.acks[1].verdict == "late"
        assert w.events(job) == before


@virtual_time
async def test_r19_a_stale_answer_voids_the_assignment_and_the_visit_is_assigned_again(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one(retry={"attempts": 1}))
        request = await puppet.request()

        await puppet.answer(request, "stale")

        second = await puppet.request(2)
        assert (second.visit, second.attempt) == ("only#1", 2)
        assert second.fence > request.fence
        assert second.idempotency_key == request.idempotency_key
        await puppet.answer(second, "succeeded", output=1)
        await w.finished(job)
        assert w.events(job).count("AssignmentVoided") == 1


@virtual_time
async def test_a_busy_answer_has_the_request_repeated_without_end(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one(timeout={"accept": "5s"}))
        request = await puppet.request()

        for n in range(1, 20):
            await w.until(lambda n=n: len(puppet.requests) >= n, within_s=5)
            await puppet.answer(request, "busy")

        assert len(puppet.distinct()) == 1
        assert not w.find(job, "AttemptLost")
        await puppet.answer(request, "succeeded", output=1)
        await w.finished(job)


@virtual_time
async def test_a_request_that_gets_lost_is_repeated_until_it_is_accepted(world, one):
    async with world() as w:
        lost = []

        def lose_two(subject, body):
            if subject.startswith("activity.execute.") and len(lost) < 2:
                lost.append(body)
                return 0
            return 1

        w.net.copies = lose_two
        await w.bot()
        job = await w.submit(one())

        await w.finished(job, within_s=10)

        assert len(lost) == 2
        assert len(w.started()) == 1


@virtual_time
async def test_an_answer_that_gets_lost_is_repeated_by_the_bot(world, one):
    async with world() as w:
        lost = []

        def lose_three(subject, body):
            if b'"kind":"succeeded"' in body and len(lost) < 3:
                lost.append(body)
                return 0
            return 1

        w.net.copies = lose_three
        await w.bot()
        job = await w.submit(one(script={"output": 5}))

        assert (await w.finished(job))["visits"][0]["output"] == 5
        assert len(w.started()) == 1


@virtual_time
async def test_a_wrong_ledger_loses_the_attempt_without_a_drain(world, one):
    async with world() as w:
        bot = await w.bot()
        w.net.copies = lose_requests
        job = await w.submit(one())
        await w.awaiting(job, "AttemptAssigned")
        await bot.lose_disk()
        await bot.start()
        w.net.copies = lambda subject, body: 1

        incident = await w.incident(job, "Lost")

        assert incident["detail"]["why"] == "wrong_ledger"
        assert not w.find(job, "AttemptLost")[0].drains
        assert not w.started()
        await w.operate(job, "retry")
        await w.finished(job)
        assert w.find(job, "AttemptAssigned")[1].ledger == bot.ledger.ledger_id


@virtual_time
async def test_r20_a_bot_that_restarts_while_it_works_answers_lost_and_does_it_never_again(world, one):
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(one(script={"seconds": 100}))
        await w.until(w.started)

        await bot.kill()
        await bot.start()

        incident = await w.incident(job, "Lost", within_s=10)
        assert incident["detail"]["why"] == "lost"
        assert len(w.started()) == 1
        assert await w.bots() == {"pc-1": "Free"}
        await w.operate(job, "skip", output=1)
        await w.finished(job)


@virtual_time
async def test_a_bot_that_restarts_with_its_answer_unacknowledged_gives_it_again(world, one):
    async with world() as w:
        bot = await w.bot()
        w.net.copies = lambda subject, body: 0 if b'"kind":"succeeded"' in body else 1
        job = await w.submit(one(script={"output": 3}))
        await w.until(lambda: w.effects and w.effects[-1].what == "done")
        await bot.kill()
        w.net.copies = lambda subject, body: 1

        await bot.start()

        assert (await w.finished(job))["visits"][0]["output"] == 3
        assert len(w.started()) == 1


@virtual_time
async def test_r20_a_bot_stopped_by_its_own_people_loses_its_attempt_without_a_drain(world, one):
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(one(script={"seconds": 100}))
        await w.until(w.started)

        await bot.stop()

        incident = await w.incident(job, "Lost")
        assert incident["detail"]["why"] == "stopped"
        assert not w.find(job, "AttemptLost")[0].drains
        await w.cancel(job)


@virtual_time
async def test_a_conflict_opens_an_incident_and_frees_the_bot(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()

        await puppet.answer(request, "conflict")

        await w.incident(job, "Conflict")
        assert await w.bots() == {"pc-1": "Free"}
        await w.operate(job, "retry")
        second = await puppet.request(2)
        await puppet.answer(second, "succeeded", output=1)
        await w.finished(job)


@virtual_time
async def test_a_bot_that_lost_its_memory_while_leased_is_claimed_anew_before_it_gets_work(world, one):
    async with world() as w:
        bot = await w.bot()
        await w.finished(await w.submit(one()))
        old = bot.ledger.ledger_id
        await bot.lose_disk()
        await bot.start()

        job = await w.submit(one())

        await w.finished(job)
        assigned = w.find(job, "AttemptAssigned")
        assert [each.ledger for each in assigned] == [bot.ledger.ledger_id]
        assert assigned[0].ledger != old


@virtual_time
async def test_a_bot_that_says_in_words_alone_how_far_it_is_is_shown_with_them(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one())
        request = await puppet.request()
        await puppet.answer(request, "accepted")
        await puppet.answer(request, "heartbeat", text="page 3")
        await asyncio.sleep(1)

        assert (await w.job(job))["visits"][0]["progress"] == {"fraction": None, "text": "page 3"}
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_progress_and_processing_are_shown_while_a_bot_works(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 60, "progress": 0.25}))
        await w.until(w.started)
        await asyncio.sleep(10)

        shown = await w.job(job)
        visit = shown["visits"][0]

        assert visit["status"] == shown["nodes"][0]["status"] == "Processing"
        assert visit["progress"] == {"fraction": 0.25, "text": "on the way"}
        await w.finished(job, within_s=100)


@virtual_time
async def test_a_failed_sibling_takes_the_job_down_and_the_other_bot_drains(world, flow, work, end):
    async with world() as w:
        await w.bot("a")
        await w.bot("b")
        job = await w.submit(
            flow(
                fork={"parallel": ["bad", "good"]},
                bad=work(seconds=2, fail=9, advice="permanent"),
                good=work(seconds=500, stubborn=10),
                end=end,
            )
        )

        shown = await w.finished(job, "failed")

        assert shown["error"] == {"code": "no_use", "text": "try 1 failed"}
        assert sorted((await w.bots()).values()) == ["Draining", "Free"]
        await w.over(job)
        assert sorted((await w.bots()).values()) == ["Free", "Free"]
