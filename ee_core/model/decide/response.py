"""What a bot's answer means for the attempt it is about (R11, R16-R20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ee_core.model.decide.begin import assign, json_size
from ee_core.model.decide.ignored import Ignored
from ee_core.model.decide.silence import by_whom, lose
from ee_core.model.decide.token import conclude, fail, succeed
from ee_core.model.draft import Draft, Trouble
from ee_core.model.events import (
    AnyEvent,
    AssignmentVoided,
    AttemptFailed,
    BotDrained,
    Choice,
    Error,
    IncidentKind,
    LateResponse,
)
from ee_core.model.facts import ResponseKind, ResponseReceived
from ee_core.model.job import Attempt, AttemptStatus, Job, Visit
from ee_core.model.limits import MAX_OUTPUT_BYTES
from ee_core.model.retry import covers, give_up

Decided = tuple[AnyEvent, ...] | Ignored

_REACTORS: Final = frozenset({ResponseKind.ACCEPTED, ResponseKind.HEARTBEAT, ResponseKind.BUSY})
_TERMINAL: Final = frozenset(
    {ResponseKind.SUCCEEDED, ResponseKind.FAILED, ResponseKind.STOPPED, ResponseKind.LOST}
)


def decide_response(job: Job, fact: ResponseReceived) -> Decided:
    """Decide a bot's answer: the first terminal one of an attempt counts, if it comes from its bot."""
    if fact.kind in _REACTORS:
        return Ignored("not_decided")
    visit = job.visits.get(fact.visit)
    attempt = visit.find_attempt(fact.attempt) if visit is not None else None
    if visit is None or attempt is None:
        return Ignored("unknown_attempt")
    if attempt.fence != fact.fence:
        return Ignored("stale_fence")
    if attempt.bot is not None and attempt.bot != fact.bot:
        return Ignored("wrong_bot")
    if attempt.status is not AttemptStatus.AWAITING:
        return _decide_late(visit, attempt, fact)
    draft = Draft(job, fact.at_us)
    if visit.incident is not None:  # NoBot or PluginMissing: somebody answered all the same
        draft.close_incident(visit.incident, "superseded")
    return _ANSWERS[fact.kind](draft, visit, attempt, fact)


# -- an attempt that is open ---------------------------------------------------------------------------------


def _succeeded(draft: Draft, visit: Visit, attempt: Attempt, fact: ResponseReceived) -> Decided:
    size = json_size(fact.output)
    if size is None or size > MAX_OUTPUT_BYTES:
        return _failed_for_good(draft, visit, attempt, _bad_output(size))
    draft.payload_bytes += size
    succeed(draft, visit, attempt.number, fact.output)
    return conclude(draft)


def _failed(draft: Draft, visit: Visit, attempt: Attempt, fact: ResponseReceived) -> Decided:
    error = fact.error or Error("failed", "the bot gave no reason")
    node = draft.workflow.nodes[visit.node]
    failed = 1 + sum(each.status is AttemptStatus.FAILED for each in visit.attempts)
    retry = None if node.activity is None else node.activity.retry
    if (
        retry is None
        or fact.retry_delay_ms is None
        or give_up(retry, failed)
        or not covers(retry, error.code, retryable=None)
    ):
        return _failed_for_good(draft, visit, attempt, error)
    draft.events.append(
        AttemptFailed(visit.id, attempt.number, error, draft.at_us + fact.retry_delay_ms * 1000)
    )
    return tuple(draft.events)


def _failed_for_good(draft: Draft, visit: Visit, attempt: Attempt, error: Error) -> Decided:
    fail(draft, visit, attempt.number, error)
    return conclude(draft)


def _said_lost(draft: Draft, visit: Visit, attempt: Attempt, fact: ResponseReceived) -> Decided:
    # `idle` about one attempt: the bot has written it down as stopped before it answered (section 6)
    why = "stopped" if fact.kind is ResponseKind.IDLE else fact.kind.value
    return lose(draft, visit, attempt, why, drains=False)


def _stale(draft: Draft, visit: Visit, attempt: Attempt, _fact: ResponseReceived) -> Decided:
    draft.events.append(AssignmentVoided(visit.id, attempt.number))
    activity = draft.workflow.nodes[visit.node].activity
    if activity is not None and activity.stateless:
        assign(draft, visit.id, visit.node, visit)
    return tuple(draft.events)


def _conflict(draft: Draft, visit: Visit, attempt: Attempt, _fact: ResponseReceived) -> Decided:
    """Ask a person: the bot has this attempt in its ledger from another assignment, or with another input.

    No drain: it is the bot's own word that it does not do this attempt (R16 is for bots without a word). Should it
    be busy with the other one, it refuses whatever is sent next as `busy`, and the request is repeated.
    """
    node = draft.workflow.graph.nodes[visit.node]
    trouble = Trouble(
        IncidentKind.CONFLICT,
        (Choice.RETRY, Choice.SKIP, Choice.FAIL),
        f"attempt {attempt.number} of node {node!r} is known{by_whom(attempt)} from another assignment, or with another"
        " input: perhaps it was done before the journal was put back from a copy, or somebody else gives work under"
        " this job's id; find out what was done, then retry it, skip it with an output, or fail it",
        {"attempt": attempt.number, "bot": attempt.bot, "input_hash": visit.input_hash},
    )
    draft.open_incident(trouble, visit=visit.id)
    return tuple(draft.events)


_ANSWERS: Final[Mapping[ResponseKind, Callable[[Draft, Visit, Attempt, ResponseReceived], Decided]]] = {
    ResponseKind.SUCCEEDED: _succeeded,
    ResponseKind.FAILED: _failed,
    ResponseKind.STOPPED: _said_lost,
    ResponseKind.LOST: _said_lost,
    ResponseKind.WRONG_LEDGER: _said_lost,
    ResponseKind.IDLE: _said_lost,
    ResponseKind.STALE: _stale,
    ResponseKind.CONFLICT: _conflict,
}


# -- an attempt that has ended -----------------------------------------------------------------------------------


def _decide_late(visit: Visit, attempt: Attempt, fact: ResponseReceived) -> Decided:
    if fact.kind is ResponseKind.IDLE and attempt.draining:
        return (BotDrained(visit.id, attempt.number),)
    if attempt.answered or fact.kind not in _TERMINAL:
        return Ignored("duplicate")
    if attempt.late is not None:
        return Ignored("late_duplicate")
    size = json_size(fact.output)
    if size is None or size > MAX_OUTPUT_BYTES:
        error = _bad_output(size)
        return (LateResponse(visit.id, attempt.number, ResponseKind.FAILED.value, None, error),)
    return (LateResponse(visit.id, attempt.number, fact.kind.value, fact.output, fact.error),)


# -- parts -----------------------------------------------------------------------------------------------------------


def _bad_output(size: int | None) -> Error:
    if size is None:
        return Error("output_invalid", "the output is no JSON value")
    return Error(
        "output_too_large",
        f"the output has {size} bytes, the limit is {MAX_OUTPUT_BYTES}; return large values by reference",
    )
