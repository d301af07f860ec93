"""Whole journals kept as lines of text, each with what its jobs were: so that later code can be held against them.

A line says what it is by its key `line`. A run's first line names it; then come its contents, its commits in order, and
its jobs as they are after the last record. What a kept line says is never changed; a new field has a default.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from ee_core.contracts.journal import Entry
from ee_core.executor import summarize
from ee_core.model.compiled import CompiledWorkflow, compile_workflow
from ee_core.model.evolve import apply
from ee_core.model.ids import JobId, WorkflowHash
from ee_core.model.job import Job
from ee_core.model.record import decode_record, unframe
from ee_core.model.workflow import from_content
from ee_core.simulation.checks.replaying import Unused
from ee_core.simulation.snapshot import to_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ee_core.contracts.journal import Journal
    from ee_core.local.memory_journal import MemoryStore
    from ee_core.model.events import Record


class Begin(msgspec.Struct, frozen=True, tag_field="line", tag="begin"):
    """A run begins, and with it a journal of its own."""

    run: str  # its name
    partition: int = 0


class Content(msgspec.Struct, frozen=True, tag_field="line", tag="content"):
    """A workflow that jobs of the run name."""

    hash: WorkflowHash
    text: str


class Commit(msgspec.Struct, frozen=True, tag_field="line", tag="commit"):
    """One commit; its records are the very texts that were stored."""

    position: int
    epoch: int
    records: tuple[str, ...]


class Outcome(msgspec.Struct, frozen=True, tag_field="line", tag="outcome"):
    """A job after its last record."""

    job: JobId
    status: str
    outcome: str  # "": none yet
    is_open: bool
    waits: tuple[str, ...]  # their keys, sorted
    state: dict[str, Any]  # all of it, as `to_snapshot` gives it


AnyLine = Begin | Content | Commit | Outcome


@dataclass(frozen=True, slots=True)
class Kept:
    """One run."""

    name: str
    partition: int
    contents: Mapping[WorkflowHash, bytes]
    commits: Sequence[Commit]
    outcomes: Sequence[Outcome]


def keep(name: str, store: MemoryStore) -> Kept:
    """Keep the first partition of a store, and what its records say today."""
    commits = tuple(
        Commit(
            position=position,
            epoch=commit.epoch,
            records=tuple(unframe(frame).body.decode() for frame in commit.frames),
        )
        for position, commit in enumerate(store.partitions[0].commits, start=1)
    )
    kept = Kept(name, 0, dict(store.contents), commits, ())
    return replace(kept, outcomes=tuple(outcome_of(job) for job in replay(kept).values()))


def outcome_of(job: Job) -> Outcome:
    """Say what a job is."""
    return Outcome(
        job=job.id,
        status=job.status.value,
        outcome=job.outcome.value if job.outcome else "",
        is_open=job.is_open,
        waits=tuple(sorted(job.waits)),
        state=to_snapshot(job),
    )


def replay(kept: Kept) -> dict[JobId, Job]:
    """Rebuild all jobs from their records."""
    jobs: dict[JobId, Job] = {}
    for _ in _grow(kept, jobs):
        pass
    return jobs


async def write_into(journal: Journal, kept: Kept) -> None:
    """Store a run in an empty journal as its engines did: the same epochs, commits and summaries.

    Raises:
        JournalConflictError: The journal is not empty.
    """
    for name, content in kept.contents.items():
        await journal.put_content(name, content)
    entries: dict[int, list[Entry]] = {}
    for commit, record, body, job in _grow(kept, {}):
        entry = Entry(record.job, record.index, body, summarize(job))
        entries.setdefault(commit.position, []).append(entry)
    head = await journal.open_partition(kept.partition)
    for commit in kept.commits:
        while head.epoch < commit.epoch:
            head = await journal.open_partition(kept.partition)
        head = await journal.commit(head, entries[commit.position])


def _grow(kept: Kept, jobs: dict[JobId, Job]) -> Iterator[tuple[Commit, Record, bytes, Job]]:
    """Apply record after record; yields each with its job as it then is."""
    workflows = {name: _compile(name, content) for name, content in kept.contents.items()}
    for commit in kept.commits:
        for text in commit.records:
            record = decode_record(text.encode())
            job = jobs.setdefault(record.job, Job.blank(record.job))
            named = getattr(record.events[0], "workflow", None)
            if named is not None:
                job.workflow = workflows[named]
            apply(job, record)
            yield commit, record, text.encode(), job


def _compile(name: WorkflowHash, content: bytes) -> CompiledWorkflow:
    return compile_workflow(from_content(content), name, Unused)


def to_lines(kept: Kept) -> Iterator[bytes]:
    """Yield a run's lines."""
    encode = msgspec.json.encode
    yield encode(Begin(run=kept.name, partition=kept.partition))
    for name, content in kept.contents.items():
        yield encode(Content(hash=name, text=content.decode()))
    for line in (*kept.commits, *kept.outcomes):
        yield encode(line)


def from_lines(lines: Sequence[bytes]) -> list[Kept]:
    """Read the runs that `to_lines` wrote, one after the other."""
    runs: list[Kept] = []
    contents: dict[WorkflowHash, bytes] = {}
    commits: list[Commit] = []
    outcomes: list[Outcome] = []
    for text in lines:
        line = msgspec.json.decode(text, type=AnyLine)
        if isinstance(line, Begin):
            contents, commits, outcomes = {}, [], []
            runs.append(Kept(line.run, line.partition, contents, commits, outcomes))
        elif isinstance(line, Content):
            contents[line.hash] = line.text.encode()
        elif isinstance(line, Commit):
            commits.append(line)
        else:
            outcomes.append(line)
    return runs
