"""I1: the history tells of a world that can be. What fails here is the simulation's fault, not the engine's.

Instants never fall; a process lives once; work begins once, in a process that lives, and has its effects and its end
while it goes on; no fault comes after the faults have stopped; contents that records name are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.simulation import lines as ln
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.simulation.checks.reading import Reading


def check_possible(reading: Reading) -> Iterator[Violation]:
    """Check I1."""
    yield from _instants(reading)
    yield from _lives(reading)
    for job in reading.jobs.values():
        if job.accepted is not None and job.accepted.workflow not in reading.history.workflows:
            text = f"the content {job.accepted.workflow} is not in the history"
            yield Violation(Invariant.POSSIBLE, reading.at_us(job.first_place), text, job.job)


def _instants(reading: Reading) -> Iterator[Violation]:
    last_us = 0
    for line in reading.lines:
        if line.at_us < last_us:
            text = f"{type(line).__name__} stands after a line of {last_us}"
            yield Violation(Invariant.POSSIBLE, line.at_us, text)
        last_us = line.at_us
    history = reading.history
    if history.ended_us < last_us:
        yield Violation(
            Invariant.POSSIBLE, last_us, f"a line is later than the end of the run, {history.ended_us}"
        )
    for place in reading.places[ln.FaultInjected]:
        if reading.at_us(place) > history.faults_stopped_us:
            yield Violation(Invariant.POSSIBLE, reading.at_us(place), "a fault after faults had stopped")


def _lives(reading: Reading) -> Iterator[Violation]:
    alive: set[str] = set()
    known: set[str] = set()
    open_works: dict[str, str] = {}  # process life, by work
    seen_works: set[str] = set()
    for line in reading.lines:
        text = ""
        match line:
            case ln.BotStarted(instance=name) | ln.EngineStarted(engine=name):
                text = f"the life {name} begins twice" if name in known else ""
                known.add(name)
                alive.add(name)
            case ln.BotEnded(instance=name) | ln.EngineEnded(engine=name):
                text = "" if name in alive else f"the life {name} ends and does not go on"
                alive.discard(name)
            case ln.ActivityStarted():
                text = _begin(line, alive, seen_works)
                seen_works.add(line.work)
                open_works[line.work] = line.instance
            case ln.EffectDone():
                text = (
                    ""
                    if open_works.get(line.work) in alive
                    else f"an effect of work {line.work}, which does not go on"
                )
            case ln.ActivityEnded():
                going = open_works.pop(line.work, None) in alive
                text = "" if going else f"work {line.work} ends and does not go on"
            case ln.BotSaid():
                text = "" if line.instance in known else f"a word of {line.instance}, which was never started"
            case _:
                pass
        if text:
            yield Violation(Invariant.POSSIBLE, line.at_us, text)


def _begin(line: ln.ActivityStarted, alive: set[str], seen: set[str]) -> str:
    if line.work in seen:
        return f"work {line.work} begins twice"
    if line.instance not in alive:
        return f"work {line.work} begins in {line.instance}, which does not live"
    return ""
