import asyncio

import pytest

from ee_core.simulation import VirtualEnv, run
from ee_core.simulation.pytest import virtual_time


def make_env(seed: int = 1, **options: int) -> VirtualEnv:
    return VirtualEnv(asyncio.get_running_loop(), seed, **options)


@virtual_time
async def test_both_clocks_follow_the_loop():
    env = make_env(start_us=1_000_000)

    await asyncio.sleep(2.5)

    assert env.now() == 3_500_000
    assert env.boottime_s() == 2.5


@virtual_time
async def test_clock_starts_at_the_beginning_of_2026():
    assert make_env().now() == 1_767_225_600_000_000


@virtual_time(seed=1)
async def test_instant_has_come_when_its_timer_runs():
    env = make_env()
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.1 + 0.2)

    for distance_us in [1, 3, 10, 333_333, 999_999, 86_400_000_001]:
        target_us = env.now() + distance_us
        await asyncio.sleep((target_us - env.now()) / 1e6)
        assert env.now() == target_us, loop.time()


@virtual_time
async def test_wall_clock_may_jump_alone():
    env = make_env(start_us=10_000_000)

    env.wall_offset_us = -4_000_000
    assert env.now() == 6_000_000
    env.wall_offset_us += 86_400_000_000

    assert env.now() == 86_406_000_000
    assert env.boottime_s() == 0.0
    assert asyncio.get_running_loop().time() == 0.0


@virtual_time
async def test_each_env_of_a_loop_has_its_own_wall_clock():
    env, other = make_env(1), make_env(2)

    env.wall_offset_us = 5

    assert env.now() - other.now() == 5


@virtual_time
async def test_suspend_moves_the_clocks_but_no_timer():
    env = make_env(start_us=10_000_000)

    env.suspend(30.0)

    assert env.boottime_s() == 30.0
    assert env.now() == 40_000_000
    assert asyncio.get_running_loop().time() == 0.0


def draw(seed: int) -> tuple[object, ...]:
    async def main() -> tuple[object, ...]:
        env = make_env(seed)
        return env.new_id(), env.randbits(64), env.uniform(0, 1), env.new_id()

    return run(main())


@pytest.mark.parametrize("seed", [0, 1, 2**64])
def test_same_seed_gives_the_same_chance(seed):
    assert draw(seed) == draw(seed)


def test_other_seeds_give_other_chance():
    assert len({draw(seed) for seed in range(100)}) == 100


def test_seeded_chance_is_the_same_in_each_version():
    """A failing seed is kept as a test: chance must not change with a new version of EE or Python."""
    assert draw(1) == (
        "bepfAfuOVeC8WFMBXD2ulA",
        14_475_206_767_310_757_929,
        0.9293901814502415,
        "W8mSRoRQmwxc4rE7gnY59Q",
    )
