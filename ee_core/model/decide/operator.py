"""What a person's answer to an incident means (R28)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ee_core.model import tokens
from ee_core.model.decide.begin import json_size
from ee_core.model.decide.ignored import Ignored
from ee_core.model.decide.token import (
    conclude,
    fail,
    give_up,
    has_tried_to_leave,
    move_on,
    succeed,
    try_again,
)
from ee_core.model.draft import Draft
from ee_core.model.events import (
    AnyEvent,
    AttemptFailed,
    Choice,
    EndedBy,
    Error,
    IncidentKind,
    OperatorActed,
    Outcome,
)
from ee_core.model.facts import OperatorCommanded
from ee_core.model.ids import NodeId
from ee_core.model.job import Incident, Job, Visit, VisitStatus
from ee_core.model.limits import MAX_OUTPUT_BYTES

# `nodes.<id>.error.code` when a person failed the node because of an incident.
_CODES: Final[Mapping[IncidentKind, str]] = {
    IncidentKind.NO_BRANCH_TAKEN: "no_branch_taken",
    IncidentKind.EXPRESSION: "expression",
    IncidentKind.NO_BOT: "no_bot",
    IncidentKind.PLUGIN_MISSING: "plugin_missing",
    IncidentKind.LOST: "lost",
    IncidentKind.CONFLICT: "conflict",
    IncidentKind.OVERSIZE: "oversize",
    IncidentKind.JOIN_STUCK: "join_stuck",
    IncidentKind.RUNAWAY: "runaway",
}


def decide_operator(job: Job, fact: OperatorCommanded) -> tuple[AnyEvent, ...] | Ignored:
    """Apply an answer once, if the incident is open and offers it."""
    if fact.id in job.applied:
        return Ignored("already_applied")
    if job.is_finished:
        return Ignored("finished")
    incident = job.incidents.get(fact.incident)
    if incident is None:
        return Ignored("incident_closed")
    if fact.choice not in incident.choices:
        return Ignored("choice_not_offered")
    if job.runaway not in {None, incident.id}:
        return Ignored("runaway")
    if fact.choice is Choice.SKIP and (json_size(fact.output) or MAX_OUTPUT_BYTES + 1) > MAX_OUTPUT_BYTES:
        return Ignored("too_large")
    draft = Draft(job, fact.at_us)
    draft.events.append(OperatorActed(fact.id, fact.choice.value, fact.who, fact.reason))
    if incident.node is not None:
        _answer_for_node(draft, incident, incident.node, fact)
    elif incident.visit is not None:
        draft.close_incident(incident.id, fact.choice.value)
        _ANSWERS[fact.choice](draft, job.visits[incident.visit], incident, fact)
    return conclude(draft)


# -- incidents of a visit --------------------------------------------------------------------------------------


def _retry(draft: Draft, visit: Visit, _incident: Incident, _fact: OperatorCommanded) -> None:
    if not has_tried_to_leave(draft, visit):
        try_again(draft, visit)
        return
    move_on(draft, visit, is_failed=visit.status is VisitStatus.FAILED)
    if not visit.ended and visit.id not in draft.troubles:
        draft.pass_through(visit.node)


def _skip(draft: Draft, visit: Visit, _incident: Incident, fact: OperatorCommanded) -> None:
    draft.payload_bytes += json_size(fact.output) or 0
    succeed(draft, visit, visit.last_attempt, fact.output, by=Choice.SKIP.value)


def _take_result(draft: Draft, visit: Visit, incident: Incident, fact: OperatorCommanded) -> None:
    late = visit.result()
    if late is None:
        raise AssertionError(f"incident {incident.id} offers a result that is not there")
    if late.kind == "succeeded":
        draft.payload_bytes += json_size(late.output) or 0
        succeed(draft, visit, late.attempt, late.output, by=Choice.TAKE_RESULT.value)
    else:
        fail(draft, visit, late.attempt, late.error or _error(incident, fact))


def _fail(draft: Draft, visit: Visit, incident: Incident, fact: OperatorCommanded) -> None:
    fail(draft, visit, 0, _error(incident, fact), by=EndedBy.OPERATOR)


_ANSWERS: Final[Mapping[Choice, Callable[[Draft, Visit, Incident, OperatorCommanded], None]]] = {
    Choice.RETRY: _retry,
    Choice.SKIP: _skip,
    Choice.TAKE_RESULT: _take_result,
    Choice.FAIL: _fail,
}


# -- incidents of a join or of the job ---------------------------------------------------------------------------


def _answer_for_node(draft: Draft, incident: Incident, node: NodeId, fact: OperatorCommanded) -> None:
    error = _error(incident, fact)
    if incident.kind is IncidentKind.RUNAWAY:
        draft.close_incident(incident.id, fact.choice.value)
        draft.finish(Outcome.FAILED, EndedBy.OPERATOR, error=error)
        return
    join = draft.workflow.graph.index[node]
    tokens.release(draft, join, fact.choice.value)
    if fact.choice is Choice.FIRE_JOIN:
        tokens.fire(draft, join)
        return
    # what would have become a visit fails as one; a join N cancels nothing then
    visit = tokens.take(draft, join, cancels=False)
    draft.events.append(AttemptFailed(visit, 0, error))
    draft.fail(join, error)
    give_up(draft, visit, join, error, by=EndedBy.OPERATOR)


def _error(incident: Incident, fact: OperatorCommanded) -> Error:
    return Error(
        _CODES[incident.kind], f"{incident.text}; failed by {fact.who or 'an operator'}: {fact.reason}"
    )
