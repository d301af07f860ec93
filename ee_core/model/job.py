"""The state of one job, as rebuilt from its records.

`evolve` alone changes it, in place; `decide` reads it; `fork` copies it. Nothing here is stored: what is not in
an event does not survive. Display states that only Fleet and Reactor know (BotBusy, Processing) are not here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Final

from ee_core.model.compiled import CompiledWorkflow
from ee_core.model.events import Choice, EndedBy, Error, IncidentKind, LateResponse, Outcome
from ee_core.model.ids import BotId, Fence, IncidentId, JobId, NodeId, VisitId, WorkflowHash
from ee_core.model.waits import Wait, WaitKey


class JobStatus(StrEnum):
    """Where a job stands; NOT_STARTED also while an admission hook holds it."""

    NOT_STARTED = "NotStarted"
    PROCESSING = "Processing"
    FINISHED = "Finished"


class VisitStatus(StrEnum):
    """Where a visit stands; an incident leaves it as it is."""

    PENDING = "Pending"  # token here, nothing sent; also while a retry waits
    AWAITING = "AwaitingBotResponse"
    SUCCESS = "Success"
    FAILED = "Failed"
    LOST = "Lost"
    CANCELLED = "Cancelled"


class AttemptStatus(StrEnum):
    """How far an attempt is; all but AWAITING are its end."""

    AWAITING = "AwaitingBotResponse"
    SUCCESS = "Success"
    FAILED = "Failed"
    LOST = "Lost"
    VOIDED = "Voided"  # the bot never started it: its fence was stale
    CONFLICT = "Conflict"  # the bot knows the attempt from another assignment or with another input
    CANCELLED = "Cancelled"


# What a node shows of its live visits: the first of these that one of them has.
_WORST: Final = (
    VisitStatus.LOST,
    VisitStatus.FAILED,
    VisitStatus.AWAITING,
    VisitStatus.PENDING,
    VisitStatus.SUCCESS,
)
NOT_PROCESSED: Final = "NotProcessed"
_NO_HASH: Final = WorkflowHash("")


@dataclass(slots=True)
class Attempt:
    """One try of a visit's activity."""

    number: int
    bot: BotId | None
    ledger: str | None
    fence: Fence | None
    assigned_us: int
    deadline_us: int | None
    status: AttemptStatus = AttemptStatus.AWAITING
    answered: bool = False  # it ended by the bot's own word: whatever comes later is a duplicate (R18)
    late: LateResponse | None = None  # the first answer that came after it had ended without one (R17)
    draining: bool = False  # its bot may still work on it (R16)
    questioned: str = ""  # its bot went silent, and its ledger is asked: why (R20 `ask`)


@dataclass(slots=True)
class Visit:
    """One token at one node."""

    id: VisitId
    node: int
    k: int
    source: VisitId | None
    created_us: int
    status: VisitStatus = VisitStatus.PENDING
    final: bool = False  # its token has left it
    ended: bool = False  # counted in `nodes.<id>.visits`; its output or error is in the context
    attempts: list[Attempt] = field(default_factory=list)
    input: Any = None  # rendered; meaningful when `input_hash` is set
    input_hash: str = ""
    output: Any = None
    error: Error | None = None
    retry_at_us: int | None = None
    asked_us: int = 0  # since when it waits for a bot: its time-out counts from here
    incident: IncidentId | None = None
    armed: WaitKey | None = None  # its wait in `Job.waits`, drains and incidents aside

    @property
    def last_attempt(self) -> int:
        """The number of the newest attempt, 0 before the first."""
        return self.attempts[-1].number if self.attempts else 0

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt that a bot's answer would end; at most one."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.status is AttemptStatus.AWAITING else None

    def find_attempt(self, number: int) -> Attempt | None:
        """Return an attempt by its number, None if it never was."""
        return self.attempts[number - 1] if 0 < number <= len(self.attempts) else None

    def result(self) -> LateResponse | None:
        """Return the late answer that an operator may take: of Lost attempts only, a success before a failure."""
        late = [
            attempt.late
            for attempt in reversed(self.attempts)
            if attempt.status is AttemptStatus.LOST and attempt.late is not None
        ]
        for kind in ("succeeded", "failed"):
            for answer in late:
                if answer.kind == kind:
                    return answer
        return None

    def copy(self) -> Visit:
        """Return a visit that shares nothing that changes."""
        return replace(self, attempts=[replace(attempt) for attempt in self.attempts])


@dataclass(slots=True)
class Incident:
    """A person is asked, and has not answered."""

    id: IncidentId
    kind: IncidentKind
    choices: tuple[Choice, ...]  # as they are now: a late response adds TAKE_RESULT
    text: str
    visit: VisitId | None
    node: NodeId | None
    detail: dict[str, Any]
    opened_us: int


@dataclass(slots=True)
class Queues:
    """The tokens that wait in one join, by the visit each comes from."""

    by_place: list[deque[VisitId]]  # per input, oldest first
    filled: int = 0  # the bits, as in `Graph.own`, of the inputs that are not empty

    def __iter__(self) -> Iterator[deque[VisitId]]:
        return iter(self.by_place)

    def copy(self) -> Queues:
        """Return queues that share nothing that changes."""
        return Queues([deque(queue) for queue in self.by_place], self.filled)


@dataclass(slots=True)
class Job:
    """One execution of one workflow. Made by `blank`; whoever has the content sets `workflow` before the first record."""

    id: JobId
    workflow: CompiledWorkflow | None = None
    hash: WorkflowHash = _NO_HASH  # "" while blank, and of a tombstone
    name: str = ""
    version: str = ""
    digest: str = ""
    owner: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    inputs: dict[str, Any] = field(default_factory=dict)
    status: JobStatus = JobStatus.NOT_STARTED
    outcome: Outcome | None = None
    ended_by: EndedBy | None = None
    error: Error | None = None
    reason: str = ""
    warnings: int = 0
    accepted_us: int = 0
    finished_us: int | None = None
    visits: dict[VisitId, Visit] = field(default_factory=dict)  # in order of creation
    incidents: dict[IncidentId, Incident] = field(default_factory=dict)  # open ones, oldest first
    waits: dict[WaitKey, Wait] = field(default_factory=dict)
    next_index: int = 0  # of the next record
    applied: set[str] = field(default_factory=set)  # ids of operator actions

    # what a decision would else have to search for
    live: dict[VisitId, Visit] = field(default_factory=dict)  # visits that are not final
    classes: dict[int, int] = field(default_factory=dict)  # travelling tokens by `Graph.class_of`, > 0
    queues: dict[int, Queues] = field(default_factory=dict)  # of the joins with tokens
    queued: int = 0  # tokens in all queues
    stuck: dict[int, IncidentId] = field(default_factory=dict)  # joins with an open incident
    runaway: IncidentId | None = None  # while it is open no token moves
    drains: int = 0  # attempts that are draining
    incident_count: int = 0  # ever opened
    counts: dict[int, int] = field(default_factory=dict)  # visits ever made, by node
    ended: dict[int, int] = field(default_factory=dict)  # visits that ended, by node
    results: dict[int, Visit] = field(
        default_factory=dict
    )  # the visit that ended last, by node, if it left any
    bots: dict[int, BotId] = field(default_factory=dict)  # the bot assigned last, by node
    keys: dict[str, Any] = field(default_factory=dict)  # export form: inputs and members of outputs
    failure: Error | None = None  # of the first token that vanished (R11 `finish`)

    @classmethod
    def blank(cls, job_id: JobId, workflow: CompiledWorkflow | None = None) -> Job:
        """Return a job of which nothing is recorded yet."""
        return cls(job_id, workflow)

    @property
    def is_blank(self) -> bool:
        """Nothing is recorded of it."""
        return self.next_index == 0 and not self.hash and self.status is not JobStatus.FINISHED

    @property
    def is_finished(self) -> bool:
        """The terminal event is recorded."""
        return self.status is JobStatus.FINISHED

    @property
    def is_open(self) -> bool:
        """Not finished, or a bot may still work for it."""
        return self.status is not JobStatus.FINISHED or self.drains > 0

    def node_status(self, node: NodeId) -> str:
        """Return what a node shows: the worst of its live visits, else its last, `NOT_PROCESSED` if none."""
        if self.workflow is None or node not in self.workflow.graph.index:
            return NOT_PROCESSED
        number = self.workflow.graph.index[node]
        live = {visit.status for visit in self.live.values() if visit.node == number}
        for status in _WORST:
            if status in live:
                return status.value
        if not self.counts.get(number):
            return NOT_PROCESSED
        return self.visits[VisitId(f"{node}#{self.counts[number]}")].status.value

    def fork(self) -> Job:
        """Return a copy that shares nothing that changes."""
        copied = Job(self.id)
        for item in fields(self):
            value = getattr(self, item.name)
            setattr(copied, item.name, value.copy() if isinstance(value, dict | set) else value)
        copied.visits = {key: visit.copy() for key, visit in self.visits.items()}
        copied.live = {key: copied.visits[key] for key in self.live}
        copied.results = {node: copied.visits[visit.id] for node, visit in self.results.items()}
        copied.incidents = {key: replace(incident) for key, incident in self.incidents.items()}
        copied.queues = {join: queues.copy() for join, queues in self.queues.items()}
        return copied
