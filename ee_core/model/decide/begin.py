"""How a visit's activity begins: its input is rendered once, and work that needs no bot is sent at once (R9a, R24)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ee_core.errors import ExpressionError
from ee_core.model.compiled import Rendered, to_rendered
from ee_core.model.context import CURE, scope_of, values_read
from ee_core.model.draft import Draft, Trouble
from ee_core.model.events import AttemptAssigned, Choice, IncidentKind
from ee_core.model.facts import BotGranted
from ee_core.model.ids import VisitId
from ee_core.model.job import Visit
from ee_core.model.limits import MAX_INPUT_BYTES, MAX_RECORD_BYTES, USUAL_EVENT_BYTES
from ee_core.model.workflow import Activity

# What msgspec raises for a value that is no JSON: a lone surrogate, a key that is no text, an integer too large.
_NOT_JSON: Final = (TypeError, ValueError, OverflowError, RecursionError)
_EVENTS_BYTES: Final = 8192  # left for the record around its events, and what comes after an input


def begin(draft: Draft, visit: VisitId, node: int) -> None:
    """Begin the activity of a visit made in this decision; one that needs a bot waits for it."""
    activity = draft.workflow.nodes[node].activity
    if activity is None:
        return
    if not activity.type:
        draft.open_incident(_unbound(draft, node, activity), visit=visit)
    elif activity.stateless:
        assign(draft, visit, node)


def assign(
    draft: Draft, name: VisitId, node: int, visit: Visit | None = None, grant: BotGranted | None = None
) -> None:
    """Record that an attempt is sent, or why its input cannot be.

    Args:
        draft: The decision.
        name: Of the visit.
        node: Its node.
        visit: Its state, None when it is made in this decision.
        grant: The bot; None for work that needs none.
    """
    rendered: Rendered | None = None
    if visit is None or not visit.input_hash:
        found = _render(draft, node)
        if isinstance(found, Trouble):
            draft.open_incident(found, visit=name)
            return
        rendered = found
        draft.payload_bytes += rendered.size
    timeouts = _activity(draft, node).timeouts
    deadline_us = None
    if timeouts.run_ms is not None:
        deadline_us = draft.at_us + (timeouts.accept_ms + timeouts.run_ms) * 1000
    draft.events.append(
        AttemptAssigned(
            visit=name,
            attempt=1 if visit is None else visit.last_attempt + 1,
            bot=None if grant is None else grant.bot,
            ledger=None if grant is None else grant.ledger,
            fence=None if grant is None else grant.fence,
            input=None if rendered is None else rendered.value,
            input_hash="" if rendered is None else rendered.hash,
            deadline_us=deadline_us,
        )
    )


def json_size(value: Any) -> int | None:
    """Return how many bytes a value has as JSON, None if it is none."""
    try:
        return len(msgspec.json.encode(value))
    except _NOT_JSON:
        return None


def _activity(draft: Draft, node: int) -> Activity:
    activity = draft.workflow.nodes[node].activity
    if activity is None:
        raise AssertionError(f"node {draft.workflow.graph.nodes[node]!r} has no activity")
    return activity


def _render(draft: Draft, node: int) -> Rendered | Trouble:
    rendered = draft.workflow.literals[node]
    if rendered is None:
        template = draft.workflow.templates[node]
        if template is None:
            raise AssertionError(f"node {draft.workflow.graph.nodes[node]!r} has no input")
        try:
            rendered = to_rendered(template.render(scope_of(draft)))
        except ExpressionError as error:
            return _broken(draft, node, error)
        except _NOT_JSON as error:
            return _broken(draft, node, ExpressionError(f"the input is no JSON value: {error}"))
    events = _EVENTS_BYTES + len(draft.events) * USUAL_EVENT_BYTES
    limit = min(MAX_INPUT_BYTES, MAX_RECORD_BYTES - events - draft.payload_bytes)
    return rendered if rendered.size <= limit else _oversize(draft, node, rendered, limit)


def _broken(draft: Draft, node: int, error: ExpressionError) -> Trouble:
    name = draft.workflow.graph.nodes[node]
    template = draft.workflow.templates[node]
    programs = () if template is None else template.programs
    failed = tuple(program for program in programs if program.source == error.source)
    return Trouble(
        IncidentKind.EXPRESSION,
        (Choice.RETRY, Choice.SKIP, Choice.FAIL),
        f"an expression in the input of node {name!r} failed: {error};"
        f" skip the node with an output, or fail it, {CURE}",
        {
            "expression": error.source,
            "column": error.column,
            "error": str(error),
            "values": values_read(failed or programs, scope_of(draft)),
        },
    )


def _oversize(draft: Draft, node: int, rendered: Rendered, limit: int) -> Trouble:
    name = draft.workflow.graph.nodes[node]
    key, size = _largest(rendered.value, rendered.size)
    # what is too large only beside the rest of this record fits into one of its own
    is_too_large_alone = rendered.size > MAX_INPUT_BYTES
    others = (Choice.SKIP, Choice.FAIL)
    cure = "pass large values by reference" if is_too_large_alone else "retry it by itself"
    return Trouble(
        IncidentKind.OVERSIZE,
        others if is_too_large_alone else (Choice.RETRY, *others),
        f"the input of node {name!r} has {rendered.size} bytes, {size} of them in {key or 'its value'!r}, and"
        f" {limit} is the limit here; {cure}, skip the node with an output, or fail it",
        {"node": name, "key": key, "bytes": rendered.size, "limit": limit},
    )


def _largest(value: Any, size: int) -> tuple[str, int]:
    """Return the member of an input that is largest, and its size; "" for an input that has none."""
    if not isinstance(value, dict) or not value:
        return "", size
    sizes = {key: to_rendered(member).size for key, member in value.items()}
    key = max(sizes, key=sizes.__getitem__)
    return key, sizes[key]


def _unbound(draft: Draft, node: int, activity: Activity) -> Trouble:
    name = draft.workflow.graph.nodes[node]
    return Trouble(
        IncidentKind.PLUGIN_MISSING,
        (Choice.SKIP, Choice.FAIL),
        f"node {name!r} has activity id {activity.unbound!r}, which is bound to no activity type;"
        " skip the node with an output, or fail it, and bind the id before the next job",
        {"activity_id": activity.unbound},
    )
