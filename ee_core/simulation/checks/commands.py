"""I9 to I12: what a client was told is true, was true when it was told, and stays true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_core.model import events as ev
from ee_core.simulation import lines as ln
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.ids import JobId
    from ee_core.simulation.checks.reading import Reading, Story

_NEVER: Final = -1  # a place that does not come


def check_answers(reading: Reading) -> Iterator[Violation]:
    """Check I9 and I10, and that a cancel that was answered has won (I12)."""
    sent: dict[str, ln.CommandSent] = {}
    for place, line in enumerate(reading.lines):
        if isinstance(line, ln.CommandSent):
            sent.setdefault(line.key, line)
        elif isinstance(line, ln.CommandAnswered):
            command = sent.get(line.key)
            if command is None:
                yield Violation(
                    Invariant.POSSIBLE, line.at_us, f"an answer to {line.key}, which was not sent"
                )
            elif not line.error:
                yield from _answer(reading, place, command, line)
            elif line.error == "conflict" and _is_applied(reading, command, place):
                text = f"the action {command.action} was applied, and its repeat is refused"
                yield Violation(Invariant.ONE_JOB, line.at_us, text, command.job)
        elif isinstance(line, ln.CommandSettled) and not line.refused:
            yield from _settled(reading, place, line)


def _is_applied(reading: Reading, command: ln.CommandSent, place: int) -> bool:
    """Whether an operator's action is recorded already (R28)."""
    story = None if command.job is None else reading.jobs.get(command.job)
    return story is not None and -1 < story.acted.get(command.action, _NEVER) < place


def _answer(
    reading: Reading, place: int, command: ln.CommandSent, line: ln.CommandAnswered
) -> Iterator[Violation]:
    job = line.job or command.job
    story = None if job is None else reading.jobs.get(job)
    if command.kind == "cancel" and story is not None and _lost_race(story, line.status):
        text = f"the cancel {line.key} was answered {line.status!r}, the journal has {_end_of(story)}"
        yield Violation(Invariant.CANCEL, line.at_us, text, job)
        return
    due = _record_of(story, command.kind, command.action, is_late=line.status == "finished")
    what = f"{command.kind} {line.key} is answered {line.status!r}"
    yield from _in_time(line.at_us, place, due, what, job)


def _settled(reading: Reading, place: int, line: ln.CommandSettled) -> Iterator[Violation]:
    story = reading.jobs.get(line.job)
    is_late = story is not None and story.action_is_late(line.action, place)
    due = _record_of(story, line.kind, line.action, is_late=is_late)
    yield from _in_time(line.at_us, place, due, f"{line.kind} is acknowledged", line.job)


def _in_time(at_us: int, place: int, due: int, what: str, job: JobId | None) -> Iterator[Violation]:
    if due == _NEVER:
        yield Violation(Invariant.ACKNOWLEDGED, at_us, f"{what} and never recorded", job)
    elif due > place:
        yield Violation(Invariant.ANSWERED, at_us, f"{what} before it is durable", job)


def _record_of(story: Story | None, kind: ln.CommandKind, action: str, *, is_late: bool) -> int:
    """Return the place of the record that makes a command durable: its own, or that of the end which it came after."""
    if story is None:
        return _NEVER
    if kind == "execute" or story.buried:
        return story.first_place
    if kind == "operate" and not is_late:
        return story.acted.get(action, _NEVER)
    return story.finished_place


def _lost_race(story: Story, status: str) -> bool:
    finished = story.finished
    if status == "cancelled":
        return finished is not None and finished.by is not ev.EndedBy.CANCEL
    return status == "unknown" and not story.buried


def _end_of(story: Story) -> str:
    if story.buried:
        return "a tombstone"
    return "no end" if story.finished is None else f"{story.finished.outcome} by {story.finished.by}"


def check_one_job(reading: Reading) -> Iterator[Violation]:
    """Check I11: one job per command, and nothing that nobody asked for."""
    yield from _names(reading)
    yield from _asked(reading)


def _names(reading: Reading) -> Iterator[Violation]:
    names: dict[str, JobId] = {}  # answered job, by key
    contents: dict[str, str] = {}
    taken: dict[JobId, str] = {}  # content that was accepted under an id
    for line in reading.lines:
        if isinstance(line, ln.CommandSent) and line.kind == "execute":
            contents[line.key] = line.content
            if line.job is not None:
                names.setdefault(line.key, line.job)
        elif isinstance(line, ln.CommandAnswered) and not line.error and line.key in contents and line.job:
            name = names.setdefault(line.key, line.job)
            if name != line.job:
                yield Violation(
                    Invariant.ONE_JOB, line.at_us, f"{line.key} is job {name} and {line.job}", line.job
                )
            content = taken.setdefault(line.job, contents[line.key])
            if content != contents[line.key] and line.status in {"accepted", "known"}:
                text = f"{line.key} is answered {line.status!r}, the id has other content"
                yield Violation(Invariant.ONE_JOB, line.at_us, text, line.job)


def _asked(reading: Reading) -> Iterator[Violation]:
    wanted: set[tuple[str, str]] = set()  # kind and job; of an operate its action
    nameless: set[str] = set()  # keys of commands without an id
    named = {
        line.job for line in reading.lines if isinstance(line, ln.CommandSent) and line.kind == "execute"
    }
    for line in reading.lines:
        if isinstance(line, ln.CommandSent):
            if line.job is None:
                nameless.add(line.key)
            else:
                wanted.add((line.kind, line.action if line.kind == "operate" else line.job))
        elif isinstance(line, ln.Committed):
            for record in line.records:
                for event in record.events:
                    if not _is_asked(
                        record.job, event, wanted, is_open=bool(nameless) and record.job not in named
                    ):
                        text = f"{type(event).__name__}, which nobody had asked for"
                        yield Violation(Invariant.ONE_JOB, line.at_us, text, record.job)
    unnamed = [job for job, story in reading.jobs.items() if story.accepted and job not in named]
    if len(unnamed) > len(nameless):
        text = f"{len(unnamed)} jobs with ids of the engine's, {len(nameless)} commands without an id"
        yield Violation(Invariant.ONE_JOB, reading.history.ended_us, text, unnamed[-1])


def _is_asked(job: JobId, event: ev.AnyEvent, wanted: set[tuple[str, str]], *, is_open: bool) -> bool:
    match event:
        case ev.JobAccepted():
            return is_open or ("execute", job) in wanted
        case ev.TombstoneLaid() | ev.JobFinished(by=ev.EndedBy.CANCEL):
            return ("cancel", job) in wanted
        case ev.OperatorActed():
            return ("operate", event.id) in wanted
        case _:
            return True


def check_actions(reading: Reading) -> Iterator[Violation]:
    """Check I11 of operators' actions: each is applied once per job (R28)."""
    for story in reading.jobs.values():
        applied: set[str] = set()
        for place, _, record in story.records:
            for event in record.events:
                if isinstance(event, ev.OperatorActed):
                    if event.id in applied:
                        text = f"the action {event.id} is applied again"
                        yield Violation(Invariant.ONE_JOB, reading.at_us(place), text, story.job)
                    applied.add(event.id)


def check_cancelled(reading: Reading, bound_us: int) -> Iterator[Violation]:
    """Check I12: nothing begins for a cancelled job once bots had time to hear of it."""
    for work in reading.works.values():
        story = reading.jobs.get(work.start.job)
        if story is None or story.finished is None or story.finished.by is not ev.EndedBy.CANCEL:
            continue
        since_us = max(reading.at_us(story.finished_place), reading.history.faults_stopped_us)
        if work.start.at_us > since_us + bound_us:
            text = f"work {work.start.work} begins long after the cancel"
            yield Violation(Invariant.CANCEL, work.start.at_us, text, story.job, work.start.bot)
