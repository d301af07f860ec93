"""The timers alone: what rings, when, and what never does."""

from __future__ import annotations

import asyncio

from ee_core.reactor.timers import Timers
from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_timers_ring_in_the_order_of_their_deadlines_and_once():
    timers, rung = Timers(), []
    for delay in (3, 1, 2):
        timers.set(delay, delay, lambda delay=delay: rung.append((delay, _now())))

    await asyncio.sleep(10)

    assert rung == [(1, 1), (2, 2), (3, 3)]
    assert len(timers) == 0


@virtual_time
async def test_a_timer_that_is_moved_rings_at_its_new_time_alone():
    timers, rung = Timers(), []
    timers.set("a", 5, lambda: rung.append(("first", _now())))
    await asyncio.sleep(1)

    timers.set("a", 1, lambda: rung.append(("sooner", _now())))
    await asyncio.sleep(10)
    timers.set("b", 1, lambda: rung.append(("b", _now())))
    timers.set("b", 4, lambda: rung.append(("later", _now())))
    await asyncio.sleep(10)

    assert rung == [("sooner", 2), ("later", 15)]


@virtual_time
async def test_a_timer_that_is_dropped_never_rings():
    timers, rung = Timers(), []
    timers.set("a", 1, lambda: rung.append("a"))
    timers.set("b", 2, lambda: rung.append("b"))

    timers.drop("a")
    timers.drop("unknown")
    await asyncio.sleep(5)

    assert rung == ["b"]


@virtual_time
async def test_a_timer_without_delay_rings_in_a_later_turn_never_at_once():
    timers, rung = Timers(), []

    timers.set("a", -1, lambda: rung.append("a"))

    assert rung == []
    await asyncio.sleep(0.001)
    assert rung == ["a"]


@virtual_time
async def test_a_timer_may_set_itself_again_while_it_rings():
    timers, rung = Timers(), []

    def ring():
        rung.append(_now())
        if len(rung) < 3:
            timers.set("a", 1, ring)

    timers.set("a", 1, ring)
    await asyncio.sleep(10)

    assert rung == [1, 2, 3]


@virtual_time
async def test_a_timer_that_raises_does_not_silence_the_others():
    timers, rung = Timers(), []
    failures = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: failures.append(context["exception"])
    )
    timers.set("a", 1, lambda: 1 / 0)
    timers.set("b", 1, lambda: rung.append("b"))
    timers.set("c", 2, lambda: rung.append("c"))

    await asyncio.sleep(5)

    assert rung == ["b", "c"]
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


@virtual_time
async def test_a_deadline_moved_many_times_does_not_fill_the_heap():
    timers = Timers()
    timers.set("far", 1_000_000, lambda: None)
    for _ in range(10_000):
        timers.set("heartbeat", 15, lambda: None)

    assert len(timers) == 2
    assert len(timers._heap) < 1000
    timers.close()


@virtual_time
async def test_closed_timers_ring_no_more():
    timers, rung = Timers(), []
    timers.set("a", 1, lambda: rung.append("a"))

    timers.close()
    await asyncio.sleep(5)

    assert rung == []


def _now():
    return asyncio.get_running_loop().time()
