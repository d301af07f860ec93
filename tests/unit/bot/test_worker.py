"""Workers: stateless work, many at a time, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.bot.lifetime import HostSettings
from ee_core.bot.profile import Profile
from ee_core.bot.worker import WorkerHost
from ee_core.contracts.broker import ChannelKind
from ee_core.messages.activity import ActivityCancel
from ee_core.simulation.pytest import virtual_time


def worker_of(w, name="w-1", **options) -> WorkerHost:
    profile = Profile(name, w.profile.activities)
    return WorkerHost(profile, broker=w.broker, subjects=w.subjects, env=w.env, **options)


async def ask(w, visit="a#1", **changes):
    request = w.request(visit, fence=None, ledger=None, reply_to=w.subjects.response(0, "_any"), **changes)
    await w.send_bytes(w.subjects.execute_any(request.activity), request.to_bytes(), ChannelKind.WORK)


@virtual_time
async def test_work_is_answered_under_the_worker_s_id_without_fence(world):
    async with world() as w, worker_of(w):
        await ask(w)
        answer = await w.until("accepted", "succeeded")

        assert answer.output == {"slept": 10}
        assert answer.fence is None
        assert {sign.kind for sign in w.answers} == {"accepted", "heartbeat", "succeeded"}


@virtual_time
async def test_many_run_at_once_but_no_more_than_allowed(world, sleeper):
    async with world() as w, worker_of(w, max_parallel=3):
        for k in range(1, 8):
            await ask(w, f"a#{k}")
        await asyncio.sleep(5)
        assert len(sleeper.starts) == 3
        await asyncio.sleep(60)

        assert w.kinds.count("succeeded") == 7
        assert asyncio.get_running_loop().time() < 70


@virtual_time
async def test_repeated_request_is_not_carried_out_again(world, sleeper):
    async with world() as w, worker_of(w):
        w.acks = False
        await ask(w)
        await ask(w)
        await w.until("accepted", "accepted", "succeeded")
        await ask(w)
        await w.until("accepted", "accepted", "succeeded", "succeeded")

        assert sleeper.starts == ["a#1"]


@virtual_time
async def test_cancel_stops_the_work_of_any_worker(world, sleeper):
    async with world() as w, worker_of(w), worker_of(w, "w-2"):
        await ask(w)
        await w.until("accepted")
        cancel = ActivityCancel(job="j1", visit="a#1", attempt=1, reply_to=w.subjects.response(0, "_any"))
        await w.send_bytes(w.subjects.cancel_any("sleep"), cancel.to_bytes(), ChannelKind.BROADCAST)
        answer = await w.until("accepted", "stopped")

        assert answer.error is not None
        assert answer.error.code == "cancelled"
        assert asyncio.get_running_loop().time() < 1


@virtual_time
async def test_work_of_a_stopped_worker_is_done_by_another(world, sleeper):
    async with world() as w, worker_of(w) as first:
        await ask(w)
        await w.until("accepted")
        async with worker_of(w, "w-2"):
            first.stop()
            await w.until("accepted", "accepted", "succeeded")

        assert sleeper.starts == ["a#1", "a#1"]


@virtual_time
async def test_work_of_a_worker_that_cannot_stop_is_done_by_another(world, sleeper):
    sleeper.stop_s = 1000
    async with world() as w, worker_of(w, settings=HostSettings(stop_grace_s=1)) as first:
        await ask(w)
        await w.until("accepted")
        async with worker_of(w, "w-2"):
            first.stop()
            await w.until("accepted", "accepted", "succeeded")


@virtual_time
async def test_draining_worker_finishes_its_work_and_takes_no_more(world, sleeper):
    async with world() as w:
        async with worker_of(w) as host:
            await ask(w)
            await w.until("accepted")
            host.drain()
            await asyncio.sleep(0.1)
            await ask(w, "b#1")
        assert w.kinds == ["accepted", "succeeded"]
        assert [(hello.stateless, hello.leaving) for hello in w.hellos] == [
            (True, False),
            (True, True),
            (True, True),
        ]
        async with worker_of(w, "w-2"):
            await w.until("accepted", "succeeded", "accepted", "succeeded")
        assert sleeper.starts == ["a#1", "b#1"]


@virtual_time
async def test_garbage_and_work_on_the_wrong_subject_are_set_aside(world, sleeper, caplog):
    async with world() as w, worker_of(w):
        subject = w.subjects.execute_any("sleep")
        await w.send_bytes(subject, b"{", ChannelKind.WORK)
        wrong = w.request(activity="fly", fence=None, ledger=None)
        await w.send_bytes(subject, wrong.to_bytes(), ChannelKind.WORK)
        await w.send_bytes(w.subjects.cancel_any("sleep"), b"{", ChannelKind.BROADCAST)
        await ask(w)
        await w.until("accepted", "succeeded")

    said = [record.getMessage() for record in caplog.records if record.name == "ee_core.bot.worker"]
    assert len(said) == 3
    assert any("'fly'" in text and "'sleep'" in text for text in said)


@virtual_time
async def test_run_time_that_is_over_stops_the_work(world):
    async with world() as w, worker_of(w):
        await ask(w, run_ms=2000)
        answer = await w.until("accepted", "stopped")

        assert answer.error is not None
        assert answer.error.code == "run_timeout"
        assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.1)
