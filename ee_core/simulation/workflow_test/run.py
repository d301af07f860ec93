"""What came of one run of a workflow, read from the events of its job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ee_core.model import events as ev

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ee_core.model.workflow import Workflow

INCIDENT = "incident"  # the outcome of a run that only a person can move


class UnstubbedError(AssertionError):
    """An activity was reached that has no stub; an assertion, so that test runners count it as a failure."""


@dataclass(slots=True)
class Run:
    """A run that has come to its end.

    Attributes:
        outcome: ``succeeded``, ``failed``, or ``incident``: an incident is open, and nothing else can move.
        path: The node of each visit, in order.
        outputs: The last output of each node, and of each visit as ``node#k``.
        inputs: The input that the activity of each node got, last, and of each visit as ``node#k``.
        error: Code and message of the error that failed the job.
        incidents: The kind of each open incident, by node.
        followed: Each pointer that was followed: the node's id and the pointer's place, -1 for `on_error`.
        attempts: How many attempts each node had.
        duration_s: Of virtual time.
    """

    workflow: Workflow
    outcome: str = ""
    path: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] | None = None
    incidents: dict[str, str] = field(default_factory=dict)
    incident_texts: list[str] = field(default_factory=list)
    followed: set[tuple[str, int]] = field(default_factory=set)
    attempts: dict[str, int] = field(default_factory=dict)
    duration_s: float = 0.0

    @property
    def visited(self) -> set[str]:
        """The nodes that had a visit."""
        return set(self.path)


def read_run(workflow: Workflow, events: Sequence[ev.AnyEvent], duration_s: float) -> Run:
    """Read a run from the events of its job."""
    run = Run(workflow, duration_s=duration_s)
    open_incidents: dict[str, ev.IncidentOpened] = {}
    for event in events:
        match event:
            case ev.IncidentOpened():
                open_incidents[event.incident] = event
            case ev.IncidentClosed():
                open_incidents.pop(event.incident, None)
            case _:
                _apply(run, event)
    if not run.outcome:
        run.outcome = INCIDENT
        for incident in open_incidents.values():
            node = incident.node or node_of(incident.visit or "")
            run.incidents[node] = incident.kind.value
            run.incident_texts.append(incident.text)
    return run


def _apply(run: Run, event: ev.AnyEvent) -> None:
    match event:
        case ev.VisitCreated() | ev.JoinFired():
            run.path.append(node_of(event.visit))
        case ev.VisitRouted():
            run.followed.update((node_of(event.visit), slot) for slot in event.slots)
        case ev.AttemptAssigned():
            node = node_of(event.visit)
            run.attempts[node] = run.attempts.get(node, 0) + 1
            if event.input_hash:  # only with the first attempt of a visit
                run.inputs[node] = run.inputs[event.visit] = event.input
        case ev.AttemptSucceeded():
            run.outputs[node_of(event.visit)] = run.outputs[event.visit] = event.output
        case ev.JobFinished():
            run.outcome = event.outcome.value
            if event.error is not None:
                run.error = {"code": event.error.code, "message": event.error.text}


def node_of(visit: str) -> str:
    """Return the node of a visit's id."""
    return visit.rpartition("#")[0]
