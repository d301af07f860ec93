"""An engine on a restored copy of its journal: what happened after the copy is not in it, but bots remember.

Fences never fall, since the lock's record and the bots' ledgers are no part of the journal; and an attempt that the same
bot has carried out already is asked about instead of being carried out again.
"""

from __future__ import annotations

import copy

import pytest

from ee_core.local.memory_journal import MemoryEpoch
from ee_core.simulation.pytest import virtual_time


@pytest.fixture
def put_back():
    """Start an engine on a copy of a world's store, as after `eectl engine restore`."""

    async def restore(w, kept):
        await w.crash()
        w.store = kept
        w._decoded.clear()
        part = kept.partitions[0]
        part.epochs.append(MemoryEpoch(len(part.commits), stopped=True))
        return await w.start()

    return restore


def fences(w, job):
    return [event.fence for event in w.find(job, "AttemptAssigned")]


@virtual_time
async def test_an_attempt_that_the_bot_did_after_the_copy_is_asked_about_and_not_done_again(
    world, flow, work, end, put_back
):
    async with world() as w:
        job = await w.submit(flow(a=work("b"), b=work(), end=end))
        kept = copy.deepcopy(w.store)  # it waits for a bot
        await w.bot()
        await w.finished(job)
        before = fences(w, job)

        await put_back(w, kept)
        incident = await w.incident(job, "Conflict")

        assert incident["visit"] == "a#1"
        assert min(fences(w, job)) > max(before)
        assert [effect.visit for effect in w.effects if effect.what == "start"] == ["a#1", "b#1"]
        await w.operate(job, "skip", incident=incident["incident"], output=1)
        second = await w.incident(job, "Conflict")
        await w.operate(job, "skip", incident=second["incident"], output=2)
        await w.finished(job)


@virtual_time
async def test_an_attempt_that_the_copy_knows_gets_the_answer_that_the_bot_has_kept(
    world, flow, work, end, put_back
):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(a=work(seconds=5, output=7), end=end))
        await w.awaiting(job, "AttemptAssigned")
        kept = copy.deepcopy(w.store)
        await w.finished(job)

        await put_back(w, kept)

        assert (await w.finished(job))["visits"][0]["output"] == 7
        assert len(w.started()) == 1


@virtual_time
async def test_a_bot_that_works_for_what_the_copy_does_not_know_is_stopped_and_gets_higher_fences(
    world, flow, work, end, put_back
):
    async with world() as w:
        await w.bot()
        kept = copy.deepcopy(w.store)
        job = await w.submit(flow(a=work(seconds=900), end=end))
        await w.until(w.started)
        before = fences(w, job)

        await put_back(w, kept)
        other = await w.submit(flow(a=work(), end=end))
        await w.over(other, within_s=300)

        assert min(fences(w, other)) > max(before)
        assert [effect.what for effect in w.effects if effect.job == job] == ["start", "stopped"]
