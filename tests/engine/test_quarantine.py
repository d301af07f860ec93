"""A bot that has no word for an attempt that ended: quarantined, in every engine, until an operator releases it (R16)."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.contracts.lock import LeaseState, LockRecord
from ee_core.errors import ConflictError, MessageError
from ee_core.fleet.quarantine import Quarantine
from ee_core.messages.jobs import QueryJobs
from ee_core.simulation.pytest import virtual_time

DRAIN_S = 20.0


@pytest.fixture
def one(flow, work, end):
    def make(*, node=None, **script):
        return flow(only=work(node=node, **script), end=end)

    return make


def record_of(w, bot="pc-1"):
    return next(record for record in w.table.records() if record.bot == bot)


async def row_of(w, bot="pc-1"):
    return next(row for row in await w.ask("bots") if row["bot"] == bot)


async def release(w, bot="pc-1", **fields):
    return await w.client.query(
        QueryJobs(what="release_bot", bot=bot, **{"who": "ann", "reason": "looked"} | fields)
    )


async def draining(w, one, **script):
    """Cancel a job whose bot is a puppet that says nothing about it."""
    puppet = await w.puppet()
    job = await w.submit(one(**script))
    request = await puppet.request()
    await puppet.answer(request, "accepted")
    await w.cancel(job)
    return puppet, job, request


@virtual_time
async def test_a_bot_without_a_word_is_quarantined_after_the_time_and_the_job_is_over(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        _, job, _ = await draining(w, one)
        await asyncio.sleep(DRAIN_S - 2)
        assert w.summary(job).open
        assert await w.bots() == {"pc-1": "Draining"}

        await w.awaiting(job, "BotQuarantined", within_s=4)

        (event,) = w.find(job, "BotQuarantined")
        assert (event.visit, event.attempt, event.bot) == ("only#1", 1, "pc-1")
        assert not w.summary(job).open
        row = await row_of(w)
        assert (row["state"], row["reason"]) == ("Quarantined", event.reason)
        assert "no word for 20 s about attempt 1 of only#1" in event.reason


@virtual_time
async def test_the_lock_says_so_before_the_record_does(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        _, job, _ = await draining(w, one)
        w.disk.full = True

        await w.until(lambda: record_of(w).state is LeaseState.QUARANTINED, within_s=DRAIN_S + 5)

        assert "BotQuarantined" not in w.events(job)
        w.disk.full = False
        await w.over(job)
        assert record_of(w).holder is None


@virtual_time
async def test_a_bot_that_says_a_word_in_time_is_free(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, job, request = await draining(w, one)
        await asyncio.sleep(DRAIN_S - 2)

        await puppet.answer(request, "stopped")

        await w.over(job)
        await asyncio.sleep(DRAIN_S * 2)
        assert "BotQuarantined" not in w.events(job)
        assert await w.bots() == {"pc-1": "Free"}


@virtual_time
async def test_a_quarantined_bot_gets_no_work_and_those_who_need_it_are_told(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, _, _ = await draining(w, one)
        await asyncio.sleep(DRAIN_S + 1)

        job = await w.submit(one(node={"bot": {"id": "pc-1"}}))
        incident = await w.incident(job, "NoBot")

        assert "not to be had: pc-1 (is quarantined until `eectl bot release pc-1`)" in incident["text"]
        assert len(puppet.distinct()) == 1
        assert "pc-1 (is quarantined" in (await w.job(job))["waits"][0]["text"]
        await w.cancel(job)


@virtual_time
async def test_same_as_a_quarantined_bot_is_no_bot(world, flow, work, end):
    async with world(drain_timeout_s=DRAIN_S) as w:
        await w.bot("pc-2")
        puppet = await w.puppet()
        nodes = {
            "post": work("print", node={"bot": {"id": "pc-1"}}),
            "print": work(node={"bot": {"same_as": "post"}}),
        }
        job = await w.submit(flow(**nodes, end=end))
        await asyncio.sleep(15)  # no word of acceptance: Lost
        await w.incident(job, "Lost")
        await asyncio.sleep(DRAIN_S)
        await w.operate(job, "skip", output=1)

        incident = await w.incident(job, "NoBot")

        assert "'pc-1'" in incident["text"]
        assert puppet.distinct()
        await w.cancel(job)


@pytest.mark.parametrize("crash", [True, False])
@virtual_time
async def test_a_quarantine_outlives_the_engine(world, one, crash):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, _, _ = await draining(w, one)
        await asyncio.sleep(DRAIN_S + 1)
        await (w.crash() if crash else w.stop())
        await asyncio.sleep(60)
        await w.start(drain_timeout_s=DRAIN_S)

        job = await w.submit(one())
        await asyncio.sleep(20)

        assert (await row_of(w))["state"] == "Quarantined"
        assert len(puppet.distinct()) == 1
        await w.cancel(job)


@virtual_time
async def test_the_time_starts_anew_after_a_restart(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        _, job, _ = await draining(w, one)
        await asyncio.sleep(DRAIN_S - 3)
        await w.restart(drain_timeout_s=DRAIN_S)

        await asyncio.sleep(DRAIN_S - 3)
        assert "BotQuarantined" not in w.events(job)

        await w.over(job, within_s=10)
        assert record_of(w).state is LeaseState.QUARANTINED


@virtual_time
async def test_a_dead_bot_is_quarantined_though_nobody_leases_it(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, job, _ = await draining(w, one)
        await w.crash()
        await puppet.life.kill()
        await asyncio.sleep(60)
        await w.start(drain_timeout_s=DRAIN_S)

        await w.over(job, within_s=DRAIN_S + 5)

        row = await row_of(w)
        assert (row["state"], row["activities"]) == ("Quarantined", [])
        assert row["reason"]


@virtual_time
async def test_a_bot_that_does_not_answer_its_claim_is_quarantined(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, job, _ = await draining(w, one)
        puppet.answers_claims = False
        await w.restart(drain_timeout_s=DRAIN_S)
        await asyncio.sleep(DRAIN_S - 2)
        assert await w.bots() == {"pc-1": "Draining"}

        await w.over(job, within_s=10)

        assert record_of(w).state is LeaseState.QUARANTINED


@virtual_time
async def test_a_bot_that_lost_its_memory_and_says_nothing_is_not_given_back_as_idle(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, job, _ = await draining(w, one)
        puppet.answers_claims = False
        puppet.ledger = "another"
        await asyncio.sleep(5)
        assert record_of(w).state is LeaseState.UNKNOWN

        await w.over(job, within_s=DRAIN_S)

        assert record_of(w).state is LeaseState.QUARANTINED


@virtual_time
async def test_a_bot_whose_word_came_at_the_last_moment_is_not_quarantined(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, job, request = await draining(w, one)
        await puppet.answer(request, "stopped")
        await w.over(job)

        told = await w.engine.engine.fleet.quarantine("pc-1", (job, "only#1", 1), "too late")

        assert told is None
        assert await w.bots() == {"pc-1": "Free"}


def test_a_record_of_the_same_lease_that_comes_late_ends_no_quarantine():
    changes = []
    quarantine = Quarantine(lambda: changes.append(quarantine.bots()))

    def note(lease, state, reason=""):
        quarantine.note(LockRecord("pc-1", None, lease, state, reason))

    note(5, LeaseState.QUARANTINED, "it smokes")
    note(5, LeaseState.HELD)
    note(4, LeaseState.UNKNOWN)
    note(5, LeaseState.QUARANTINED, "it smokes")
    assert ("pc-1" in quarantine, quarantine.reason("pc-1")) == (True, "it smokes")

    note(6, LeaseState.UNKNOWN)
    note(5, LeaseState.QUARANTINED, "it smokes")

    assert "pc-1" not in quarantine
    assert changes == [["pc-1"], []]


@virtual_time
async def test_a_crash_between_lock_and_record_ends_with_both(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        _, job, _ = await draining(w, one)
        w.disk.full = True
        await w.until(lambda: record_of(w).state is LeaseState.QUARANTINED, within_s=DRAIN_S + 5)
        await w.crash()
        w.disk.full = False
        await w.start(drain_timeout_s=DRAIN_S)
        assert w.summary(job).open

        await w.over(job, within_s=DRAIN_S + 5)

        assert w.events(job)[-1] == "BotQuarantined"
        assert w.find(job, "BotQuarantined")[0].reason == record_of(w).reason


@virtual_time
async def test_a_bot_that_another_engine_has_is_not_quarantined(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, job, request = await draining(w, one)
        w.table.retire(w.engine.engine.id)
        w.table.keep_alive("other", 1000.0)
        lease = w.table.take("pc-1", engine="other", now_us=w.env.now(), floor=0)

        await asyncio.sleep(DRAIN_S * 3)

        assert record_of(w).lease == lease.record.lease
        assert record_of(w).state is LeaseState.UNKNOWN
        assert w.summary(job).open
        await puppet.answer(request, "stopped")
        await w.over(job)


@virtual_time
async def test_a_bot_that_proved_idle_to_another_engine_is_not_quarantined(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        _, job, _ = await draining(w, one)
        await w.crash()
        await asyncio.sleep(60)
        w.table.keep_alive("other", 1000.0)
        lease = w.table.take("pc-1", engine="other", now_us=w.env.now(), floor=0)
        w.table.release(w.table.write(lease, LeaseState.HELD, ""))
        await w.crew["pc-1"].life.kill()
        await asyncio.sleep(30)
        await w.start(drain_timeout_s=DRAIN_S)

        await asyncio.sleep(DRAIN_S + 2)
        assert record_of(w).state is LeaseState.UNKNOWN

        # and still nothing is heard of it
        await w.over(job, within_s=DRAIN_S + 2)
        assert record_of(w).state is LeaseState.QUARANTINED


@virtual_time
async def test_a_late_word_after_quarantine_is_kept_and_acknowledged(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, job, request = await draining(w, one)
        await w.over(job, within_s=DRAIN_S + 5)

        await puppet.answer(request, "succeeded", output=7)
        await w.until(lambda: puppet.acks)
        await puppet.answer(request, "succeeded", output=7)
        await w.until(lambda: len(puppet.acks) == 2)

        (late,) = w.find(job, "LateResponse")
        assert (late.kind, late.output) == ("succeeded", 7)
        assert w.events(job)[-2:] == ["BotQuarantined", "LateResponse"]
        assert [ack.verdict for ack in puppet.acks] == ["recorded", "late"]
        assert (await row_of(w))["state"] == "Quarantined"


@virtual_time
async def test_an_operator_releases_a_bot_and_it_works_again_when_it_proves_idle(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, first, request = await draining(w, one)
        await w.over(first, within_s=DRAIN_S + 5)
        puppet.answers_claims = False
        job = await w.submit(one())
        await asyncio.sleep(1)

        assert await release(w) == {"bot": "pc-1", "state": "Unknown"}

        await asyncio.sleep(10)
        assert len(puppet.distinct()) == 1
        assert await w.bots() == {"pc-1": "Unknown"}
        puppet.answers_claims = True
        second = await puppet.request(2)
        assert second.fence > request.fence
        await puppet.answer(second, "succeeded")
        await w.finished(job)


@virtual_time
@pytest.mark.parametrize("held", [True, False], ids=["claimed before the record", "record before the claim"])
async def test_a_bot_that_is_released_before_the_record_of_its_quarantine_is_durable_must_prove_idle(
    world, one, held
):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, first, request = await draining(w, one)
        puppet.works_on = request
        w.disk.full = True
        await w.until(lambda: record_of(w).state is LeaseState.QUARANTINED, within_s=DRAIN_S + 5)
        puppet.answers_claims = held
        await release(w)
        await asyncio.sleep(3)
        assert record_of(w).state is (LeaseState.HELD if held else LeaseState.UNKNOWN)
        w.disk.full = False
        await w.over(first)
        puppet.answers_claims = True

        job = await w.submit(one())

        await asyncio.sleep(10)
        assert len(puppet.distinct()) == 1  # nothing but the first
        assert await w.bots() == {"pc-1": "Unknown"}
        puppet.works_on = None
        await puppet.answer(await puppet.request(2), "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_bot_that_was_released_and_is_stuck_again_is_quarantined_again(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, first, _ = await draining(w, one)
        await w.over(first, within_s=DRAIN_S + 5)
        await release(w)
        job = await w.submit(one())
        await puppet.request(2)

        await w.cancel(job)
        await w.over(job, within_s=DRAIN_S + 5)

        assert (await row_of(w))["state"] == "Quarantined"
        assert job in (await row_of(w))["reason"]


@virtual_time
async def test_a_release_that_makes_no_sense_is_refused(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        await w.bot()
        with pytest.raises(ConflictError, match="'pc-1' is not quarantined"):
            await release(w)
        with pytest.raises(MessageError, match="field bot"):
            await release(w, bot=None)


@virtual_time
async def test_a_release_by_another_engine_is_seen(world, one):
    async with world(drain_timeout_s=DRAIN_S) as w:
        puppet, first, _ = await draining(w, one)
        await w.over(first, within_s=DRAIN_S + 5)
        job = await w.submit(one())
        w.table.keep_alive("other", 1000.0)
        lease = w.table.take("pc-1", engine="other", now_us=w.env.now(), floor=0, even_quarantined=True)
        w.table.release(lease)

        await puppet.answer(await puppet.request(2), "succeeded")

        await w.finished(job)


@virtual_time
async def test_a_quarantine_by_another_engine_is_seen(world, one):
    async with world() as w:
        w.table.keep_alive("other", 1000.0)
        lease = w.table.take("pc-1", engine="other", now_us=w.env.now(), floor=0)
        w.table.release(w.table.write(lease, LeaseState.QUARANTINED, "it smokes"))
        await w.bot()

        job = await w.submit(one())
        incident = await w.incident(job, "NoBot")

        assert (await row_of(w))["reason"] == "it smokes"
        assert "not to be had: pc-1 (is quarantined until `eectl bot release pc-1`)" in incident["text"]
        await release(w)
        await w.finished(job)
        assert "IncidentClosed" in w.events(job)


@virtual_time
async def test_a_bot_whose_fences_are_a_day_ahead_is_quarantined(world, one):
    async with world() as w:
        puppet = await w.puppet()
        puppet.highest = puppet.highest._replace(lease=w.env.now() + 3 * 86_400_000_000)
        job = await w.submit(one())

        await w.incident(job, "NoBot")

        row = await row_of(w)
        assert row["state"] == "Quarantined"
        assert "more than a day ahead" in row["reason"]
        assert not puppet.requests
        await w.cancel(job)
