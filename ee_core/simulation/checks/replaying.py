"""I7, I8: the records rebuild the job that the engine has, and its waits are those that its state asks for.

The model's `apply` and `recompute_waits` are used as they are: what is proved is that they agree, with the journal
and with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.model.compiled import CompiledWorkflow, compile_workflow
from ee_core.model.evolve import apply
from ee_core.model.job import Job
from ee_core.model.oracle import recompute_waits
from ee_core.model.waits import LeaseWait
from ee_core.simulation.checks.violation import Invariant, Violation
from ee_core.simulation.snapshot import to_snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ee_core.model.expression import Program, Scope
    from ee_core.model.ids import JobId, WorkflowHash
    from ee_core.model.waits import WaitDelta, WaitKey
    from ee_core.simulation.checks.reading import Reading, Story

_SHARE: Final = (
    16  # the oracle looks at all visits: after each record of a small job, after every n/16th of a large one
)


class Unused:
    """A program that a replay never runs: what was evaluated is in the records."""

    references: tuple[str, ...] = ()

    def __init__(self, source: str) -> None:
        self.source = source

    def evaluate(self, scope: Scope) -> Any:
        raise AssertionError(f"a replay evaluates {self.source!r}")


@dataclass(slots=True)
class Span:
    """A visit waits for a bot, from one place of the history to another."""

    job: JobId
    wait: LeaseWait
    priority: int
    begin: int
    end: int | None = None  # None: it still does


def replay(
    reading: Reading,
    but_not: Collection[JobId],
    jobs: dict[JobId, Job],
    spans: list[Span] | None = None,
) -> Iterator[Violation]:
    """Check I7 and I8.

    Args:
        but_not: Jobs whose records are known to be wrong.
        jobs: Filled with each job as it is at the end.
        spans: Filled with all waits for bots.
    """
    compiled: dict[WorkflowHash, CompiledWorkflow] = {}
    for story in reading.jobs.values():
        if story.damaged or story.job in but_not:
            continue
        job = blank(reading, story, compiled)
        yield from _run(reading, story, job, jobs, [] if spans is None else spans)
    yield from _live(reading, jobs)


def blank(reading: Reading, story: Story, compiled: dict[WorkflowHash, CompiledWorkflow]) -> Job:
    """Return a job before its first record; `compiled` is filled with its workflow."""
    return Job.blank(story.job, _workflow(reading, story, compiled))


def _workflow(
    reading: Reading, story: Story, compiled: dict[WorkflowHash, CompiledWorkflow]
) -> CompiledWorkflow | None:
    if story.accepted is None:
        return None
    name = story.accepted.workflow
    if name not in compiled:
        programs: dict[str, Program] = {}
        compiled[name] = compile_workflow(
            reading.history.workflows[name], name, lambda source: programs.setdefault(source, Unused(source))
        )
    return compiled[name]


def _run(
    reading: Reading, story: Story, job: Job, jobs: dict[JobId, Job], spans: list[Span]
) -> Iterator[Violation]:
    since = 0
    waiting: dict[WaitKey, Span] = {}
    last = len(story.records) - 1
    for number, (place, _, record) in enumerate(story.records):
        try:
            delta = apply(job, record)
        except Exception as error:  # noqa: BLE001 - whatever it raises, an engine cannot read this record either
            text = f"record {record.index} cannot be replayed: {error!r}"
            yield Violation(Invariant.REPLAY, reading.at_us(place), text, story.job)
            return
        _note(waiting, spans, job, delta, place)
        since += 1
        if since * _SHARE >= len(job.visits) or number == last:
            since = 0
            expected = recompute_waits(job)
            if expected != job.waits:
                text = f"after record {record.index} it waits for {sorted(job.waits)}, its state for {sorted(expected)}"
                yield Violation(Invariant.WAITS, reading.at_us(place), text, story.job)
                return
    jobs[story.job] = job


def _note(waiting: dict[WaitKey, Span], spans: list[Span], job: Job, delta: WaitDelta, place: int) -> None:
    for key in delta.dropped:
        if (span := waiting.pop(key, None)) is not None:
            span.end = place
    for wait in delta.added:
        if isinstance(wait, LeaseWait):
            if wait.key in waiting:
                waiting[wait.key].wait = wait
            else:
                waiting[wait.key] = Span(job.id, wait, job.priority, place)
                spans.append(waiting[wait.key])


def _live(reading: Reading, jobs: dict[JobId, Job]) -> Iterator[Violation]:
    for live in reading.history.final.jobs:
        job = jobs.get(live.job)
        if job is None or reading.owners.get(reading.jobs[live.job].partition) != live.engine:
            continue
        state = to_snapshot(job)
        names = [
            name
            for name in sorted(state.keys() | live.state.keys())
            if state.get(name) != live.state.get(name)
        ]
        if names:
            text = f"{live.engine} holds other {', '.join(names)} than its records give"
            yield Violation(Invariant.REPLAY, reading.history.ended_us, text, live.job)
