"""What happens to a token around its activity: it begins, is assigned, ends, fails, and moves on.

Every decision that moves tokens ends in `conclude`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ee_core.model import tokens
from ee_core.model.decide.begin import assign, begin
from ee_core.model.draft import Draft, Trouble
from ee_core.model.events import (
    ON_ERROR,
    AnyEvent,
    AttemptFailed,
    AttemptSucceeded,
    Choice,
    EndedBy,
    Error,
    IncidentKind,
    JobStarted,
    Outcome,
    RetryDue,
)
from ee_core.model.ids import NodeId, VisitId
from ee_core.model.job import Visit
from ee_core.model.limits import LARGE_EVENT_BYTES, MAX_RECORD_BYTES
from ee_core.model.workflow import NodeKind

_INCIDENT_BYTES: Final = 8192  # more than an incident has, with all the values it shows
_MARGIN_BYTES: Final = 4096  # for the record around the events, and what is added at its end


def begin_job(draft: Draft) -> None:
    """Let an accepted job begin."""
    draft.events.append(JobStarted())
    tokens.start(draft)


def succeed(draft: Draft, visit: Visit, attempt: int, output: Any, *, by: str = "") -> None:
    """End a visit's activity well; its token moves on."""
    draft.events.append(AttemptSucceeded(visit.id, attempt, output, by))
    draft.succeed(visit.node, output, is_first_end=not visit.ended)
    move_on(draft, visit, is_failed=False)


def fail(draft: Draft, visit: Visit, attempt: int, error: Error, *, by: EndedBy = EndedBy.FAILURE) -> None:
    """End a visit's activity badly, with nothing left to try (R11, R12)."""
    draft.events.append(AttemptFailed(visit.id, attempt, error))
    draft.fail(visit.node, error, is_first_end=not visit.ended)
    node = draft.workflow.nodes[visit.node]
    if node.on_error is not None:
        tokens.follow(draft, visit.id, visit.node, (ON_ERROR,))
    elif node.activity is not None and not node.activity.fail_job and not has_tried_to_leave(draft, visit):
        move_on(draft, visit, is_failed=True)
    else:
        give_up(draft, visit.id, visit.node, error, by=by)


def give_up(draft: Draft, visit: VisitId, node: int, error: Error, *, by: EndedBy) -> None:
    """Fail the job for a visit that failed: now, or when its other tokens have come to their end."""
    if draft.workflow.finishes_failed:
        draft.failure = draft.failure or error
        tokens.vanish(draft, visit, node)
    else:
        draft.finish(Outcome.FAILED, by, error=error)


def move_on(draft: Draft, visit: Visit, *, is_failed: bool) -> None:
    """Let the token of an ended visit leave by its node's pointers; a failed one counts as a warning."""
    tokens.route(draft, visit.id, visit.node)
    if is_failed and visit.id not in draft.troubles:
        draft.warnings += 1


def has_tried_to_leave(draft: Draft, visit: Visit) -> bool:
    """Whether it is the visit's routing that is in trouble: what it does has ended, or it does nothing."""
    return visit.ended or draft.workflow.nodes[visit.node].kind is not NodeKind.ACTIVITY


def try_again(draft: Draft, visit: Visit) -> None:
    """Let a visit be assigned again: at once if it needs no bot."""
    draft.events.append(RetryDue(visit.id))
    activity = draft.workflow.nodes[visit.node].activity
    if activity is not None and activity.stateless:
        assign(draft, visit.id, visit.node, visit)


def conclude(draft: Draft) -> tuple[AnyEvent, ...]:
    """Let all tokens come to rest, and do what follows: the end, incidents, first assignments (R13, R14)."""
    if draft.finished is None and not _settle(draft):
        return tuple(draft.events)
    if draft.finished is None:
        _ask(draft)
        for visit, node in list(draft.created.items()):
            if draft.workflow.nodes[node].kind is NodeKind.ACTIVITY:
                begin(draft, visit, node)
        runaway = _find_oversize(draft)
        if runaway is not None:
            _stop(draft, runaway)
            return tuple(draft.events)
        _exhaust(draft)
    if draft.finished is not None:
        draft.events.append(draft.finished)
    return tuple(draft.events)


def _settle(draft: Draft) -> bool:
    """Move the tokens, unless they run away; then they stay where they were before this decision (R29)."""
    if draft.job.runaway is not None and draft.job.runaway not in draft.closed:
        draft.roll_back()
        return False
    runaway = tokens.settle(draft) or _find_oversize(draft)
    if runaway is not None:
        _stop(draft, runaway)
    return runaway is None


def _stop(draft: Draft, runaway: tokens.Runaway) -> None:
    """Leave the tokens where they were before this decision, and ask a person."""
    draft.roll_back()
    draft.open_incident(_runaway(runaway), node=runaway.node)


def _find_oversize(draft: Draft) -> tokens.Runaway | None:
    """Return a runaway when what follows from the moves would make a record that no journal takes."""
    guess = len(draft.events) * LARGE_EVENT_BYTES + draft.incidents * _INCIDENT_BYTES + draft.payload_bytes
    if guess < MAX_RECORD_BYTES or draft.mark is None:
        return None
    if len(msgspec.json.encode(draft.events)) + _MARGIN_BYTES > MAX_RECORD_BYTES:
        return tokens.Runaway(
            _last_node(draft), f"what it does in one step takes more than {MAX_RECORD_BYTES} bytes"
        )
    return None


def _last_node(draft: Draft) -> NodeId:
    node = next(reversed(draft.created.values()), draft.workflow.graph.start)
    return draft.workflow.graph.nodes[node]


def _ask(draft: Draft) -> None:
    for visit, trouble in draft.troubles.items():
        draft.open_incident(trouble, visit=visit)
    for join in tokens.find_stuck(draft):
        draft.open_incident(_stuck(draft, join), node=draft.workflow.graph.nodes[join])


def _exhaust(draft: Draft) -> None:
    # an incident needs no look: its token travels, or is queued, and a Runaway lets nobody come here
    if draft.living or draft.queued:
        return
    outcome = Outcome.SUCCEEDED if draft.failure is None else Outcome.FAILED
    draft.finish(outcome, EndedBy.EXHAUSTED, error=draft.failure)


def _stuck(draft: Draft, join: int) -> Trouble:
    node = draft.workflow.nodes[join]
    lengths = draft.queue_lengths(join)
    filled = len(lengths) - lengths.count(0)
    wanted = len(lengths) if node.join == "all" else node.join
    return Trouble(
        IncidentKind.JOIN_STUCK,
        (Choice.FIRE_JOIN, Choice.FAIL),
        f"join {node.id!r} waits for {wanted} inputs, has {filled} and cannot get another;"
        " let it fire with what it has, or fail it",
        {"waiting": lengths, "rule": node.join},
    )


def _runaway(runaway: tokens.Runaway) -> Trouble:
    return Trouble(
        IncidentKind.RUNAWAY,
        (Choice.FAIL,),
        f"the job runs away: {runaway.what}, at node {runaway.node!r}; its tokens stay where they were before; fail the job and mend its workflow",
        {"limit": runaway.what},
    )
