"""What bots say of themselves against what is known: contradictions, two processes under one id, a lost engine key."""

from __future__ import annotations

import asyncio
import json

import pytest

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.lock import LeaseState
from ee_core.errors import LockUnavailableError
from ee_core.messages.activity import ActivityCancel, RunningAttempt
from ee_core.messages.bots import BotHello
from ee_core.model.ids import Fence
from ee_core.simulation.pytest import virtual_time
from engine_world.fate import lose_requests


@pytest.fixture
def one(flow, work, end):
    def make(*, node=None, **script):
        return flow(only=work(node={"timeout": {"heartbeat": "1h"}} | (node or {}), **script), end=end)

    return make


async def beat(w, puppet, running=None, **changes):
    """Send a heartbeat as a puppet that says what it runs."""
    heartbeat = BotHello(
        bot=puppet.id,
        instance="one",
        ledger=puppet.ledger,
        activities=puppet.activities,
        highest=puppet.highest,
        interval_ms=1000,
        running=running,
    )
    body = heartbeat.model_copy(update=changes).to_bytes()
    await w.broker.publish(Channel(ChannelKind.BROADCAST, w.subjects.bot_heartbeat(puppet.id)), body)
    await asyncio.sleep(0.1)


def running(request, **changes):
    """Return what a heartbeat says of a request's attempt."""
    named = RunningAttempt(job=request.job, visit=request.visit, attempt=request.attempt, fence=request.fence)
    return named.model_copy(update=changes)


def questions(w):
    return [
        body
        for body in (json.loads(each.body) for each in w.published("activity.query."))
        if body.get("attempt")
    ]


async def accepted(w, one, **script):
    """Let a puppet accept the attempt of a job."""
    puppet = await w.puppet()
    job = await w.submit(one(**script))
    request = await puppet.request()
    await puppet.answer(request, "accepted")
    await asyncio.sleep(0.1)
    return puppet, job, request


# -- contradictions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [True, False])
@virtual_time
async def test_two_heartbeats_that_do_not_name_an_accepted_attempt_lead_to_a_question(world, one, other):
    async with world() as w:
        puppet, job, request = await accepted(w, one)
        named = running(request, attempt=7) if other else None

        await beat(w, puppet, named)
        assert not questions(w)
        await beat(w, puppet, named)

        (question,) = questions(w)
        assert (question["job"], question["visit"], question["attempt"]) == (job, "only#1", 1)
        assert question["lease"] == request.fence.lease
        await puppet.answer(request, "succeeded", output=1)
        await w.finished(job)


@virtual_time
async def test_a_heartbeat_that_names_it_in_between_is_no_contradiction(world, one):
    async with world() as w:
        puppet, job, request = await accepted(w, one)

        for named in (None, running(request), None, running(request)):
            await beat(w, puppet, named)

        assert not questions(w)
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_contradiction_that_goes_on_is_asked_about_again(world, one):
    async with world() as w:
        puppet, job, request = await accepted(w, one)

        for _ in range(6):
            await beat(w, puppet)

        assert len(questions(w)) == 3
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_what_was_not_accepted_is_no_contradiction(world, one):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one(node={"timeout": {"accept": "1h"}}))
        request = await puppet.request()

        for _ in range(4):
            await beat(w, puppet)

        assert not questions(w)
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_bot_that_forgot_what_it_accepted_lets_the_job_go_on(world, one):
    """The living producer of a wait: without the question this one would last for an hour."""
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(one(seconds=2000))
        await w.until(w.started)
        await asyncio.sleep(1)
        await bot.lose_disk()

        await bot.start()

        await w.incident(job, "Lost", within_s=30)
        assert not w.find(job, "AttemptLost")[0].drains
        await w.cancel(job)


@virtual_time
async def test_an_answer_that_was_lost_and_acknowledged_is_found_by_the_question(world, one):
    async with world() as w:
        await w.bot()
        w.net.copies = lambda subject, body: (
            0
            if b'"succeeded"' in body and not questions(w) and subject.startswith("activity.response")
            else 1
        )
        job = await w.submit(one(seconds=1, output=8))

        shown = await w.finished(job, within_s=40)

        assert shown["visits"][0]["output"] == 8
        assert len(w.started()) == 1


@virtual_time
async def test_a_bot_that_runs_what_nobody_knows_is_told_to_stop(world, one):
    async with world() as w:
        puppet = await w.puppet()
        first = await w.submit(one())
        await puppet.answer(await puppet.request(), "succeeded")
        await w.finished(first)
        stray = RunningAttempt(job="gone", visit="a#1", attempt=3, fence=Fence(5, 6))

        await beat(w, puppet, stray)
        assert not puppet.cancels
        await beat(w, puppet, stray)

        (cancel,) = puppet.cancels
        assert isinstance(cancel, ActivityCancel)
        assert (cancel.job, cancel.visit, cancel.attempt, cancel.fence) == ("gone", "a#1", 3, (5, 6))
        await puppet.answer(cancel, "stopped")
        await w.until(lambda: puppet.acks and puppet.acks[-1].verdict == "unknown")


@virtual_time
async def test_a_bot_of_another_engine_is_not_told_to_stop(world, one):
    async with world() as w:
        puppet = await w.puppet()
        stray = RunningAttempt(job="gone", visit="a#1", attempt=3, fence=Fence(5, 6))

        for _ in range(3):
            await beat(w, puppet, stray)

        assert not puppet.cancels


@virtual_time
async def test_a_draining_attempt_is_known(world, one):
    async with world() as w:
        puppet, job, request = await accepted(w, one)
        await w.cancel(job)
        await w.until(lambda: puppet.cancels)
        await asyncio.sleep(0.1)
        sent = len(puppet.cancels)

        await beat(w, puppet, running(request))
        await beat(w, puppet, running(request))

        assert len(puppet.cancels) == sent
        assert not questions(w)
        await puppet.answer(request, "stopped")
        await w.over(job)


# -- two processes with one id ---------------------------------------------------------------------------------


@virtual_time
async def test_a_bot_gets_no_new_work_while_two_processes_are_heard_under_its_id(world, one, caplog):
    async with world() as w:
        puppet = await w.puppet()
        await puppet.say_hello(instance="two")
        await puppet.say_hello()

        job = await w.submit(one())
        for _ in range(10):
            await puppet.say_hello(instance="two")
            await asyncio.sleep(1)
        assert not puppet.requests
        assert "two processes run as bot pc-1" in caplog.text

        request = await puppet.request()  # the other one is silent now
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_bot_that_is_leased_already_gets_no_new_work_either(world, one):
    async with world() as w:
        puppet = await w.puppet()
        first = await w.submit(one())
        await puppet.answer(await puppet.request(), "succeeded")
        await w.finished(first)
        await puppet.say_hello(instance="two")
        await puppet.say_hello()

        job = await w.submit(one())
        await asyncio.sleep(2)
        assert len(puppet.distinct()) == 1

        await puppet.answer(await puppet.request(2), "succeeded")
        await w.finished(job)


@virtual_time
async def test_what_runs_when_a_second_process_comes_goes_on(world, one):
    async with world() as w:
        puppet, job, request = await accepted(w, one)
        for _ in range(5):
            await puppet.say_hello(instance="two", ledger="another")
            await asyncio.sleep(1)

        await puppet.answer(request, "succeeded", output=4)

        assert (await w.finished(job))["visits"][0]["output"] == 4
        assert len(puppet.distinct()) == 1


@virtual_time
async def test_a_claim_that_the_older_process_answers_does_not_count(world, one, caplog):
    async with world() as w:
        puppet = await w.puppet()
        puppet.answers_claims = False
        await asyncio.sleep(1)
        await w.crew["pc-1"].life.kill()  # it falls silent, and a new process takes its place
        twin = await w.puppet("pc-1")
        twin.answers_claims = False
        for instance in ("one", "two"):
            await twin.say_hello(instance=instance)
        job = await w.submit(one())
        await w.until(lambda: twin.claims)

        claim = twin.claims[-1]
        await twin._send(claim.reply_to, kind="idle", lease=claim.lease)
        await asyncio.sleep(1)
        assert not twin.requests
        assert "was answered by instance one" in caplog.text
        await w.cancel(job)


@virtual_time
async def test_a_bot_that_was_started_anew_is_no_second_process(world, one, caplog):
    async with world() as w:
        bot = await w.bot()
        for _ in range(3):
            await w.finished(await w.submit(one()))
            await bot.kill()
            await bot.start()

        await w.finished(await w.submit(one()))

        assert "two processes" not in caplog.text


@virtual_time
async def test_of_those_that_fall_silent_bots_are_told_with_the_cure_and_workers_are_no_matter(world, caplog):
    async with world() as w:
        for name, stateless in (("pc-9", False), ("engine-other", True)):
            hello = BotHello(
                bot=name,
                instance="one",
                ledger="" if stateless else "l1",
                activities=("work",),
                highest=Fence(0, 0),
                stateless=stateless,
                interval_ms=1000,
            )
            await w.broker.publish(Channel(ChannelKind.BROADCAST, w.subjects.bots_hello), hello.to_bytes())
        await asyncio.sleep(30)

        said = [each.getMessage() for each in caplog.records if "is gone" in each.getMessage()]
        assert said == [
            "bot pc-9 is gone: no sign of life; see whether its process runs and reaches the broker"
        ]


# -- the engine's key ------------------------------------------------------------------------------------------


def lose_key(w):
    """Let the engine's key expire, as after a pause of the whole process."""
    w.table._keys[w.engine.engine.id] = float("-inf")


@virtual_time
async def test_a_running_attempt_goes_on_when_the_engines_key_expired(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(seconds=30, output=2))
        await w.until(w.started)
        lease = w.table.records()[0].lease

        lose_key(w)
        await asyncio.sleep(10)

        (record,) = w.table.records()
        assert record.lease > lease
        assert (record.holder, record.state) == (w.engine.engine.id, LeaseState.HELD)
        assert await w.bots() == {"pc-1": "Held"}
        assert (await w.finished(job))["visits"][0]["output"] == 2
        assert len(w.started()) == 1
        await w.finished(await w.submit(one()))


@virtual_time
async def test_nothing_is_taken_before_the_key_is_made_anew(world, one):
    async with world() as w:
        await w.bot()
        await w.finished(await w.submit(one()))
        taken = []
        take = w.table.take

        def watched(bot, *, engine, **named):
            taken.append(w.table.is_alive(engine))
            return take(bot, engine=engine, **named)

        w.table.take = watched
        renew, lost_s = w.table.keep_alive, w.loop.time()

        def late(engine, ttl_s):
            if w.table._keys.get(engine) is None and w.loop.time() < lost_s + 8:
                raise LockUnavailableError("the lock is slow")
            renew(engine, ttl_s)

        w.table.keep_alive = late
        job = await w.submit(one(seconds=20))
        await w.until(lambda: w.started(job=job))
        lose_key(w)
        await w.finished(job)

        assert taken and all(taken)


@virtual_time
async def test_a_bot_that_another_engine_took_meanwhile_is_not_used(world, one):
    async with world() as w:
        puppet = await w.puppet()
        first = await w.submit(one())
        await puppet.answer(await puppet.request(), "succeeded")
        await w.finished(first)
        lose_key(w)
        w.table.keep_alive("other", 1000.0)
        lease = w.table.take("pc-1", engine="other", now_us=w.env.now(), floor=0)
        await asyncio.sleep(5)

        job = await w.submit(one())
        await asyncio.sleep(30)

        assert len(puppet.distinct()) == 1
        assert await w.bots() == {"pc-1": "Locked"}
        w.table.release(lease)
        await puppet.answer(await puppet.request(2), "succeeded")
        await w.finished(job)


@virtual_time
async def test_what_was_assigned_under_a_lost_lease_and_not_begun_is_assigned_anew(world, one):
    async with world() as w:
        await w.bot()
        await w.finished(await w.submit(one()))
        w.net.copies = lose_requests
        job = await w.submit(one(node={"timeout": {"accept": "1h"}}))
        await w.awaiting(job, "AttemptAssigned")

        lose_key(w)
        await asyncio.sleep(10)
        w.net.copies = lambda subject, body: 1

        await w.finished(job)
        assert w.events(job).count("AssignmentVoided") == 1
        first, second = w.find(job, "AttemptAssigned")
        assert second.fence.lease > first.fence.lease
        assert len(w.started(job=job)) == 1
