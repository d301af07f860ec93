"""The wall clock jumps, by an hour and by a day, ahead and back: nothing is lost, early, or late without end.

What an engine waits for while it runs is measured by a clock that does not jump. Instants in the journal are of the wall
clock, so an engine that starts under another one believes it, but never waits longer than was meant at first.
"""

from __future__ import annotations

import pytest

from ee_core.simulation.pytest import virtual_time

HOUR_S, DAY_S = 3_600, 86_400
UNSET_S = -56 * 365 * DAY_S  # as on a machine whose clock has no battery
JUMPS = pytest.mark.parametrize(
    "jump_s", [HOUR_S, -HOUR_S, DAY_S, -DAY_S, 3 * DAY_S, -3 * DAY_S], ids="{:+}".format
)
BACK = pytest.mark.parametrize("jump_s", [-HOUR_S, -DAY_S, UNSET_S], ids="{:+}".format)


async def lasted_s(w, event):
    """Wait until something holds, and return how long that took, in true seconds."""
    begun_s = w.loop.time()
    await event
    return w.loop.time() - begun_s


@JUMPS
@virtual_time
async def test_a_retry_of_a_running_engine_comes_when_it_was_to_come(world, one, jump_s):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1}, retry={"attempts": 2, "delay": "100s"}))
        await w.awaiting(job, "AttemptFailed")
        w.set_clock(jump_s)

        assert 40 < await lasted_s(w, w.awaiting(job, "RetryDue", within_s=300)) < 110
        await w.finished(job)


@JUMPS
@virtual_time
async def test_time_outs_of_a_running_engine_pass_when_they_were_to_pass(world, flow, work, end, jump_s):
    async with world() as w:
        await w.bot()
        busy = await w.submit(flow(only=work(hang=True), end=end))
        await w.until(w.started)
        waiting = await w.submit(
            flow(only=work(node={"bot": {"id": "pc-1"}, "timeout": {"bot": "90s"}}), end=end)
        )
        await w.bot("pc-2", "post")
        timed = await w.submit(
            flow(only=work(kind="post", node={"timeout": {"run": "60s"}}, hang=True), end=end)
        )
        await w.until(lambda: len(w.started()) == 2)
        w.set_clock(jump_s)

        assert 50 < await lasted_s(w, w.awaiting(timed, "AttemptLost", within_s=300)) < 80
        assert 10 < await lasted_s(w, w.awaiting(waiting, "AttemptFailed", within_s=300)) < 40
        await w.cancel(busy)


@BACK
@virtual_time
async def test_a_retry_comes_though_the_clock_went_back_before_the_engine_started(world, one, jump_s):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1}, retry={"attempts": 2, "delay": "100s"}))
        await w.awaiting(job, "AttemptFailed")
        await w.crash()
        w.set_clock(jump_s)
        await w.start()

        assert await lasted_s(w, w.awaiting(job, "RetryDue", within_s=300)) < 110
        await w.finished(job)


@BACK
@virtual_time
async def test_time_outs_pass_though_the_clock_went_back_before_the_engine_started(
    world, flow, work, end, jump_s
):
    async with world() as w:
        await w.bot()
        busy = await w.submit(flow(only=work(hang=True), end=end))
        await w.until(w.started)
        waiting = await w.submit(
            flow(only=work(node={"bot": {"id": "pc-1"}, "timeout": {"bot": "90s"}}), end=end)
        )
        await w.bot("pc-2", "post")
        timed = await w.submit(
            flow(only=work(kind="post", node={"timeout": {"run": "60s"}}, hang=True), end=end)
        )
        await w.until(lambda: len(w.started()) == 2)
        await w.crash()
        w.set_clock(jump_s)
        await w.start()

        assert await lasted_s(w, w.awaiting(timed, "AttemptLost", within_s=300)) < 90
        assert await lasted_s(w, w.awaiting(waiting, "AttemptFailed", within_s=300)) < 100
        await w.cancel(busy)


@pytest.mark.parametrize("jump_s", [HOUR_S, DAY_S], ids="{:+}".format)
@virtual_time
async def test_what_was_due_meanwhile_by_the_clock_is_due_when_an_engine_starts(world, one, jump_s):
    async with world() as w:
        await w.bot()
        job = await w.submit(one(script={"fail": 1}, retry={"attempts": 2, "delay": "100s"}))
        await w.awaiting(job, "AttemptFailed")
        await w.crash()
        w.set_clock(jump_s)
        await w.start()

        assert await lasted_s(w, w.awaiting(job, "RetryDue")) < 10
        await w.finished(job)


@JUMPS
@pytest.mark.parametrize("restarts", [False, True])
@virtual_time
async def test_bots_go_on_and_their_leases_rise(world, one, jump_s, restarts):
    async with world() as w:
        bot = await w.bot()
        await w.finished(await w.submit(one()))
        running = await w.submit(one(script={"seconds": 20}, on_lost="retry"))
        await w.until(lambda: len(w.started()) == 2)
        before = bot.ledger.highest
        w.set_clock(jump_s)
        if restarts:
            await w.restart()

        await w.finished(running)
        await w.finished(await w.submit(one()))
        w.set_clock(0)  # somebody sets it right
        if restarts:
            await w.restart()
        await w.finished(await w.submit(one()))

        assert bot.ledger.highest > before
        assert len(w.started()) == 4
        assert await w.bots() == {"pc-1": "Free"}
