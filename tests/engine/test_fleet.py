"""The parts of the fleet alone: who waits in which order, who is there, and what a seat allows."""

from __future__ import annotations

import random

import pytest

from ee_core.contracts.lock import Lease, LeaseState, LockRecord
from ee_core.fleet.lines import Lines
from ee_core.fleet.roster import Roster, to_requirement
from ee_core.fleet.seats import BotState, Seat
from ee_core.messages.bots import BotHello
from ee_core.model.ids import Fence
from ee_core.model.waits import LeaseWait
from ee_core.model.workflow import BotSelector

# -- lines -------------------------------------------------------------------------------------------------


def wait(visit="a#1", since_us=0, activity="work", same_as=None, **selector):
    return LeaseWait(
        visit=visit,
        node=visit.split("#", maxsplit=1)[0],
        activity=activity,
        selector=BotSelector(**selector),
        same_as=same_as,
        since_us=since_us,
        deadline_us=None,
        no_bot=False,
    )


def test_lines_are_ordered_by_priority_then_age_then_job_and_visit():
    wants = [("j2", 0, 5), ("j1", 0, 5), ("j3", 1, 9), ("j4", 0, 4), ("j5", -1, 0)]
    for seed in range(10):
        lines = Lines()
        random.Random(seed).shuffle(wants)
        for job, priority, since in wants:
            lines.add(job, priority, wait(since_us=since), 0.0)

        order = []
        while (first := lines.first(lambda needs: True)) is not None:
            order.append(first.job)
            lines.remove(first.job, first.wait.key)

        assert order == ["j3", "j4", "j1", "j2", "j5"]
        assert len(lines) == 0
        assert lines.requirements() == []


def test_a_want_added_again_stands_once_with_what_was_said_last():
    lines = Lines()
    lines.add("j1", 0, wait(pool="day"), 0.0)
    lines.add("j1", 0, wait(pool="night"), 1.0)

    assert len(lines) == 1
    assert [needs.pool for needs in lines.requirements()] == ["night"]


def test_only_lines_that_fit_are_looked_at():
    lines = Lines()
    lines.add("j1", 9, wait(activity="paint"), 0.0)
    lines.add("j2", 0, wait(activity="work"), 0.0)

    first = lines.first(lambda needs: needs.activity == "work")

    assert first.job == "j2"
    assert len(lines) == 2


# -- roster ------------------------------------------------------------------------------------------------


def hello(bot="pc-1", **fields):
    common = {
        "bot": bot,
        "instance": "i",
        "ledger": "l",
        "activities": ("work",),
        "highest": Fence(0, 0),
        "interval_ms": 1000,
    }
    return BotHello(**common | fields)


def test_a_hello_that_changes_nothing_is_no_news():
    roster = Roster()

    assert roster.saw(hello(), 0.0)
    assert not roster.saw(hello(highest=Fence(5, 1)), 1.0)


@pytest.mark.parametrize(
    "change",
    [{"instance": "j"}, {"ledger": "m"}, {"activities": ("x",)}, {"labels": {"a": "b"}}, {"leaving": True}],
)
def test_a_hello_that_changes_who_may_be_asked_is_news(change):
    roster = Roster()
    roster.saw(hello(), 0.0)

    assert roster.saw(hello(**change), 1.0)


def test_a_process_that_is_heard_after_a_newer_one_contests_the_id_and_changes_nothing_else():
    roster = Roster()
    roster.saw(hello(), 0.0)
    roster.saw(hello(instance="j", ledger="m"), 1.0)
    assert not roster.is_contested("pc-1", 1.0)

    assert roster.saw(hello(), 2.0)
    assert not roster.saw(hello(), 3.0)

    assert roster.find("pc-1").instance == "j"
    assert roster.find("pc-1").ledger == "m"
    assert roster.is_contested("pc-1", 5.9)
    assert not roster.is_contested("pc-1", 6.1)


def test_the_last_word_of_a_process_that_leaves_contests_nothing():
    roster = Roster()
    roster.saw(hello(), 0.0)
    roster.saw(hello(instance="j"), 1.0)

    assert not roster.saw(hello(leaving=True), 2.0)

    assert not roster.is_contested("pc-1", 2.0)


def test_of_two_processes_the_older_is_the_bot_when_the_newer_says_that_it_leaves():
    roster = Roster()
    roster.saw(hello(), 0.0)
    roster.saw(hello(instance="j", ledger="m"), 1.0)
    roster.saw(hello(), 2.0)
    roster.saw(hello(instance="j", ledger="m", leaving=True), 2.5)

    assert roster.saw(hello(), 3.0)

    assert (roster.find("pc-1").instance, roster.find("pc-1").leaving) == ("i", False)
    assert roster.has_bot(to_requirement("work", BotSelector(), None))
    assert not roster.is_contested("pc-1", 3.0)
    assert not roster.saw(hello(instance="j", ledger="m", leaving=True), 3.5)  # it still ends what it does
    assert roster.find("pc-1").instance == "i"


def test_only_the_last_bots_that_went_are_remembered():
    roster = Roster()
    for n in range(150):
        roster.saw(hello(f"pc-{n}"), float(n))
    roster.expire(1000.0)

    assert [each.bot for each in roster.departed()] == [f"pc-{n}" for n in range(50, 150)]
    roster.saw(hello("pc-60"), 1001.0)
    assert roster.find_departed("pc-60") is None


def test_of_two_processes_the_older_is_the_bot_when_the_newer_is_gone():
    roster = Roster()
    roster.saw(hello(), 0.0)
    roster.saw(hello(instance="j"), 1.0)
    for now_s in (2.0, 3.0, 4.0):
        roster.saw(hello(), now_s)
    assert roster.expire(4.5) == ["pc-1"]

    assert roster.saw(hello(), 5.0)

    assert roster.find("pc-1").instance == "i"
    assert not roster.is_contested("pc-1", 5.0)


def test_a_bot_that_is_silent_for_three_intervals_is_gone():
    roster = Roster()
    roster.saw(hello(), 0.0)

    assert roster.expire(3.0) == []
    assert roster.expire(3.1) == ["pc-1"]
    assert roster.find("pc-1") is None


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({}, True),
        ({"id": "pc-1"}, True),
        ({"id": "pc-2"}, False),
        ({"labels": {"app": "sap"}}, True),
        ({"labels": {"app": "sap", "site": "x"}}, False),
        ({"pool": "night"}, True),
        ({"pool": "day"}, False),
        ({"same_as": "other"}, False),  # nobody has done that node
    ],
)
def test_a_requirement_admits_who_has_all_it_names(selector, fits):
    roster = Roster()
    roster.saw(hello(labels={"app": "sap", "pool": "night"}), 0.0)

    assert roster.has_bot(to_requirement("work", BotSelector(**selector), None)) is fits


def test_a_bot_that_leaves_or_a_worker_fits_no_visit_for_a_bot():
    roster = Roster()
    roster.saw(hello("a", leaving=True), 0.0)
    roster.saw(hello("b", stateless=True), 0.0)

    assert not roster.has_bot(to_requirement("work", BotSelector(), None))
    assert roster.has_worker("work")
    assert not roster.has_worker("paint")


# -- seats -------------------------------------------------------------------------------------------------


def test_a_seat_is_free_only_when_leased_claimed_and_empty():
    seat = Seat("pc-1")
    assert not seat.is_free
    seat.lease = Lease(LockRecord("pc-1", "e", 7, LeaseState.HELD), "r")
    assert seat.is_free
    seat.taking = True
    assert (seat.is_free, seat.state()) == (False, BotState.UNKNOWN)
    seat.taking = False
    seat.granting = "j1"
    assert (seat.is_free, seat.state()) == (False, BotState.HELD)
    seat.granting = None
    seat.occupants["j1", "a#1", 1] = False
    assert (seat.is_free, seat.state()) == (False, BotState.HELD)
    seat.occupants["j1", "a#1", 1] = True
    assert (seat.is_free, seat.state()) == (False, BotState.DRAINING)


def test_fences_of_a_seat_rise():
    seat = Seat("pc-1", lease=Lease(LockRecord("pc-1", "e", 7, LeaseState.HELD), "r"), n=3)

    assert [seat.next_fence(), seat.next_fence()] == [Fence(7, 4), Fence(7, 5)]
