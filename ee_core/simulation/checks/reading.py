"""A history made easy to look things up in: jobs, attempts and pieces of work, each with its place among the lines.

Places are numbers of lines, so that "before" is one comparison. What an event means for an attempt is written down
here once more, from the rules and not from the engine's code: a proof that used the engine's own notion would agree
with its mistakes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ee_core.model import events as ev
from ee_core.model.ids import BotId, JobId, VisitId, WorkflowHash
from ee_core.simulation import lines as ln

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.model.workflow import Activity, Workflow
    from ee_core.simulation.history import History

_FRUITLESS: Final = 3  # adoptions running that come to nothing before the next is refused (R27)
AttemptKey = tuple[JobId, VisitId, int]


@dataclass(slots=True)
class Work:
    """One call of an activity's code."""

    start: ln.ActivityStarted
    place: int
    end: ln.ActivityEnded | None = None
    end_place: int | None = None  # also when its process ended; None: it goes on
    effects: list[int] = field(default_factory=list)  # places


@dataclass(slots=True)
class Attempt:
    """What the journal says of an attempt, and what was really done for it."""

    key: AttemptKey
    assigned: ev.AttemptAssigned
    place: int  # of the commit
    engine: str  # who committed it
    input_hash: str  # of the visit's input at that time
    end: ev.Event | None = None  # what ended it in the journal
    end_place: int = -1
    after: list[tuple[int, ev.LateResponse | ev.BotDrained | ev.BotQuarantined]] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)

    @property
    def ended_by_word(self) -> bool:
        """The bot's own word ended it, so that nothing can come after."""
        if isinstance(self.end, ev.AttemptLost):
            return not self.end.drains
        if isinstance(self.end, ev.AttemptSucceeded):
            return not self.end.by
        return isinstance(self.end, ev.AttemptFailed | ev.AssignmentVoided)


@dataclass(slots=True)
class Story:
    """A job as the journal has it."""

    job: JobId
    partition: int
    records: list[tuple[int, str, ev.Record]] = field(default_factory=list)  # place, engine, record
    accepted: ev.JobAccepted | None = None
    buried: bool = False  # a tombstone
    first_place: int = 0
    finished: ev.JobFinished | None = None  # the first terminal event
    finished_place: int = -1
    damaged: bool = False  # a fault made a record of it unreadable
    attempts: dict[VisitId, list[Attempt]] = field(default_factory=dict)
    acted: dict[str, int] = field(default_factory=dict)  # place of each operator action's record, by its id
    hashes: dict[VisitId, str] = field(default_factory=dict)  # of the visits' inputs

    @property
    def is_over(self) -> bool:
        """It has ended; a bot may still work for it."""
        return self.finished is not None or self.buried

    def action_is_late(self, action: str, place: int) -> bool:
        """Whether an operator's action came after the end, and is answered but not recorded."""
        return action not in self.acted and -1 < self.finished_place < place


class Reading:
    """A history, looked up.

    Attributes:
        lines: As in the history.
        places: The places of all lines of a class.
        jobs: All that the journal knows.
        attempts: All that were ever assigned.
        works: All calls of activities, by their names; those that stand twice once.
        strays: Works whose attempt the journal does not know.
        owners: The engine that opened the newest epoch, by partition.
        parked: Partitions that are quarantined at the end: an operator decides (R27).
        quarantines: Places where an engine ended with its partition quarantined, and rightly.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.lines = history.lines
        self.places: dict[type[ln.Line], list[int]] = defaultdict(list)
        self.jobs: dict[JobId, Story] = {}
        self.attempts: dict[AttemptKey, Attempt] = {}
        self.works: dict[str, Work] = {}
        self.strays: list[Work] = []
        self.owners: dict[int, str] = {}
        self.parked: set[int] = set()
        self.quarantines: set[int] = set()
        self._fruitless: dict[int, int] = defaultdict(int)  # adoptions that came to nothing, by partition
        self._met: dict[str, int] = {}  # likewise, as each engine met them, its own included
        self._running: dict[str, list[Work]] = defaultdict(list)  # by process life
        self._activities: dict[tuple[WorkflowHash, str], Activity | None] = {}
        self._read()

    def at_us(self, place: int) -> int:
        """Return the instant of a line."""
        return self.lines[place].at_us

    def activity(self, job: JobId, visit: VisitId) -> Activity | None:
        """Return what a visit's node does; None when it is no activity."""
        story = self.jobs[job]
        if story.accepted is None:
            return None
        name = visit.rpartition("#")[0]
        key = (story.accepted.workflow, name)
        if key not in self._activities:
            workflow = self.history.workflows.get(key[0])
            self._activities[key] = _find_activity(workflow, name)
        return self._activities[key]

    def find_attempt(self, job: JobId, visit: VisitId | None, number: int | None) -> Attempt | None:
        """Return an attempt that was ever assigned."""
        return None if visit is None or number is None else self.attempts.get((job, visit, number))

    def _read(self) -> None:
        readers: dict[type[ln.Line], Callable[[int, Any], None]] = {
            ln.Committed: self._commit,
            ln.ActivityStarted: self._start,
            ln.EffectDone: self._effect,
            ln.ActivityEnded: self._finish,
            ln.BotEnded: lambda place, line: self._process_ended(place, line.instance),
            ln.EngineEnded: self._engine_ended,
            ln.PartitionOpened: self._open,
        }
        for place, line in enumerate(self.lines):
            self.places[type(line)].append(place)
            reader = readers.get(type(line))
            if reader is not None:
                reader(place, line)
        for (
            work
        ) in self.works.values():  # a work may begin before its record is stored, which is what is wrong then
            self._attach(work)

    def _open(self, _place: int, line: ln.PartitionOpened) -> None:
        self.owners[line.partition] = line.engine
        self.parked.discard(line.partition)
        self._fruitless[line.partition] += 1
        self._met[line.engine] = self._fruitless[line.partition]

    def _engine_ended(self, place: int, line: ln.EngineEnded) -> None:
        self._process_ended(place, line.engine)
        if line.how == "quarantined" and self._met.get(line.engine, 0) > _FRUITLESS:
            self.quarantines.add(place)
        for partition, owner in self.owners.items():
            if owner != line.engine:
                continue
            if line.how == "stopped":
                self._fruitless[partition] = 0
            elif line.how == "quarantined":
                self.parked.add(partition)

    def _start(self, place: int, line: ln.ActivityStarted) -> None:
        if line.work not in self.works:
            work = self.works[line.work] = Work(line, place)
            self._running[line.instance].append(work)

    def _effect(self, place: int, line: ln.EffectDone) -> None:
        if (work := self.works.get(line.work)) is not None:
            work.effects.append(place)

    def _finish(self, place: int, line: ln.ActivityEnded) -> None:
        if (work := self.works.get(line.work)) is not None and work.end_place is None:
            work.end, work.end_place = line, place

    def _attach(self, work: Work) -> None:
        attempt = self.attempts.get((work.start.job, work.start.visit, work.start.attempt))
        if attempt is None:
            self.strays.append(work)
        else:
            attempt.works.append(work)

    def _process_ended(self, place: int, instance: str) -> None:
        for work in self._running.pop(instance, ()):
            if work.end_place is None:
                work.end_place = place

    def _commit(self, place: int, line: ln.Committed) -> None:
        self._fruitless[line.partition] = 0
        for record in line.records:
            story = self._story(record.job, place, line.partition)
            story.records.append((place, line.engine, record))
            for event in record.events:
                self._event(story, place, line.engine, event)
        for job, _ in line.damaged:
            self._story(job, place, line.partition).damaged = True

    def _story(self, job: JobId, place: int, partition: int) -> Story:
        story = self.jobs.get(job)
        if story is None:
            story = self.jobs[job] = Story(job, partition, first_place=place)
        return story

    def _event(self, story: Story, place: int, engine: str, event: ev.AnyEvent) -> None:
        match event:
            case ev.AttemptAssigned():
                self._assign(story, place, engine, event)
            case ev.AttemptSucceeded() | ev.AttemptFailed() | ev.AttemptLost() | ev.AssignmentVoided():
                self._end(story, place, event.visit, event.attempt, event)
            case ev.VisitCancelled():
                self._end(story, place, event.visit, None, event)
            case ev.LateResponse() | ev.BotDrained() | ev.BotQuarantined():
                if (attempt := self.attempts.get((story.job, event.visit, event.attempt))) is not None:
                    attempt.after.append((place, event))
            case ev.IncidentOpened(kind=ev.IncidentKind.CONFLICT, visit=visit) if visit is not None:
                self._end(story, place, visit, None, event)
            case ev.OperatorActed():
                story.acted.setdefault(event.id, place)
            case _:
                _live(story, place, event)
        if isinstance(event, ev.JobFinished):
            for visit in story.attempts:
                self._end(story, place, visit, None, event)

    def _assign(self, story: Story, place: int, engine: str, event: ev.AttemptAssigned) -> None:
        if event.input_hash:
            story.hashes[event.visit] = event.input_hash
        key = (story.job, event.visit, event.attempt)
        attempt = Attempt(key, event, place, engine, story.hashes.get(event.visit, ""))
        if key not in self.attempts:
            self.attempts[key] = attempt
        story.attempts.setdefault(event.visit, []).append(attempt)

    def _end(self, story: Story, place: int, visit: VisitId, number: int | None, event: ev.Event) -> None:
        """Let an event end an attempt, unless it has ended; without a number the visit's last."""
        attempts = story.attempts.get(visit)
        if not attempts:
            return
        attempt = attempts[-1] if number is None else self.attempts.get((story.job, visit, number))
        if attempt is not None and attempt.end is None:
            attempt.end, attempt.end_place = event, place


def _live(story: Story, place: int, event: ev.AnyEvent) -> None:
    match event:
        case ev.JobAccepted():
            story.accepted = story.accepted or event
        case ev.TombstoneLaid():
            story.buried = True
        case ev.JobFinished():
            if story.finished is None:
                story.finished, story.finished_place = event, place
        case _:
            pass


def _find_activity(workflow: Workflow | None, name: str) -> Activity | None:
    if workflow is None:
        return None
    return next((node.activity for node in workflow.nodes if node.id == name), None)


def is_recorded(one: Attempt, place: int, *, is_damaged: bool) -> bool:
    """Whether it is durable that the bot no longer does an attempt (R9: freed after the response is durable)."""
    if is_damaged:
        return True  # its end may stand in the record that cannot be read
    if one.end is None or one.end_place > place:
        return False
    if one.ended_by_word or isinstance(one.end, ev.IncidentOpened):
        return True
    return any(when <= place for when, _ in one.after)


def bot_name(bot: BotId | None) -> str:
    """Name who carries out an attempt, in a sentence."""
    return "any worker" if bot is None else f"bot {bot}"
