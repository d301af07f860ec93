"""Recorded events about tokens, applied to a job: visits come and go, joins take what waits in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from ee_core.model import events
from ee_core.model.events import ON_ERROR, Event
from ee_core.model.graph import NO_INPUT
from ee_core.model.ids import NodeId, VisitId, visit_id
from ee_core.model.job import Attempt, AttemptStatus, Job, JobStatus, Queues, Visit, VisitStatus
from ee_core.model.transition import demand, find_live, refuse, workflow_of
from ee_core.model.waiting import WaitChanges, drain_wait, rearm
from ee_core.model.workflow import NodeKind


def _created(job: Job, event: events.VisitCreated, at_us: int, changes: WaitChanges) -> None:
    workflow = workflow_of(job, event)
    demand(job.status is JobStatus.PROCESSING, job, event, "the job is not running")
    number = workflow.graph.start
    if event.source is not None:
        number = _target(job, event, event.source, event.slot)
    visit = _make_visit(job, event, event.visit, number, event.source, at_us)
    rearm(job, visit, changes)


def _queued(job: Job, event: events.TokenQueued, _at_us: int, _changes: WaitChanges) -> None:
    graph = workflow_of(job, event).graph
    source = job.visits.get(event.source)
    if source is None:
        refuse(job, event, f"{event.source} is not known")
    arrow = graph.out[source.node][event.slot]
    join = graph.arrows[arrow].target
    bit = graph.input_of[arrow]
    demand(graph.nodes[join] == event.join and bit != NO_INPUT, job, event, "no such input")
    queues = job.queues.get(join)
    if queues is None:
        queues = job.queues[join] = Queues([deque() for _ in graph.inputs[join]])
    queues.by_place[bit - graph.first_input[join]].append(event.source)
    queues.filled |= 1 << bit
    job.queued += 1


def _fired(job: Job, event: events.JoinFired, at_us: int, _changes: WaitChanges) -> None:
    workflow = workflow_of(job, event)
    join = workflow.graph.index.get(NodeId(event.visit.rpartition("#")[0]), -1)
    queues = _queues(job, event, join)
    demand(join not in job.stuck, job, event, "the join has an open incident")
    for place in event.inputs:
        is_filled = 0 <= place < len(queues.by_place) and bool(queues.by_place[place])
        demand(is_filled, job, event, "an input is empty")
        _take(job, join, queues, place, len(queues.by_place[place]) if event.emptied else 1)
    if event.emptied:
        demand(not queues.filled, job, event, "a token would be left")
    if not queues.filled:
        del job.queues[join]
    _make_visit(job, event, event.visit, join, None, at_us)


def _dropped(job: Job, event: events.TokensDropped, _at_us: int, _changes: WaitChanges) -> None:
    join = workflow_of(job, event).graph.index.get(event.join, -1)
    queues = _queues(job, event, join)
    demand(len(queues.by_place) == len(event.counts), job, event, "the join has other inputs")
    for place, count in enumerate(event.counts):
        demand(0 <= count <= len(queues.by_place[place]), job, event, "more than there are")
        if count:
            _take(job, join, queues, place, count, from_back=True)
    if not queues.filled:
        demand(join not in job.stuck, job, event, "the join has an open incident")
        del job.queues[join]


def _routed(job: Job, event: events.VisitRouted, _at_us: int, changes: WaitChanges) -> None:
    visit = find_live(job, event, event.visit)
    node = workflow_of(job, event).nodes[visit.node]
    is_activity = node.kind is NodeKind.ACTIVITY
    demand(not is_activity or visit.ended, job, event, "its activity has not ended")
    demand(visit.incident is None, job, event, "it has an open incident")
    demand(
        all(0 <= slot < len(node.pointers) or (slot == ON_ERROR and node.on_error) for slot in event.slots),
        job,
        event,
        "no such pointer",
    )
    if visit.status is VisitStatus.FAILED:
        job.warnings += event.slots != (ON_ERROR,)
    else:
        visit.status = VisitStatus.SUCCESS
    _end_without_result(job, visit)
    _leave(job, visit, changes)


def _vanished(job: Job, event: events.VisitVanished, _at_us: int, changes: WaitChanges) -> None:
    visit = find_live(job, event, event.visit)
    if workflow_of(job, event).nodes[visit.node].kind is NodeKind.END:
        visit.status = VisitStatus.SUCCESS
        _end_without_result(job, visit)
    else:
        demand(visit.status is VisitStatus.FAILED, job, event, "it has not failed")
        job.failure = job.failure or visit.error
    _leave(job, visit, changes)


def _cancelled(job: Job, event: events.VisitCancelled, _at_us: int, changes: WaitChanges) -> None:
    visit = find_live(job, event, event.visit)
    demand(visit.incident is None, job, event, "it has an open incident")
    visit.status = VisitStatus.CANCELLED
    _leave(job, visit, changes)


STEPS: Final[Mapping[type[Event], Callable[[Job, Any, int, WaitChanges], None]]] = {
    events.VisitCreated: _created,
    events.TokenQueued: _queued,
    events.JoinFired: _fired,
    events.TokensDropped: _dropped,
    events.VisitRouted: _routed,
    events.VisitVanished: _vanished,
    events.VisitCancelled: _cancelled,
}


# -- shared with the job's events --------------------------------------------------------------------------------


def stop_visit(job: Job, visit: Visit, changes: WaitChanges) -> None:
    """Make a visit final: its wait goes, and an attempt that is still open drains (R16)."""
    visit.final = True
    visit.retry_at_us = None
    cancel_attempt(job, visit, changes)
    rearm(job, visit, changes)


def cancel_attempt(job: Job, visit: Visit, changes: WaitChanges) -> None:
    """End an open attempt without the bot's own word."""
    attempt = visit.open_attempt
    if attempt is not None:
        attempt.status = AttemptStatus.CANCELLED
        if attempt.bot is not None:
            start_drain(job, visit, attempt, changes)


def start_drain(job: Job, visit: Visit, attempt: Attempt, changes: WaitChanges) -> None:
    """Wait until the bot of an ended attempt is known not to work on it (R16)."""
    attempt.draining = True
    job.drains += 1
    changes.put(drain_wait(visit, attempt))


def hold_join(job: Job, event: events.IncidentOpened) -> None:
    """Let the tokens queued in a join travel from its node while its incident is open (R4)."""
    graph = workflow_of(job, event).graph
    join = graph.index.get(event.node, -1) if event.node is not None else -1
    demand(join in job.queues and join not in job.stuck, job, event, "no token waits in the join")
    job.stuck[join] = event.incident
    _travel(job, join, 1)


def release_join(job: Job, node: NodeId | None) -> None:
    """Let them rest again."""
    if job.workflow is not None and node is not None:
        join = job.workflow.graph.index[node]
        del job.stuck[join]
        _travel(job, join, -1)


def count_end(job: Job, visit: Visit) -> None:
    """Count a visit that ends, once, in the context."""
    if not visit.ended:
        visit.ended = True
        job.ended[visit.node] = job.ended.get(visit.node, 0) + 1


# -- parts -------------------------------------------------------------------------------------------------------


def _queues(job: Job, event: Event, join: int) -> Queues:
    queues = job.queues.get(join)
    if queues is None:
        refuse(job, event, "no token waits in the join")
    return queues


def _take(job: Job, join: int, queues: Queues, place: int, count: int, *, from_back: bool = False) -> None:
    queue = queues.by_place[place]
    for _ in range(count):
        if from_back:
            queue.pop()
        else:
            queue.popleft()
    job.queued -= count
    if not queue and job.workflow is not None:
        queues.filled &= ~(1 << (job.workflow.graph.first_input[join] + place))


def _make_visit(
    job: Job, event: Event, name: VisitId, number: int, source: VisitId | None, at_us: int
) -> Visit:
    graph = workflow_of(job, event).graph
    k = job.counts.get(number, 0) + 1
    expected = visit_id(graph.nodes[number], k)
    if name != expected:
        refuse(job, event, f"visit {expected} was expected")
    visit = Visit(id=name, node=number, k=k, source=source, created_us=at_us, asked_us=at_us)
    job.counts[number] = k
    job.visits[name] = visit
    job.live[name] = visit
    _travel(job, number, 1)
    return visit


def _target(job: Job, event: Event, source: VisitId, slot: int) -> int:
    graph = workflow_of(job, event).graph
    visit = job.visits.get(source)
    if visit is None or not visit.final:
        refuse(job, event, f"{source} has not been routed")
    out = graph.out[visit.node]
    demand(-1 <= slot < len(out), job, event, f"{source} has no pointer {slot}")
    return graph.arrows[out[slot]].target


def _end_without_result(job: Job, visit: Visit) -> None:
    """End a visit that no attempt has ended: a gateway's, a join's, an End's."""
    if not visit.ended:
        count_end(job, visit)
        job.results.pop(visit.node, None)


def _leave(job: Job, visit: Visit, changes: WaitChanges) -> None:
    del job.live[visit.id]
    _travel(job, visit.node, -1)
    stop_visit(job, visit, changes)


def _travel(job: Job, node: int, change: int) -> None:
    if job.workflow is None:
        return
    place = job.workflow.graph.class_of[node]
    count = job.classes.get(place, 0) + change
    if count:
        job.classes[place] = count
    else:
        del job.classes[place]
