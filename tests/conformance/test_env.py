"""The sentences of `ee_core.contracts.env.Env`, for each env that there is."""

import re
import time

import pytest

from ee_core.contracts.env import Env
from ee_core.local.env import SystemEnv
from ee_core.simulation import VirtualEnv, VirtualLoop


@pytest.fixture(params=["system", "virtual"])
def env(request):
    if request.param == "system":
        yield SystemEnv()
        return
    loop = VirtualLoop(seed=1)
    yield VirtualEnv(loop, seed=1)
    loop.close()


def test_env_has_every_method_of_the_contract(env):
    assert isinstance(env, Env)


def test_e1_now_is_whole_microseconds_of_this_age(env):
    reading = env.now()

    assert type(reading) is int
    assert time.strftime("%Y", time.gmtime(reading / 1e6)) >= "2024"
    assert reading < 2**53


def test_e2_boottime_never_falls(env):
    readings = [env.boottime_s() for _ in range(1000)]

    assert all(isinstance(reading, float) for reading in readings)
    assert readings == sorted(readings)


@pytest.mark.parametrize("bits", [1, 7, 64, 200])
def test_e3_randbits_fills_its_range_and_no_more(env, bits):
    drawn = [env.randbits(bits) for _ in range(200)]

    assert all(0 <= number < 2**bits for number in drawn)
    for bit in range(bits):
        assert 40 < sum(number >> bit & 1 for number in drawn) < 160


@pytest.mark.parametrize("bits", [0, -1])
def test_e3_randbits_refuses_less_than_a_bit(env, bits):
    with pytest.raises(ValueError, match="1 bit or more"):
        env.randbits(bits)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-2.5, 7.0), (3.0, 1.0), (4.0, 4.0)])
def test_e4_uniform_lies_in_its_range(env, low, high):
    drawn = [env.uniform(low, high) for _ in range(500)]

    assert all(min(low, high) <= number <= max(low, high) for number in drawn)
    assert max(drawn) - min(drawn) >= 0.8 * abs(high - low)


def test_e5_new_id_is_a_token_that_starts_with_a_letter_or_digit(env):
    for _ in range(2000):
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{21,63}", env.new_id())


def test_e6_no_id_comes_twice(env):
    assert len({env.new_id() for _ in range(20_000)}) == 20_000


def test_e6_ids_vary_in_every_place(env):
    ids = [env.new_id() for _ in range(500)]

    # the last of 22 characters carries only the last 2 of 128 bits
    assert [len(set(column)) >= 40 for column in zip(*ids, strict=True)][:-1] == [True] * 21
    assert len({text[-1] for text in ids}) == 4
