import time

import pytest

from ee_core.local import env as system
from ee_core.local.env import SystemEnv, make_id


def test_now_is_the_wall_clock():
    before = time.time_ns() // 1_000
    reading = SystemEnv().now()
    after = time.time_ns() // 1_000

    assert before <= reading <= after


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no boot clock")
def test_boottime_is_the_clock_that_runs_through_suspend():
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    reading = SystemEnv().boottime_s()

    assert before <= reading <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_without_such_a_clock_the_monotonic_one_is_read(monkeypatch):
    monkeypatch.setattr(system, "_CLOCK", None)
    before = time.monotonic()

    assert before <= SystemEnv().boottime_s() <= time.monotonic()


def test_id_with_a_reserved_first_character_is_drawn_again():
    draws = iter([b"\xff" * 16, b"\xfb" + b"\xff" * 15, bytes(16)])

    assert make_id(lambda _: next(draws)) == "A" * 22
