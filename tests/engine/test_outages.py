"""What the engine stands on goes away for a while: nothing is sent meanwhile that should not, and it goes on."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.contracts.lock import LeaseState, LockRecord
from ee_core.errors import BrokerUnavailableError
from ee_core.local.lock_table import LockTable
from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_while_the_journal_is_away_the_same_commit_is_repeated_and_nothing_is_sent(world, one):
    async with world() as w:
        await w.bot()
        w.disk.full = True
        await w.send("jobs.execute", w.command(one(), "j1"))
        await w.until(lambda: w.disk.tries)
        w.disk.tries.clear()
        quiet = len(w.happenings)

        await asyncio.sleep(60)

        assert len(w.disk.tries) > 5
        assert len(set(w.disk.tries)) == 1
        engines = [each for each in w.happenings[quiet:] if each.who == "engine-1" and each.what != "ack"]
        assert {each.about.split(".")[0] for each in engines} <= {"bots"}
        w.disk.full = False
        await w.finished("j1")


@virtual_time
async def test_a_commit_that_was_stored_unseen_is_stored_once(world, one):
    async with world() as w:
        await w.bot()
        w.disk.forgetful = True
        await w.send("jobs.execute", w.command(one(), "j1"))
        await asyncio.sleep(10)
        assert w.commits == 1
        assert len(w.disk.tries) > 2

        w.disk.forgetful = False

        await w.finished("j1")
        assert len(w.records("j1")) == len({record.index for record in w.records("j1")})


@virtual_time
async def test_jobs_that_come_while_the_journal_is_away_all_go_into_few_commits_afterwards(world, one):
    async with world() as w:
        await w.bot()
        w.disk.full = True
        for n in range(30):
            await w.send("jobs.execute", w.command(one(), f"j{n}"))
        await asyncio.sleep(30)
        w.disk.full = False

        await w.until(lambda: len(w.store.summaries) == 30)

        assert w.commits <= 3
        for n in range(30):
            await w.finished(f"j{n}")


@virtual_time
async def test_a_response_that_comes_while_the_journal_is_away_is_not_lost(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 5, "output": 1}))
        await w.until(w.started)
        w.disk.full = True
        await asyncio.sleep(120)
        assert not w.summary(job).outcome

        w.disk.full = False

        await w.finished(job, within_s=10)
        assert len(w.started()) == 1


@virtual_time
async def test_an_attempt_is_not_lost_by_a_time_out_when_its_answer_waits_for_the_journal(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 5, "output": 1}, timeout={"heartbeat": "2s"}))
        await w.until(w.started)
        w.disk.full = True

        await asyncio.sleep(60)
        w.disk.full = False

        await w.finished(job)
        assert not w.find(job, "AttemptLost")


@virtual_time
async def test_a_query_waits_for_what_is_being_written_and_shows_what_is_durable(world, one):
    async with world() as w:
        w.disk.full = True
        await w.send("jobs.execute", w.command(one(), "j1"))
        await w.until(lambda: w.disk.tries)
        asked = asyncio.create_task(w.job("j1"))
        await asyncio.sleep(5)
        assert not asked.done()
        assert await w.ask("list") == []

        w.disk.full = False

        assert (await asked)["status"] == "Processing"
        await w.cancel("j1")


@virtual_time
async def test_while_the_broker_is_away_bots_work_on_and_all_is_made_up_for(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"seconds": 20, "output": 1}, timeout={"heartbeat": "200s"}))
        await w.until(w.started)

        w.net.down = True
        await asyncio.sleep(100)
        assert not w.summary(job).outcome
        w.net.down = False

        await w.finished(job, within_s=100)
        assert len(w.started()) == 1
        await w.over(await w.submit(one()))


@virtual_time
async def test_a_request_that_the_broker_did_not_take_is_sent_when_it_is_back(world, one):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1}, retry={"attempts": 2, "delay": "20s"}))
        await w.awaiting(job, "AttemptFailed")
        await asyncio.sleep(5)
        w.net.down = True
        await w.awaiting(job, "AttemptAssigned", times=2)
        await asyncio.sleep(5)
        w.net.down = False

        await w.finished(job)
        assert len(w.started()) == 2


@virtual_time
async def test_work_for_any_worker_that_the_broker_did_not_take_is_sent_when_it_is_back(
    world, flow, work, end
):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(a=work("b", kind="post", seconds=20), b=work(kind="fetch"), end=end))
        await w.until(w.started)
        w.net.down = True
        await w.awaiting(job, "AttemptAssigned", times=2)
        await asyncio.sleep(60)
        w.net.down = False

        await w.finished(job)


@virtual_time
async def test_a_command_of_a_client_that_gets_no_answer_is_carried_out_all_the_same(world, one):
    async with world() as w:
        await w.bot()
        w.disk.full = True
        with pytest.raises(BrokerUnavailableError, match="no engine answered"):
            await w.submit(one(), "j1")

        w.disk.full = False

        await w.finished("j1")
        assert (await w.execute(one(), "j1")).status == "known"


@pytest.mark.parametrize("method", ["take", "write", "release", "keep_alive"])
@virtual_time
async def test_while_the_lock_is_away_the_engine_goes_on_and_gets_its_bots_later(world, one, method):
    async with world() as w:
        w.lock_down.add(method)
        await w.bot()
        free = await w.submit(one(script={}, bot={"id": "pc-1"}))
        other = await w.submit({"ee": 1, "name": "n", "start": "a", "nodes": {"a": {"activity": "fetch"}}})
        await w.finished(other)
        await asyncio.sleep(8)
        assert w.engine.life.is_running

        w.lock_down.clear()

        await w.finished(free)


@virtual_time
async def test_a_lock_record_that_cannot_be_used_costs_its_bot_and_no_other(world, one):
    async with world(engine=False) as w:
        w.table = LockTable(w.env, records=[LockRecord("bad", None, 2**53 - 1, LeaseState.FREE)])
        await w.start()
        await w.bot("bad")
        job = await w.submit(one())
        await asyncio.sleep(10)
        assert not w.started()

        await w.bot("good")

        await w.finished(job)
        assert w.started() == [f"good:{job}/only#1/1"]


@virtual_time
async def test_an_engine_whose_key_expired_claims_its_bots_anew_before_it_uses_them(world, one):
    async with world() as w:
        bot = await w.bot()
        await w.finished(await w.submit(one()))
        before = bot.ledger.highest
        w.lock_down.add("keep_alive")
        await asyncio.sleep(15)
        w.lock_down.clear()
        await asyncio.sleep(5)

        job = await w.submit(one())

        await w.finished(job)
        assert w.find(job, "AttemptAssigned")[0].fence.lease > before.lease
