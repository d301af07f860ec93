"""An engine that stood still hears what has come meanwhile before it gives a bot up."""

import pytest

from ee_core.simulation.bots import BotSpec
from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.checker import check
from ee_core.simulation.faults import Fault
from ee_core.simulation.plan import JobPlan, Plan, Stroke

WORK = {
    "activity": "work",
    "with": {"seconds": 9},
    "timeout": {"accept": "3s", "heartbeat": "4s"},
    "next": "end",
}
FLOW = {"ee": 1, "name": "long", "start": "a", "nodes": {"a": WORK, "end": {"end": "succeeded"}}}


def play(seed, *strokes, **changes):
    run = carry_out(
        Plan(
            seed=seed,
            jobs=(JobPlan(id="j1", at_s=1.0, workflow=FLOW),),
            bots=(BotSpec("pc-1"),),
            strokes=strokes,
            storm_s=20.0,
            fifo=not seed,
            **changes,
        )
    )
    assert check(run.history) == []
    return run


@pytest.mark.parametrize("seed", range(12))
def test_a_bot_that_was_heard_meanwhile_is_not_given_up(seed):
    run = play(seed, Stroke(at_s=2.0, fault=Fault.ENGINE_PAUSE, for_s=6.0))

    assert run.events["AttemptAssigned"] == run.events["AttemptSucceeded"] == 1
    assert "AttemptLost" not in run.events


@pytest.mark.parametrize("seed", range(3))
def test_a_bot_that_died_meanwhile_is_given_up_all_the_same(seed):
    pause = Stroke(at_s=2.0, fault=Fault.ENGINE_PAUSE, for_s=6.0)
    death = Stroke(at_s=3.0, fault=Fault.BOT_CRASH, target="pc-1", for_s=17.0)

    run = play(seed, pause, death)

    assert run.events["AttemptLost"]
