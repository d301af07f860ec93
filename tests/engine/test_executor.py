"""The executor alone: what it tells after a commit, and what becomes of facts."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.errors import JournalConflictError
from ee_core.executor import Executor, Recorded
from ee_core.model.compiled import compile_workflow
from ee_core.model.decide import Ignored
from ee_core.model.facts import CancelCommanded, ExecuteCommanded, TimerDue
from ee_core.model.job import Job
from ee_core.model.record import decode_record
from ee_core.model.workflow import (
    Activity,
    Node,
    NodeKind,
    Pointer,
    Workflow,
    content_hash,
    to_content,
)
from ee_core.simulation.pytest import virtual_time
from partition_stand import Stand


def compiled(**node):
    workflow = Workflow(
        name="flow",
        start="a",
        nodes=(
            Node("a", NodeKind.ACTIVITY, pointers=(Pointer("end"),), activity=Activity(type="work", **node)),
            Node("end", NodeKind.END),
        ),
    )
    return compile_workflow(workflow, content_hash(to_content(workflow)), lambda source: None)


class Seen:
    """An executor with ears."""

    def __init__(self, stand: Stand) -> None:
        self.deltas: list[tuple[list[str], list[str], int]] = []
        self.observed: list[int] = []
        self.stand = stand
        job = Job.blank("j1", compiled())
        self.executor = Executor(
            job,
            stand.partition,
            reconcile=self._reconcile,
            observe=lambda job, records: self.observed.extend(record.index for record in records),
            advise_retry=lambda job, fact: None,
        )

    def _reconcile(self, job, delta):
        durable = len(self.stand.store.records.get("j1", ()))
        self.deltas.append(([wait.key for wait in delta.added], list(delta.dropped), durable))

    def execute(self):
        workflow = self.executor.job.workflow
        return self.executor.tell(ExecuteCommanded(at_us=1, workflow=workflow.name, name="flow", digest="d"))


@virtual_time
async def test_an_executor_tells_after_the_commit_and_reconciles_the_net_change():
    async with Stand() as stand:
        seen = Seen(stand)
        running = asyncio.create_task(seen.executor.run())

        told = await seen.execute()

        assert isinstance(told, Recorded)
        assert seen.deltas == [(["lease:a#1"], [], 1)]
        assert seen.observed == [0]
        assert isinstance(await seen.executor.tell(CancelCommanded(at_us=2)), Recorded)
        assert seen.deltas[1:] == [([], ["lease:a#1"], 2)]
        await running


@virtual_time
async def test_facts_that_wait_are_decided_together_and_committed_once():
    async with Stand() as stand:
        seen = Seen(stand)
        told = [seen.execute(), seen.execute(), seen.executor.tell(CancelCommanded(at_us=3))]
        late = seen.executor.tell(TimerDue(at_us=4, wait="timer:a#1@5"))

        await seen.executor.run()

        results = await asyncio.gather(*told, late)
        assert [type(result) for result in results] == [Recorded, Ignored, Recorded, Ignored]
        assert stand.commits == [2]
        assert [(added, durable) for added, _, durable in seen.deltas] == [([], 2)]
        assert [decode_record(body).index async for body in stand.journal.history("j1")] == [0, 1]


@virtual_time
async def test_a_fact_told_to_a_job_that_is_over_is_ignored_as_finished():
    async with Stand() as stand:
        seen = Seen(stand)
        running = asyncio.create_task(seen.executor.run())
        await seen.execute()
        seen.executor.tell(CancelCommanded(at_us=2))
        await running

        assert await asyncio.wait_for(seen.executor.tell(CancelCommanded(at_us=3)), 5) == Ignored("finished")


@virtual_time
async def test_when_the_partition_is_lost_every_open_tell_raises_and_nothing_is_reconciled():
    async with Stand() as stand:
        seen = Seen(stand)
        running = asyncio.create_task(seen.executor.run())
        await seen.execute()
        await stand.journal.open_partition(0)
        seen.deltas.clear()

        told = [seen.executor.tell(CancelCommanded(at_us=2)) for _ in range(2)]
        results = await asyncio.gather(*told, return_exceptions=True)

        assert [type(result) for result in results] == [JournalConflictError] * 2
        assert seen.deltas == []
        await running
        with pytest.raises(JournalConflictError):
            await seen.executor.tell(CancelCommanded(at_us=3))


@virtual_time
async def test_settling_waits_for_everything_told_so_far():
    async with Stand() as stand:
        seen = Seen(stand)
        running = asyncio.create_task(seen.executor.run())
        seen.execute()

        await asyncio.wait_for(seen.executor.settle(), 5)

        assert stand.commits == [1]
        seen.executor.tell(CancelCommanded(at_us=2))
        await running
        await asyncio.wait_for(seen.executor.settle(), 5)
