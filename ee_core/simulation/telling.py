"""A history in words: the story of one job, for people who look at a failing seed.

Each line is one sentence with its instant, counted in seconds from the first line of the run.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ee_core.model import events as ev
from ee_core.model.ids import Fence
from ee_core.simulation import lines as ln

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.ids import BotId, JobId
    from ee_core.simulation.history import Final as FinalState
    from ee_core.simulation.history import History

_LONGEST: Final = 120  # characters of a value


def tell(history: History, job: JobId) -> str:
    """Tell what happened to a job, to the bots that worked for it, to all engines, and which faults there were."""
    start_us = history.lines[0].at_us if history.lines else 0
    told = [f"seed {history.seed}{f', {history.scenario}' if history.scenario else ''}: job {job}"]
    for line in _about(history, job):
        told.extend(f"{_clock(line.at_us - start_us)} {text}" for text in _sentences(line, job))
    told.append(f"{_clock(history.faults_stopped_us - start_us)} no faults from here on")
    told.append(f"{_clock(history.ended_us - start_us)} the run ended")
    told.extend(f"{'':>14} {text}" for text in _left(history.final, job))
    return "\n".join(told)


def _clock(us: int) -> str:
    return f"{us / 1_000_000:>13.6f}s"


def _about(history: History, job: JobId) -> Iterator[ln.AnyLine]:
    keys = {
        line.key
        for line in history.lines
        if isinstance(line, ln.CommandSent | ln.CommandAnswered) and line.job == job
    }
    bots = _bots_of(history, job)
    works: set[str] = set()
    for line in history.lines:
        if isinstance(line, ln.ActivityStarted) and line.job == job:
            works.add(line.work)
        if (
            _is_about(line, job, bots)
            or getattr(line, "key", None) in keys
            or getattr(line, "work", None) in works
        ):
            yield line


def _bots_of(history: History, job: JobId) -> set[BotId]:
    bots: set[BotId] = set()
    for line in history.lines:
        if isinstance(line, ln.Committed):
            bots.update(
                event.bot
                for record in line.records
                if record.job == job
                for event in record.events
                if isinstance(event, ev.AttemptAssigned) and event.bot is not None
            )
        elif isinstance(line, ln.ActivityStarted) and line.job == job and line.bot is not None:
            bots.add(line.bot)
    return bots


def _is_about(line: ln.AnyLine, job: JobId, bots: set[BotId]) -> bool:
    if isinstance(line, ln.Committed):
        return any(record.job == job for record in line.records) or any(
            name == job for name, _ in line.damaged
        )
    if isinstance(line, ln.EngineStarted | ln.EngineEnded | ln.PartitionOpened | ln.FaultInjected):
        return True
    if getattr(line, "job", None) == job:
        return True
    return getattr(line, "bot", None) in bots


def _sentences(line: ln.AnyLine, job: JobId) -> list[str]:
    if not isinstance(line, ln.Committed):
        return [_sentence(line)]
    head = f"journal: commit {line.partition}/{line.position} of epoch {line.epoch} by {line.engine}"
    told = [
        f"{head}: record {record.index}: {', '.join(map(_event, record.events))}"
        for record in line.records
        if record.job == job
    ]
    told.extend(f"{head}: record {index} is damaged" for name, index in line.damaged if name == job)
    return told


def _event(event: ev.Event) -> str:
    values = ", ".join(
        f"{item.name}={_short(value)}"
        for item in msgspec.structs.fields(event)
        if (value := getattr(event, item.name)) != item.default
        and (item.default_factory is msgspec.NODEFAULT or value)
    )
    return f"{type(event).__name__}({values})"


def _short(value: Any) -> str:
    text = _fence(value) if isinstance(value, Fence) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _fence(fence: Fence | None) -> str:
    return "no fence" if fence is None else f"[{fence.lease}, {fence.n}]"


def _attempt(line: Any) -> str:
    """Name the attempt that a line is about; of all the lines that have one."""
    if line.visit is None:
        return "no attempt"
    return f"{line.job} {line.visit}/{line.attempt} under {_fence(line.fence)}"


@singledispatch
def _sentence(line: ln.AnyLine) -> str:
    """Say a line; those about commits, which may speak of several jobs, are said elsewhere."""
    raise TypeError(f"no words for {line!r}")


@_sentence.register
def _(line: ln.CommandSent) -> str:
    action = f" {line.action}" if line.action else ""
    return f"client: sends {line.kind}{action} {line.key} for {line.job or 'a new job'}"


@_sentence.register
def _(line: ln.CommandAnswered) -> str:
    said = f"refused, {line.error}" if line.error else line.status
    return f"client: hears about {line.key}: {said}, job {line.job}"


@_sentence.register
def _(line: ln.EngineStarted) -> str:
    return f"engine {line.engine}: starts"


@_sentence.register
def _(line: ln.EngineEnded) -> str:
    return f"engine {line.engine}: ends, {line.how}{f': {line.detail}' if line.detail else ''}"


@_sentence.register
def _(line: ln.PartitionOpened) -> str:
    return f"journal: partition {line.partition} opened by {line.engine} as epoch {line.epoch} after {line.position}"


@_sentence.register
def _(line: ln.RequestSent) -> str:
    return f"engine {line.engine}: requests {_attempt(line)} from {line.bot or 'any worker'}"


@_sentence.register
def _(line: ln.ResponseSettled) -> str:
    return f"engine {line.engine}: has taken '{line.kind}' of {line.bot} about {_attempt(line)}"


@_sentence.register
def _(line: ln.ResponseAcked) -> str:
    return f"engine {line.engine}: tells {line.bot} '{line.verdict}' about {_attempt(line)}"


@_sentence.register
def _(line: ln.CommandSettled) -> str:
    refused = ", refused" if line.refused else ""
    return f"engine {line.engine}: has taken the {line.kind} of {line.job}{refused}"


@_sentence.register
def _(line: ln.EventShown) -> str:
    return f"engine {line.engine}: shows {line.name} of record {line.record}"


@_sentence.register
def _(line: ln.CancelTaken) -> str:
    return f"{line.bot}: takes the cancel of {_attempt(line)}"


@_sentence.register
def _(line: ln.LeaseWritten) -> str:
    holder = f"by {line.holder}" if line.holder else "by nobody"
    reason = f", {line.reason}" if line.reason else ""
    return f"lock: {line.bot} is {line.state}, held {holder}, lease {line.lease}{reason}"


@_sentence.register
def _(line: ln.BotStarted) -> str:
    kind = "worker" if line.worker else "bot"
    return f"{kind} {line.bot}: starts as {line.instance} with ledger {line.ledger}"


@_sentence.register
def _(line: ln.BotEnded) -> str:
    return f"bot {line.bot}: {line.instance} is {line.how}"


@_sentence.register
def _(line: ln.ActivityStarted) -> str:
    return f"{line.bot or line.instance}: starts {line.activity} for {_attempt(line)}, work {line.work}"


@_sentence.register
def _(line: ln.EffectDone) -> str:
    return f"the world: effect {line.name} of work {line.work}"


@_sentence.register
def _(line: ln.ActivityEnded) -> str:
    return f"work {line.work} {line.how}"


@_sentence.register
def _(line: ln.BotSaid) -> str:
    who = line.bot or line.instance
    return f"{who}: says '{line.kind}' about {_attempt(line)}, highest {_fence(line.highest)}"


@_sentence.register
def _(line: ln.FaultInjected) -> str:
    return f"FAULT: {line.kind} {line.target} {line.detail}".rstrip()


def _left(final: FinalState, job: JobId) -> Iterator[str]:
    for state in final.jobs:
        if state.job == job:
            yield f"in memory of {state.engine}: {state.state.get('status')}, waits {list(state.state.get('waits', ()))}"
    for wait in final.armed:
        if wait.job == job:
            yield f"armed by {wait.engine}: {wait.key}, from {wait.producer} {wait.target}".rstrip()
    for bot in final.bots:
        if bot.job == job or (bot.running is not None and bot.running.job == job):
            yield f"bot {bot.bot} is {bot.state}, seat {bot.visit}/{bot.attempt}, {'alive' if bot.alive else 'dead'}"
    for left in final.leftovers:
        if left.job == job:
            yield f"left in {left.engine or 'the broker'}: {left.kind} {left.name} {left.visit or ''}".rstrip()
