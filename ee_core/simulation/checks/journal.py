"""I2 to I6: what is stored can be believed: no gap, no fork, no foreign writer, one beginning, one end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_core.model import events as ev
from ee_core.simulation import lines as ln
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.ids import JobId
    from ee_core.simulation.checks.reading import Reading, Story

_FIRST: Final = (ev.JobAccepted, ev.TombstoneLaid)
_AFTER_END: Final = (ev.LateResponse, ev.BotDrained, ev.BotQuarantined)


def check_commits(reading: Reading) -> Iterator[Violation]:
    """Check I3: positions are 1, 2, 3, ... in each partition, and a job lives in one partition."""
    last: dict[int, int] = {}
    homes: dict[JobId, int] = {}
    for place in reading.places[ln.Committed]:
        line = reading.lines[place]
        assert isinstance(line, ln.Committed)
        expected = last.get(line.partition, 0) + 1
        if line.position != expected:
            text = f"partition {line.partition} has commit {line.position} where {expected} was expected"
            yield Violation(Invariant.COMMITS, line.at_us, text)
        last[line.partition] = line.position
        for record in line.records:
            home = homes.setdefault(record.job, line.partition)
            if home != line.partition:
                text = f"a record in partition {line.partition}, the job lives in {home}"
                yield Violation(Invariant.COMMITS, line.at_us, text, record.job)


def check_epochs(reading: Reading) -> Iterator[Violation]:
    """Check I4: epochs rise, and only the newest one's writer commits."""
    newest: dict[int, tuple[int, str]] = {}
    for line in reading.lines:
        if isinstance(line, ln.PartitionOpened):
            epoch, _ = newest.get(line.partition, (0, ""))
            if line.epoch <= epoch:
                text = f"partition {line.partition} is opened as epoch {line.epoch} after {epoch}"
                yield Violation(Invariant.EPOCHS, line.at_us, text)
            newest[line.partition] = (line.epoch, line.engine)
        elif isinstance(line, ln.Committed) and newest.get(line.partition) != (line.epoch, line.engine):
            text = (
                f"commit {line.partition}/{line.position} of epoch {line.epoch} by {line.engine}, "
                f"the writer is {newest.get(line.partition)}"
            )
            yield Violation(Invariant.EPOCHS, line.at_us, text)


def check_records(reading: Reading) -> Iterator[Violation]:
    """Check I2: a job's records are 0, 1, 2, ..."""
    expected: dict[JobId, int] = {}
    for place in reading.places[ln.Committed]:
        line = reading.lines[place]
        assert isinstance(line, ln.Committed)
        found = [(record.job, record.index) for record in line.records]
        for job, index in (*found, *line.damaged):
            if index != expected.get(job, 0):
                text = f"record {index} where {expected.get(job, 0)} was expected"
                yield Violation(Invariant.RECORDS, line.at_us, text, job)
            expected[job] = index + 1


def check_ends(reading: Reading) -> Iterator[Violation]:
    """Check I5 and I6: one beginning, at most one end, and after it only words about drains (R17)."""
    for story in reading.jobs.values():
        if not story.damaged:
            yield from _walk(reading, story)


def _walk(reading: Reading, story: Story) -> Iterator[Violation]:
    end: ev.AnyEvent | None = None
    begun = False
    for place, _, record in story.records:
        for event in record.events:
            found = _judge(event, begun=begun, end=end)
            if found is not None:
                text = f"{type(event).__name__} in record {record.index}, {found[1]}"
                yield Violation(found[0], reading.at_us(place), text, story.job)
            begun = True
            if end is None and isinstance(event, ev.JobFinished | ev.TombstoneLaid):
                end = event


def _judge(event: ev.AnyEvent, *, begun: bool, end: ev.AnyEvent | None) -> tuple[Invariant, str] | None:
    name = type(end).__name__
    if isinstance(end, ev.TombstoneLaid):
        return Invariant.CANCEL, "and the job was cancelled before it came"
    if isinstance(event, _FIRST) == begun:
        return Invariant.ENDS_ONCE, "and a job begins once, with its first event"
    if end is None or isinstance(event, _AFTER_END):
        return None
    if isinstance(event, ev.JobFinished):
        return Invariant.ENDS_ONCE, "and the job had ended"
    if (
        isinstance(event, ev.AttemptAssigned)
        and isinstance(end, ev.JobFinished)
        and end.by is ev.EndedBy.CANCEL
    ):
        return Invariant.CANCEL, "and the job was cancelled"
    return Invariant.AFTER_END, f"after {name}"
