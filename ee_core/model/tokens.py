"""How tokens move: gateways, joins and ends (R1-R8, R13, R14, R29). Node kinds are a closed set here.

Tokens of one decision move in the order in which they set out, one pointer at a time, until each has come to rest:
in an activity, in a join, in an incident. Then joins are looked at, one fires, its output comes to rest, and so on.
The first token that reaches an End ends all of it. Nothing here opens an incident at once: an End would take it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ee_core.errors import ExpressionError
from ee_core.model.context import CURE, scope_of, values_read
from ee_core.model.draft import Draft, Trouble
from ee_core.model.events import (
    Choice,
    EndedBy,
    IncidentKind,
    JoinFired,
    Outcome,
    TokenQueued,
    TokensDropped,
    VisitCancelled,
    VisitCreated,
    VisitRouted,
    VisitVanished,
)
from ee_core.model.expression import Program
from ee_core.model.ids import NodeId, VisitId
from ee_core.model.limits import MAX_HOPS, MAX_TOKENS, MAX_VISITS
from ee_core.model.workflow import NodeKind

_SHOWN_POINTERS: Final = 20  # in the detail of an incident
_SHOWN_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Runaway:
    """The tokens of a decision do not come to rest within the limits (R29)."""

    node: NodeId  # where it was noticed
    what: str  # which limit


# -- setting out ---------------------------------------------------------------------------------------------


def start(draft: Draft) -> None:
    """Let the first token set out to the start (R1)."""
    _begin_moves(draft)
    draft.moving.append((None, 0, draft.workflow.graph.start))


def route(draft: Draft, visit: VisitId, node: int) -> None:
    """Let the token of a visit leave by the pointers its node chooses, or stay there in trouble (R2, R5-R7)."""
    slots = _choose(draft, node)
    if isinstance(slots, Trouble):
        draft.troubles[visit] = slots
    else:
        follow(draft, visit, node, slots)


def follow(draft: Draft, visit: VisitId, node: int, slots: tuple[int, ...]) -> None:
    """Let the token of a visit leave by these pointers."""
    _begin_moves(draft)
    draft.events.append(VisitRouted(visit, slots))
    draft.leave(visit, node)
    _set_out(draft, visit, node, slots)


def vanish(draft: Draft, visit: VisitId, node: int) -> None:
    """Let a failed token stop travelling (R11 `finish`)."""
    _begin_moves(draft)
    draft.events.append(VisitVanished(visit))
    draft.leave(visit, node)


def _begin_moves(draft: Draft) -> None:
    if draft.mark is None:
        draft.mark = len(draft.events)


def _set_out(draft: Draft, visit: VisitId, node: int, slots: tuple[int, ...]) -> None:
    graph = draft.workflow.graph
    out = graph.out[node]
    for slot in slots:
        draft.moving.append((visit, slot, graph.arrows[out[slot]].target))


# -- choosing pointers -----------------------------------------------------------------------------------------


def _choose(draft: Draft, node: int) -> tuple[int, ...] | Trouble:
    fixed = draft.workflow.fixed[node]
    if fixed is not None:
        return fixed
    content = draft.workflow.nodes[node]
    chosen: list[int] = []
    for slot, program in enumerate(draft.workflow.programs[node]):
        if content.pointers[slot].otherwise:
            continue
        if program is not None:
            try:
                is_true = _evaluate(program, draft)
            except ExpressionError as error:
                return _broken(draft, node, slot, program, error)
            if not is_true:
                continue
        chosen.append(slot)
        if content.kind is NodeKind.EXCLUSIVE:
            break
    if not chosen:
        chosen = [slot for slot, pointer in enumerate(content.pointers) if pointer.otherwise]
        if content.kind is NodeKind.EXCLUSIVE:
            del chosen[1:]
    return tuple(chosen) or _no_branch(draft, node)


def _evaluate(program: Program, draft: Draft) -> bool:
    value = program.evaluate(scope_of(draft))
    if not isinstance(value, bool):
        raise ExpressionError(
            f"a condition must be true or false, this one gave {value!r:.80}", source=program.source
        )
    return value


def _broken(draft: Draft, node: int, slot: int, program: Program, error: ExpressionError) -> Trouble:
    content = draft.workflow.nodes[node]
    target = content.pointers[slot].to
    return Trouble(
        IncidentKind.EXPRESSION,
        (Choice.RETRY, Choice.FAIL),
        f"the condition of the pointer from {content.id!r} to {target!r} failed: {error};"
        f" fail the node, {CURE}",
        {
            "expression": error.source or program.source,
            "pointer": target,
            "column": error.column,
            "error": str(error),
            "values": values_read((program,), scope_of(draft)),
        },
    )


def _no_branch(draft: Draft, node: int) -> Trouble:
    content = draft.workflow.nodes[node]
    programs = tuple(program for program in draft.workflow.programs[node] if program is not None)
    return Trouble(
        IncidentKind.NO_BRANCH_TAKEN,
        (Choice.RETRY, Choice.FAIL),
        f"no pointer of node {content.id!r} can be followed: no condition is true and there is no 'otherwise';"
        f" fail the node, {CURE}",
        {
            "expressions": [
                {"expression": pointer.when[:_SHOWN_CHARACTERS], "pointer": pointer.to}
                for pointer in content.pointers[:_SHOWN_POINTERS]
            ],
            "values": values_read(programs, scope_of(draft)),
        },
    )


# -- coming to rest ----------------------------------------------------------------------------------------------


def settle(draft: Draft) -> Runaway | None:
    """Move all tokens to rest, and fire joins until none is ready.

    Returns:
        None, or why it was given up; then the draft holds moves that must be rolled back.
    """
    runaway = _rest(draft)
    while runaway is None and draft.finished is None:
        join = _find_ready(draft)
        if join is None:
            return None
        draft.hops += 1
        fire(draft, join)
        runaway = _rest(draft)
    return runaway


def _rest(draft: Draft) -> Runaway | None:
    moving = draft.moving
    nodes = draft.workflow.nodes
    while moving and draft.finished is None:
        source, slot, target = moving.popleft()
        draft.hops += 1
        limit = _find_limit(draft)
        if limit:
            return Runaway(draft.workflow.graph.nodes[target], limit)
        kind = nodes[target].kind
        if kind is NodeKind.JOIN and source is not None:
            _queue(draft, source, slot, target)
            continue
        visit = draft.name_visit(target)
        draft.events.append(VisitCreated(visit, source, slot))
        _ARRIVE[kind](draft, visit, target)
    return None


def _find_limit(draft: Draft) -> str:
    """Return the limit that one more arrival would break, "" if none."""
    if draft.hops > MAX_HOPS:
        return f"more than {MAX_HOPS} moves in one step"
    if draft.living + draft.queued + len(draft.moving) >= MAX_TOKENS:
        return f"more than {MAX_TOKENS} tokens"
    if draft.visits >= MAX_VISITS:
        return f"more than {MAX_VISITS} visits"
    return ""


def _stay(draft: Draft, visit: VisitId, node: int) -> None:
    draft.arrive(visit, node)


def _pass(draft: Draft, visit: VisitId, node: int) -> None:
    draft.arrive(visit, node)
    slots = _choose(draft, node)
    if isinstance(slots, Trouble):
        draft.troubles[visit] = slots
        return
    draft.pass_through(node)
    follow(draft, visit, node, slots)


def _end(draft: Draft, visit: VisitId, node: int) -> None:
    draft.events.append(VisitVanished(visit))
    says_failed = draft.workflow.nodes[node].outcome == "failed"
    is_failed = says_failed or draft.failure is not None
    draft.finish(Outcome.FAILED if is_failed else Outcome.SUCCEEDED, EndedBy.END, error=draft.failure)
    draft.forget_visits()


_ARRIVE: Final[Mapping[NodeKind, Callable[[Draft, VisitId, int], None]]] = {
    NodeKind.START: _pass,
    NodeKind.ACTIVITY: _stay,
    NodeKind.PARALLEL: _pass,
    NodeKind.JOIN: _pass,  # only as the start: no pointer led here, so there is no input to wait in
    NodeKind.EXCLUSIVE: _pass,
    NodeKind.INCLUSIVE: _pass,
    NodeKind.END: _end,
}


# -- joins (R3, R4) ------------------------------------------------------------------------------------------------


def _queue(draft: Draft, source: VisitId, slot: int, join: int) -> None:
    graph = draft.workflow.graph
    node = draft.workflow.graph.index[NodeId(source.rpartition("#")[0])]
    draft.events.append(TokenQueued(graph.nodes[join], source, slot))
    draft.change_queue(join, graph.input_of[graph.out[node][slot]] - graph.first_input[join], 1)


def _find_ready(draft: Draft) -> int | None:
    own = draft.workflow.graph.own
    for join in draft.joins_with_tokens():
        filled = draft.filled(join)
        wanted = _wanted(draft, join)
        if wanted is not None:
            if filled.bit_count() >= wanted:
                return join
            continue
        empty = own[join] & ~filled
        if not empty or not any(mask & empty for mask in draft.travelling()):
            return join
    return None


def _wanted(draft: Draft, join: int) -> int | None:
    """Return how many inputs a join counts; None: `reachable`."""
    rule = draft.workflow.nodes[join].join
    if isinstance(rule, int):
        return rule
    return len(draft.workflow.graph.inputs[join]) if rule == "all" else None


def find_stuck(draft: Draft) -> list[int]:
    """Hold the joins `all` and `N` that can never become ready, lowest rank first; settle before.

    The tokens in one of them travel from then on, so that the joins behind it still await them.
    """
    stuck = []
    for join in draft.joins_with_tokens():
        wanted = _wanted(draft, join)
        if wanted is None or draft.incident_of(join) is not None:
            continue
        hope = draft.filled(join)
        for mask in draft.travelling():
            hope |= mask
        if (hope & draft.workflow.graph.own[join]).bit_count() < wanted:
            draft.change_travelling(join, 1)
            stuck.append(join)
    return stuck


def fire(draft: Draft, join: int) -> None:
    """Let a join become a visit with one token from each filled input, and that set out."""
    visit = take(draft, join)
    draft.pass_through(join)
    follow(draft, visit, join, tuple(range(len(draft.workflow.nodes[join].pointers))))


def take(draft: Draft, join: int, *, cancels: bool = True) -> VisitId:
    """Make the visit of a join that fires; a join N cancels the rest (R3)."""
    _begin_moves(draft)
    release(
        draft, join, "gone"
    )  # no graph is known where it comes to this: a question may not outlive its reason
    lengths = draft.queue_lengths(join)
    places = tuple(place for place, length in enumerate(lengths) if length)
    empties = cancels and isinstance(draft.workflow.nodes[join].join, int)
    visit = draft.name_visit(join)
    draft.events.append(JoinFired(visit, places, empties))
    for place in places:
        draft.change_queue(join, place, -lengths[place] if empties else -1)
    if empties:
        _cancel_rest(draft, join)
    draft.arrive(visit, join)
    return visit


def release(draft: Draft, join: int, by: str) -> None:
    """Close a join's incident if one is open; its tokens travel no longer."""
    incident = draft.incident_of(join)
    if incident is not None:
        draft.close_incident(incident, by)
        draft.change_travelling(join, -1)


def _cancel_rest(draft: Draft, join: int) -> None:
    graph = draft.workflow.graph
    own = graph.own[join]
    for visit, node in [item for item in draft.live_visits() if graph.reach[item[1]] & own]:
        existing = draft.job.visits.get(visit)
        incident = existing.incident if existing is not None else None
        if incident is not None and incident not in draft.closed:
            draft.close_incident(incident, "superseded")
        draft.events.append(VisitCancelled(visit))
        draft.leave(visit, node)
    for other in draft.joins_with_tokens():
        if other != join and graph.reach[other] & own:
            release(draft, other, "superseded")
            lengths = draft.queue_lengths(other)
            draft.events.append(TokensDropped(graph.nodes[other], tuple(lengths)))
            for place, length in enumerate(lengths):
                if length:
                    draft.change_queue(other, place, -length)
