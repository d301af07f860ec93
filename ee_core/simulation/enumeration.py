"""Every place where an engine may die in one run: at each commit, and between any two of its steps.

The run is first made without a fault, and its commits and steps are counted. Then it is made once for each place: up to
there everything is as it was, so each place is met exactly once. Another engine takes over, and all must come to its
end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from ee_core.errors import JournalUnavailableError
from ee_core.simulation.bots import BotSpec
from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.faults import Fault
from ee_core.simulation.plan import JobPlan, Plan

if TYPE_CHECKING:
    from ee_core.simulation.carrying_out import Run
    from ee_core.simulation.life import Life, ProcessLoop
    from ee_core.simulation.world import World

Mode = Literal["before", "after", "answer_lost"]
_RECOVERY_S: Final = 5.0
MODES: Final[tuple[Mode, ...]] = ("before", "after", "answer_lost")
Prepare = Callable[["World", "ProcessLoop"], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One place of one run."""

    name: str  # for people
    plan: Plan
    prepare: Prepare

    def run(self) -> Run:
        """Make the run, with the engine's death in this place."""
        return carry_out(self.plan, prepare=self.prepare)


def plan_for(workflow: dict[str, Any], *, seed: int = 0, cancel_at_s: float | None = None) -> Plan:
    """Plan a run of one job with two bots, without faults."""
    job = JobPlan("j1", 0.0, workflow, cancel_at_s=cancel_at_s)
    return Plan(seed=seed, jobs=(job,), bots=(BotSpec("pc-1"), BotSpec("pc-2")), storm_s=0.0, fifo=True)


def enumerate_crashes(plan: Plan) -> Iterator[Case]:
    """Yield every case of a plan without faults: each commit in each mode, then each step."""
    yield from enumerate_commits(plan)
    yield from enumerate_steps(plan)


def enumerate_commits(plan: Plan) -> Iterator[Case]:
    """Yield a case for each commit and mode."""
    base = carry_out(plan)
    long = _as_long_as(plan, base)
    for number in range(1, base.commits + 1):
        for mode in MODES:
            yield Case(f"{mode} commit {number} of {base.commits}", long, _at_commit(number, mode))


def enumerate_steps(plan: Plan) -> Iterator[Case]:
    """Yield a case for each step that an engine makes."""
    base = carry_out(plan, prepare=_at_step(0))
    long = _as_long_as(plan, base)
    for step in range(1, base.steps + 1):
        yield Case(f"before step {step} of {base.steps}", long, _at_step(step))


def enumerate_second_crashes(plan: Plan, step: int, most: int) -> Iterator[Case]:
    """Yield cases in which the engine dies before a step, and the next one before each of its own first steps."""
    base = carry_out(plan, prepare=_at_step(0))
    long = _as_long_as(plan, base)
    long = replace(long, storm_s=long.storm_s + _RECOVERY_S)
    for again in range(1, most + 1):
        yield Case(f"before step {step}, then before step {again} after it", long, _at_step(step, again))


def _as_long_as(plan: Plan, base: Run) -> Plan:
    # no fault may come when the storm is over
    took_us = base.history.ended_us - base.history.faults_stopped_us
    return replace(plan, storm_s=took_us / 1_000_000 + 1.0)


def _at_commit(number: int, mode: Mode) -> Prepare:
    def prepare(world: World, _loop: ProcessLoop) -> None:
        seen = 0

        def strike(life: Life) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                fail_commit(world, life, mode)

        if mode == "before":
            world.disk.before_commit = strike
        else:
            world.disk.after_commit = strike

    return prepare


def fail_commit(world: World, life: Life, mode: Mode) -> None:
    """Let the engine that commits die, or lose the answer to what it has stored.

    Raises:
        JournalUnavailableError: The answer is lost.
    """
    if mode == "answer_lost":
        world.faults.note(Fault.COMMIT_UNKNOWN)
        raise JournalUnavailableError("the connection broke; it may be written")
    world.faults.note(Fault.CRASH_BEFORE_COMMIT if mode == "before" else Fault.CRASH_AFTER_COMMIT)
    world.crash(life)


def _at_step(step: int, again: int = 0) -> Prepare:
    def prepare(world: World, loop: ProcessLoop) -> None:
        def strike() -> None:
            world.faults.note(Fault.ENGINE_CRASH, world.engine.life.name)
            world.crash(world.engine.life)
            if again and world.engine.life.name == "engine-1":
                loop.strike_at(again, lambda life: life.name == "engine-2", strike)

        loop.strike_at(step, lambda life: life.name == "engine-1", strike)

    return prepare
