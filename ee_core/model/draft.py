"""A decision while it is made: the events so far, and what they change as far as its rest must know.

`decide` does not copy the job and does not apply events to it. Tokens that move in one decision see the job
through this thin overlay: counters of visits, joins' queues, travelling tokens, outputs that ended. All of it is
proportional to the decision, not to the job.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ee_core.model.compiled import CompiledWorkflow
from ee_core.model.events import (
    AnyEvent,
    Choice,
    EndedBy,
    Error,
    IncidentClosed,
    IncidentKind,
    IncidentOpened,
    JobAccepted,
    JobFinished,
    Outcome,
    VisitCreated,
)
from ee_core.model.ids import IncidentId, NodeId, VisitId, visit_id
from ee_core.model.job import Job


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a person must be asked about a visit."""

    kind: IncidentKind
    choices: tuple[Choice, ...]
    text: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What the visit that ended last left in the context; both None: nothing."""

    output: tuple[Any] | None = None  # a tuple of one, for an output may be null
    error: Error | None = None


_NOTHING = Result()


class Draft:
    """The record that is being written; one per decision."""

    __slots__ = (
        "_classes",
        "_counts",
        "_ended",
        "_filled",
        "_incidents",
        "_queues",
        "_results",
        "accepted",
        "at_us",
        "closed",
        "created",
        "events",
        "failure",
        "finished",
        "hops",
        "job",
        "keys",
        "left",
        "mark",
        "moving",
        "payload_bytes",
        "queued",
        "troubles",
        "visits",
        "warnings",
        "workflow",
    )

    def __init__(self, job: Job, at_us: int, accepted: JobAccepted | None = None) -> None:
        if job.workflow is None:
            raise AssertionError(f"job {job.id} has no workflow at hand; set `Job.workflow` first")
        self.job = job
        self.workflow: CompiledWorkflow = job.workflow
        self.at_us = at_us
        self.visits = len(job.visits)  # ever made
        self.accepted = accepted  # with a job's first decision: the job itself knows nothing yet
        self.events: list[AnyEvent] = [] if accepted is None else [accepted]
        self.mark: int | None = None  # where the tokens' events begin
        self.hops = 0
        self.moving: deque[tuple[VisitId | None, int, int]] = deque()  # source, slot, target
        self.created: dict[VisitId, int] = {}  # made here and not final, with its node
        self.left: set[VisitId] = set()  # the job's visits made final here
        self.troubles: dict[VisitId, Trouble] = {}  # incidents to open, in order
        self.queued = job.queued
        self.closed: set[IncidentId] = set()  # incidents that closed here
        self.keys: dict[str, Any] = {}
        self.warnings = job.warnings
        self.failure = job.failure
        self.finished: JobFinished | None = None
        self.payload_bytes = 0  # of outputs and inputs in `events`
        self._classes: dict[int, int] = {}  # change of the travelling tokens
        self._counts: dict[int, int] = {}
        self._queues: dict[tuple[int, int], int] = {}  # change of an input's length, by join and place
        self._filled: dict[int, int] = {}  # of the joins touched
        self._ended: dict[int, int] = {}
        self._results: dict[int, Result] = {}
        self._incidents = 0

    # -- visits ----------------------------------------------------------------------------------------------

    @property
    def living(self) -> int:
        """How many visits are not final."""
        return len(self.job.live) - len(self.left) + len(self.created)

    def name_visit(self, node: int) -> VisitId:
        """Name the next visit of a node."""
        k = self._counts.get(node, self.job.counts.get(node, 0)) + 1
        self._counts[node] = k
        self.visits += 1
        return visit_id(self.workflow.graph.nodes[node], k)

    def arrive(self, visit: VisitId, node: int) -> None:
        """A visit made here stays."""
        self.created[visit] = node
        self.change_travelling(node, 1)

    def leave(self, visit: VisitId, node: int) -> None:
        """A visit that stood before becomes final."""
        if self.created.pop(visit, None) is None:
            self.left.add(visit)
        self.troubles.pop(visit, None)
        self.change_travelling(node, -1)

    def live_visits(self) -> Iterator[tuple[VisitId, int]]:
        """Iterate over the visits that are not final, with their nodes, in order of creation."""
        for name, visit in self.job.live.items():
            if name not in self.left:
                yield name, visit.node
        yield from self.created.items()

    # -- joins -----------------------------------------------------------------------------------------------

    def change_travelling(self, node: int, change: int) -> None:
        """Count tokens that travel from a node."""
        place = self.workflow.graph.class_of[node]
        self._classes[place] = self._classes.get(place, 0) + change

    def travelling(self) -> Iterator[int]:
        """Iterate over the different masks of join inputs that travelling tokens may reach."""
        masks = self.workflow.graph.classes
        change = self._classes
        for place, count in self.job.classes.items():
            if count + change.get(place, 0) > 0:
                yield masks[place]
        for place, count in change.items():
            if count > 0 and place not in self.job.classes:
                yield masks[place]

    def filled(self, join: int) -> int:
        """Return the bits of a join's inputs that have a token."""
        mask = self._filled.get(join)
        if mask is not None:
            return mask
        queues = self.job.queues.get(join)
        return 0 if queues is None else queues.filled

    def queue_length(self, join: int, place: int) -> int:
        """Return how many tokens wait in an input of a join."""
        queues = self.job.queues.get(join)
        change = self._queues.get((join, place), 0)
        return change if queues is None else len(queues.by_place[place]) + change

    def queue_lengths(self, join: int) -> list[int]:
        """Return how many tokens wait in each input of a join."""
        return [self.queue_length(join, place) for place in range(len(self.workflow.graph.inputs[join]))]

    def change_queue(self, join: int, place: int, change: int) -> None:
        """Add tokens to an input of a join, or take some away."""
        self._queues[join, place] = self._queues.get((join, place), 0) + change
        self.queued += change
        bit = 1 << (self.workflow.graph.first_input[join] + place)
        filled = self.filled(join)
        self._filled[join] = filled | bit if self.queue_length(join, place) else filled & ~bit

    def joins_with_tokens(self) -> list[int]:
        """Return the joins in whose queues tokens wait, lowest rank first."""
        if not self.job.queues and not self._filled:
            return []
        joins = [join for join in self.job.queues if join not in self._filled]
        joins += [join for join, filled in self._filled.items() if filled]
        if len(joins) > 1:
            joins.sort(key=self.workflow.graph.rank.__getitem__)
        return joins

    def incident_of(self, join: int) -> IncidentId | None:
        """Return a join's open incident."""
        incident = self.job.stuck.get(join)
        return None if incident in self.closed else incident

    # -- the context -----------------------------------------------------------------------------------------

    def succeed(self, node: int, output: Any, *, is_first_end: bool = True) -> None:
        """A visit ended with an output."""
        self._ended[node] = self._ended.get(node, 0) + is_first_end
        self._results[node] = Result(output=(output,))
        if isinstance(output, dict):
            self.keys.update(output)

    def fail(self, node: int, error: Error, *, is_first_end: bool = True) -> None:
        """A visit ended with an error."""
        self._ended[node] = self._ended.get(node, 0) + is_first_end
        self._results[node] = Result(error=error)

    def pass_through(self, node: int) -> None:
        """A gateway's visit ended; it leaves nothing."""
        self._ended[node] = self._ended.get(node, 0) + 1
        self._results[node] = _NOTHING

    def ended(self, node: int) -> int:
        """Return how many visits of a node have ended."""
        return self.job.ended.get(node, 0) + self._ended.get(node, 0)

    def result(self, node: int) -> Result:
        """Return what a node's last ended visit left."""
        found = self._results.get(node)
        if found is not None:
            return found
        visit = self.job.results.get(node)
        if visit is None:
            return _NOTHING
        return Result(output=(visit.output,)) if visit.error is None else Result(error=visit.error)

    # -- the end of the decision -------------------------------------------------------------------------------

    def open_incident(
        self, trouble: Trouble, *, visit: VisitId | None = None, node: NodeId | None = None
    ) -> IncidentId:
        """Ask a person."""
        self._incidents += 1
        incident = IncidentId(f"i{self.job.incident_count + self._incidents}")
        self.events.append(
            IncidentOpened(incident, trouble.kind, trouble.choices, trouble.text, visit, node, trouble.detail)
        )
        return incident

    @property
    def incidents(self) -> int:
        """How many were opened here."""
        return self._incidents

    def close_incident(self, incident: IncidentId, by: str) -> None:
        """Say that a person need not answer any more."""
        self.events.append(IncidentClosed(incident, by))
        self.closed.add(incident)

    def finish(
        self, outcome: Outcome, by: EndedBy, *, error: Error | None = None, reason: str = "", who: str = ""
    ) -> None:
        """Let the job end with this decision; the first end stands."""
        if self.finished is None:
            self.finished = JobFinished(outcome, by, self.warnings, reason, who, error)

    def forget_visits(self) -> None:
        """Take out visits that this decision would have created (R13)."""
        self.events = [
            event
            for event in self.events
            if not (isinstance(event, VisitCreated) and event.visit in self.created)
        ]
        self.created.clear()
        self.troubles.clear()

    def roll_back(self) -> None:
        """Take back every move of a token; only the events before the first move are left."""
        if self.mark is not None:
            del self.events[self.mark :]
        self.moving.clear()
        self.created.clear()
        self.troubles.clear()
        self._incidents = 0
