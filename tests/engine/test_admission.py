"""Admission: what is held, what starts when another job is over, and that nothing is held for ever."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.contracts.hooks import Hold, Refuse
from ee_core.errors import EngineError, InputError
from ee_core.model.facts import ExecuteCommanded, JobAdmitted, TimerDue
from ee_core.simulation.pytest import virtual_time


@pytest.fixture
def slow(flow, work, end):
    return flow(only=work(kind="fetch", seconds=10), end=end)


@pytest.fixture
def spoil(monkeypatch):
    """Let the decision of some facts raise."""
    import ee_core.executor

    decide = ee_core.executor.decide

    def make(is_bad):
        def decide_or_raise(job, fact):
            if is_bad(job, fact):
                raise ZeroDivisionError("planted")
            return decide(job, fact)

        monkeypatch.setattr(ee_core.executor, "decide", decide_or_raise)

    return make


@virtual_time
async def test_jobs_above_the_limit_are_held_and_start_by_priority_then_age(world, slow):
    async with world(max_open_jobs=1) as w:
        for job, priority in (("a", 0), ("b", 0), ("c", 5), ("d", 0)):
            await w.submit(slow, job, priority=priority)
            await asyncio.sleep(0.01)

        assert (await w.job("b"))["status"] == "NotStarted"
        assert [wait["kind"] for wait in (await w.job("b"))["waits"]] == ["admission"]
        for job in "acbd":
            await w.finished(job)
        assert [effect.job for effect in w.effects if effect.what == "start"] == ["a", "c", "b", "d"]
        assert not w.engine.engine.spawner.admission._held


@virtual_time
async def test_held_jobs_are_admitted_in_order_after_a_restart(world, slow):
    async with world(max_open_jobs=1) as w:
        for job in "abcd":
            await w.submit(slow, job)
            await asyncio.sleep(0.01)

        await w.restart(max_open_jobs=2)

        for job in "abcd":
            await w.finished(job)
        begun = [
            record.at_us for job in "abcd" for record in w.records(job) if "JobStarted" in _names(record)
        ]
        assert begun == sorted(begun)
        assert begun[0] < begun[1] < begun[2]


@virtual_time
async def test_jobs_that_an_engine_without_a_limit_finds_held_all_start(world, slow):
    async with world(max_open_jobs=1) as w:
        for job in "abcd":
            await w.submit(slow, job)

        await w.restart()

        for job in "abcd":
            await w.finished(job, within_s=15)


@virtual_time
async def test_a_held_job_can_be_cancelled(world, slow):
    async with world(max_open_jobs=1) as w:
        await w.submit(slow, "a")
        await w.submit(slow, "b")
        await w.submit(slow, "c")

        await w.cancel("b")

        await w.finished("b", "cancelled")
        await w.finished("c")
        assert [effect.job for effect in w.effects if effect.what == "start"] == ["a", "c"]


@virtual_time
async def test_a_job_that_ends_while_the_next_is_being_held_does_not_leave_it_held(world, flow, work, end):
    async with world(max_open_jobs=1) as w:
        w.disk.latency_s = 1.0
        await w.submit(flow(only=work(kind="fetch", seconds=4), end=end), "a")
        await w.until(lambda: w.effects and w.effects[-1].what == "done")
        await asyncio.sleep(0.5)  # the commit of the end is under way, the next one takes the new job

        await w.submit(flow(only=work(kind="fetch"), end=end), "b")

        await w.finished("a")
        await w.finished("b", within_s=10)


@virtual_time
async def test_new_commands_neither_pass_held_jobs_nor_exceed_the_limit(world, flow, work, end):
    async with world(max_open_jobs=2) as w:
        w.disk.latency_s = 0.5
        both = flow(only=work(kind="fetch", seconds=5), end=end)
        await asyncio.gather(*(w.submit(both, job) for job in "ab"))
        await asyncio.gather(*(w.submit(both, job) for job in "cdef"))
        await w.until(lambda: not w.summary("a").open)

        await asyncio.gather(*(w.submit(both, job) for job in "ghij"))

        for job in "abcdefghij":
            await w.finished(job)
        begun = [effect.job for effect in w.effects if effect.what == "start"]
        assert set(begun[2:6]) == set("cdef")
        assert _most_at_once(w) == 2


@virtual_time
async def test_a_job_that_is_parked_makes_room_for_a_held_one(world, slow, work, flow, end, spoil):
    async with world(max_open_jobs=1) as w:
        await w.bot()
        retry = {"retry": {"attempts": 2, "delay": "1s"}}
        await w.submit(flow(only=work(fail=1, node=retry), end=end), "a")
        await w.submit(slow, "b")
        spoil(lambda job, fact: job.id == "a" and isinstance(fact, TimerDue))

        await w.finished("b")

        assert list(w.engine.engine.jobs.parked) == ["a"]
        spoil(lambda job, fact: False)
        await w.restart()
        await w.finished("a")


@virtual_time
async def test_a_held_job_that_cannot_be_admitted_parks_alone(world, slow, spoil):
    async with world(max_open_jobs=1) as w:
        for job in "abc":
            await w.submit(slow, job)
        spoil(lambda job, fact: job.id == "b" and isinstance(fact, JobAdmitted))

        await w.finished("a")
        await w.finished("c")

        assert list(w.engine.engine.jobs.parked) == ["b"]
        shown = await w.job("b")
        assert (shown["status"], "planted" in shown["reason"]) == ("Parked", True)
        spoil(lambda job, fact: False)
        await w.restart()
        await w.finished("b")


@virtual_time
async def test_a_command_whose_first_decision_raises_is_refused_and_its_id_stays_usable(world, slow, spoil):
    async with world(max_open_jobs=1) as w:
        spoil(lambda job, fact: isinstance(fact, ExecuteCommanded))
        with pytest.raises(EngineError, match="planted"):
            await w.submit(slow, "a")
        spoil(lambda job, fact: False)

        await w.submit(slow, "a")

        await w.finished("a")
        assert not w.engine.engine.jobs.parked


@virtual_time
async def test_a_hook_may_refuse_a_command_and_nothing_is_recorded(world, slow):
    async with world() as w:
        w.hooks["ee_admit_job"] = lambda request, load: Refuse("not on Sundays")

        with pytest.raises(InputError, match="not on Sundays"):
            await w.submit(slow, "a")

        assert not w.store.summaries


@virtual_time
async def test_a_hook_may_hold_a_job_and_refuse_it_later(world, slow):
    async with world() as w:
        answers = {"a": None, "b": Hold("wait")}
        w.hooks["ee_admit_job"] = lambda request, load: answers[request.job]
        await w.submit(slow, "a")
        await w.submit(slow, "b")
        answers["b"] = Refuse("too late")

        shown = await w.finished("b", "cancelled")

        assert shown["reason"] == "too late"
        assert [effect.job for effect in w.effects if effect.what == "start"] == ["a"]


def _names(record):
    return [type(event).__name__ for event in record.events]


def _most_at_once(w):
    running = most = 0
    for effect in w.effects:
        running += 1 if effect.what == "start" else -1
        most = max(most, running)
    return most
