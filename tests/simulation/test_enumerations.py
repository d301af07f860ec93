"""An engine dies in every place of a run: at each commit in each mode, and between any two of its steps."""

import itertools

import pytest

from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.checker import check
from ee_core.simulation.enumeration import (
    MODES,
    enumerate_commits,
    enumerate_second_crashes,
    enumerate_steps,
    plan_for,
)
from ee_core.simulation.lines import Committed, FaultInjected
from ee_core.simulation.shapes import SHAPES, write

SAMPLE = 12  # places of each run by default
CANCELLED = "chain cancelled"


def plan(name):
    if name == CANCELLED:
        return plan_for(write("chain", 2), cancel_at_s=1.0)
    return plan_for(write(name, 0))


def hold(case, crashes=1):
    run = case.run()

    assert [str(violation) for violation in check(run.history)] == [], case.name
    assert run.events["JobFinished"] == 1, case.name
    assert sum(run.hits.values()) == crashes, case.name


def sample(cases, count):
    """Take some of many, spread evenly."""
    found = list(cases)
    return found[:: max(1, len(found) // count)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chain", "fork_first", "any_worker", "in_house", CANCELLED])
def test_a_crash_at_a_commit_loses_nothing_and_repeats_nothing(name):
    cases = list(enumerate_commits(plan(name)))

    assert len(cases) % len(MODES) == 0
    for case in sample(cases, SAMPLE):
        hold(case)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chain", "fork_all", "retry", "same_bot", CANCELLED])
def test_a_crash_between_two_steps_loses_nothing_and_repeats_nothing(name):
    for case in sample(enumerate_steps(plan(name)), SAMPLE):
        hold(case)


@pytest.mark.enumeration
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [*SHAPES, CANCELLED])
def test_a_crash_in_any_place_loses_nothing_and_repeats_nothing(name):
    for case in itertools.chain(enumerate_commits(plan(name)), enumerate_steps(plan(name))):
        hold(case)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chain", "any_worker"])
def test_a_crash_while_another_is_recovered_from_loses_nothing_and_repeats_nothing(name):
    for case in sample(enumerate_second_crashes(plan(name), 60, 50), SAMPLE):
        hold(case, crashes=2)


@pytest.mark.enumeration
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["chain", "fork_all", "any_worker", "same_bot", CANCELLED])
def test_a_crash_in_any_place_of_a_recovery_loses_nothing_and_repeats_nothing(name):
    for step in range(20, 200, 20):
        for case in enumerate_second_crashes(plan(name), step, 50):
            hold(case, crashes=2)


def commits_before_the_fault(run):
    kinds = [type(line) for line in run.history.lines]
    return kinds[: kinds.index(FaultInjected)].count(Committed)


def test_each_commit_is_met_once_in_each_mode():
    base = carry_out(plan("in_house"))

    cases = list(enumerate_commits(plan("in_house")))

    assert len(cases) == base.commits * len(MODES)
    for number in range(base.commits):
        met = [commits_before_the_fault(case.run()) for case in cases[3 * number : 3 * number + 3]]
        assert met == [number, number + 1, number + 1]


def test_steps_are_met_in_their_order():
    cases = list(enumerate_steps(plan("in_house")))

    met = [commits_before_the_fault(case.run()) for case in cases[::30]]

    assert met == sorted(met)
    assert met[0] == 0 < met[-1]
