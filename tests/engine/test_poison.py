"""Poison over many restarts: a record or a message that nobody can use costs its own job alone, each time anew (R27)."""

from __future__ import annotations

import pytest

from ee_core.model.record import frame
from ee_core.simulation.pytest import virtual_time

RESTARTS = 20


@pytest.fixture
def quick(flow, work, end):
    return flow(only=work(kind="fetch"), end=end)


@virtual_time
async def test_a_poisonous_record_parks_its_job_at_each_of_many_starts_and_no_other(
    world, flow, work, end, quick
):
    async with world() as w:
        await w.bot()
        bad = await w.submit(flow(only=work(seconds=3), end=end), "bad")
        await w.until(w.started)
        await w.crash()
        whole = w.store.records[bad][0]
        poison = w.store.records[bad][0] = frame(bad, 0, b"\xff no record")
        records = len(w.store.records[bad])

        for number in range(RESTARTS):
            await w.start()
            assert list(w.engine.engine.jobs.parked) == [bad]
            await w.finished(await w.submit(quick, f"good-{number}"))
            await w.crash()
        assert w.store.records[bad][0] == poison
        assert len(w.store.records[bad]) == records

        w.store.records[bad][0] = whole
        await w.start()
        await w.finished(bad, within_s=100)
        assert [effect.what for effect in w.effects if effect.job == bad] == ["start", "done"]


@pytest.mark.parametrize("body", [b"\xff no command", b"[" * 9000])
@virtual_time
async def test_a_poisonous_message_is_set_aside_once_and_does_not_come_back_over_many_starts(
    world, quick, body
):
    async with world() as w:
        await w.send("jobs.execute", body)
        for number in range(RESTARTS):
            await w.finished(await w.submit(quick, f"good-{number}"))
            await w.restart()

        set_aside = [each for each in w.happenings if each.what == "reject" and each.body == body]
        assert len(set_aside) == 1


@virtual_time
async def test_a_message_that_crashes_its_handling_is_set_aside_though_engines_die_between_the_tries(
    world, quick, tries
):
    async with world() as w, w.inbox() as replies:
        await w.send("jobs.execute", w.command(quick, "poison", owner="bad"))
        for number in range(RESTARTS):
            await w.until(lambda wanted=number: len(tries) > wanted)
            await w.restart()

        await w.until(lambda: replies)
        assert "planted" in replies[0].error.text
        assert len(tries) == RESTARTS + 3  # each engine counts its own; the last one lives long enough
        assert len([each for each in w.happenings if each.what == "reject"]) == 1
        assert "poison" not in w.store.summaries
        await w.finished(await w.submit(quick, "good"))
