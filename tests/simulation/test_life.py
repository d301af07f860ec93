"""Processes in one loop: they stand still and die between any two of their steps."""

import asyncio

import pytest

from ee_core.errors import BrokerUnavailableError
from ee_core.simulation.life import Life, ProcessLoop, current_life, outside
from ee_core.simulation.loop import VirtualLoopError


def run(work, seed=None):
    loop = ProcessLoop(seed)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)


async def tick(times):
    while True:
        times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1)


def test_a_process_that_stands_still_goes_on_where_it_stood():
    async def play():
        times, life = [], Life("one")
        life.start(tick(times))
        await asyncio.sleep(2.5)
        life.pause()
        await asyncio.sleep(5)
        life.resume()
        await asyncio.sleep(2)
        await life.kill()
        return times

    assert run(play()) == [0, 1, 2, 7.5, 8.5]


def test_what_a_process_starts_stands_still_with_it_and_dies_with_it():
    async def play():
        times, life = [], Life("one")

        async def start():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(tick(times))

        life.start(start())
        await asyncio.sleep(0.5)
        life.pause()
        await asyncio.sleep(5)
        assert times == [0]
        await life.kill()
        assert not life.is_running
        await asyncio.sleep(5)
        return times

    assert run(play()) == [0]


def test_what_is_done_outside_goes_on_while_the_process_stands_still():
    async def play():
        rang, life, loop = [], Life("one"), asyncio.get_running_loop()

        async def start():
            with outside():
                assert current_life() is None
                loop.call_later(1, rang.append, "outside")
            assert current_life() is life
            loop.call_later(1, rang.append, "inside")
            await asyncio.sleep(100)

        life.start(start())
        await asyncio.sleep(0.5)
        life.pause()
        await asyncio.sleep(5)
        seen = list(rang)
        await life.kill()
        return seen

    assert run(play()) == ["outside"]


def test_a_timer_of_a_dead_process_does_not_ring():
    async def play():
        rang, life = [], Life("one")

        async def start():
            asyncio.get_running_loop().call_later(3, rang.append, "late")

        life.start(start())
        await asyncio.sleep(1)
        await life.kill()
        await asyncio.sleep(5)
        return rang

    assert run(play()) == []


def test_a_dead_process_passes_no_gate():
    life = Life("one")
    life.check(BrokerUnavailableError)
    life.is_dead = True

    with pytest.raises(BrokerUnavailableError, match="one is dead"):
        life.check(BrokerUnavailableError)


def test_a_process_that_does_not_die_is_an_error():
    async def play():
        async def live_on():
            while True:
                try:
                    await asyncio.sleep(1)
                except asyncio.CancelledError:
                    if stop:
                        raise

        stop, life = [], Life("one")
        life.start(live_on())
        await asyncio.sleep(0)
        with pytest.raises(VirtualLoopError, match="one does not die"):
            await life.kill()
        stop.append(True)
        await life.kill()

    run(play())


@pytest.mark.parametrize("step", range(1, 6))
def test_a_stroke_comes_right_before_a_step_of_the_watched_process(step):
    async def play():
        done, life, other = [], Life("one"), Life("other")

        async def work(name):
            for number in range(1, 8):
                done.append((name, number))
                await asyncio.sleep(0)

        asyncio.get_running_loop().strike_at(
            step, lambda each: each is life, lambda: done.append(("stroke", 0))
        )
        tasks = [other.start(work("other")), life.start(work("one"))]
        await asyncio.wait(tasks)
        return done

    done = run(play())

    at = done.index(("stroke", 0))
    assert done[at + 1] == ("one", step)
    assert done.count(("stroke", 0)) == 1


def test_time_that_stands_still_is_an_error():
    async def play():
        for _ in range(10**7):
            await asyncio.sleep(0)

    with pytest.raises(VirtualLoopError, match="time stands still at 0"):
        run(play())
