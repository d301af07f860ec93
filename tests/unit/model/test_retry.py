from __future__ import annotations

import pytest

from ee_core.model.retry import delay_ms, give_up
from ee_core.model.workflow import Retry


def test_the_default_policy_gives_up_after_one_failed_attempt():
    assert give_up(Retry(), 1)


def test_a_policy_of_three_attempts_gives_up_after_the_third():
    retry = Retry(attempts=3)

    assert [give_up(retry, failed) for failed in (1, 2, 3, 4)] == [False, False, True, True]


def test_each_delay_is_the_back_off_times_the_one_before():
    retry = Retry(attempts=5, delay_ms=100, backoff=3.0)

    assert [delay_ms(retry, failed) for failed in (1, 2, 3, 4)] == [100, 300, 900, 2700]


def test_a_back_off_of_one_keeps_the_delay():
    assert delay_ms(Retry(delay_ms=70, backoff=1.0), 1000) == 70


def test_no_delay_is_longer_than_the_longest():
    retry = Retry(delay_ms=1000, backoff=2.0, max_delay_ms=5000)

    assert [delay_ms(retry, failed) for failed in (3, 4, 5, 100_000)] == [4000, 5000, 5000, 5000]
    assert delay_ms(retry, 5, factor=2.0) == 5000


def test_the_factor_spreads_a_capped_delay_too():
    retry = Retry(delay_ms=1000, backoff=2.0, max_delay_ms=5000)

    assert delay_ms(retry, 2, factor=0.5) == 1000
    assert delay_ms(retry, 9, factor=0.5) == 2500
    assert delay_ms(retry, 9, factor=0.0) == 0


def test_a_delay_is_a_whole_number_of_milliseconds():
    delay = delay_ms(Retry(delay_ms=10, backoff=1.5), 2, factor=0.77)

    assert delay == 12
    assert isinstance(delay, int)


@pytest.mark.parametrize(("failed", "factor"), [(0, 1.0), (-1, 1.0), (1, -0.1), (1, float("nan"))])
def test_numbers_out_of_range_are_refused(failed, factor):
    with pytest.raises(ValueError, match="at least one failed attempt"):
        delay_ms(Retry(), failed, factor)
