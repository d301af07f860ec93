"""The rule of each asking hook: how the answers of several plugins become one.

The rules stand in the hooks' own texts (`ee_core.hookspecs`); a hook that only observes has none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ee_core.contracts.hooks import GIVE_UP, AdmissionRequest, EngineLoad, GiveUp, Hold, Refuse
from ee_core.errors import PluginError
from ee_core.model.ids import BotId
from ee_core.model.workflow import Node
from ee_core.registry.calls import CORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ee_core.contracts.hooks import BotView, FailedAttempt, NodeDraft, VisitView, WorkflowDraft
    from ee_core.model.events import Error
    from ee_core.model.ids import JobId, VisitId
    from ee_core.registry.calls import HookCalls

_HEADER: Final = re.compile(r"x-[a-z0-9-]{1,62}")
_CORE_HEADER: Final = "x-ee-"
_MAX_HEADER_VALUE: Final = 256


def expand_node(hooks: HookCalls, node: NodeDraft, workflow: WorkflowDraft) -> Sequence[Node] | None:
    """Return the nodes of the core's kinds that plugins write for a node, or None when none knows its kind.

    Raises:
        PluginError: A plugin raised, or answered something else than nodes: the workflow cannot be loaded, since its
            content would depend on who failed.
    """
    answer = hooks.ask_or_raise("ee_expand_node", node=node, workflow=workflow)
    if answer is None:
        return None
    nodes = answer.value
    if not isinstance(nodes, list | tuple) or not all(isinstance(one, Node) for one in nodes):
        raise PluginError(
            f"plugin {answer.plugin!r}: hook ee_expand_node answered {nodes!r:.100}, not a sequence of nodes",
            group="ee.hooks",
            name=answer.plugin,
        )
    return nodes


def choose_retry(hooks: HookCalls, visit: VisitView, attempt: FailedAttempt, error: Error) -> int | GiveUp:
    """Return the delay in milliseconds before the next attempt, or that there is none."""

    def is_possible(answer: Any) -> bool:
        return answer is GIVE_UP or (type(answer) is int and answer >= 0)

    answer = hooks.ask_first("ee_choose_retry", is_possible, visit=visit, attempt=attempt, error=error)
    return GIVE_UP if answer is None else answer.value


def choose_bot(hooks: HookCalls, visit: VisitView, candidates: Sequence[BotView]) -> BotId:
    """Return the bot that gets a visit; nobody is asked about a single one.

    Args:
        candidates: At least one, least recently used first.
    """
    if len(candidates) > 1:
        known = {candidate.id for candidate in candidates}

        def is_possible(answer: Any) -> bool:
            return isinstance(answer, str) and answer in known

        answer = hooks.ask_first("ee_choose_bot", is_possible, visit=visit, candidates=tuple(candidates))
        if answer is not None:
            return BotId(answer.value)
    return candidates[0].id


def admit_job(hooks: HookCalls, request: AdmissionRequest, load: EngineLoad) -> Refuse | Hold | None:
    """Return the strictest answer: Refuse before Hold before None."""
    strictest: Refuse | Hold | None = None
    for answer in hooks.ask_all("ee_admit_job", request=request, load=load):
        match answer.value:
            case Refuse():
                if not isinstance(strictest, Refuse):
                    strictest = answer.value
            case Hold():
                strictest = strictest or answer.value
            case other:
                hooks.report(answer.plugin, "ee_admit_job", f"answered {other!r}, not Refuse, Hold or None")
    return strictest


def add_headers(
    hooks: HookCalls, subject: str, job: JobId | None = None, visit: VisitId | None = None
) -> dict[str, str]:
    """Return the headers that plugins add to a message; the core's own last, so that they stay."""
    merged: dict[str, str] = {}
    for answer in hooks.ask_all("ee_add_headers", subject=subject, job=job, visit=visit):
        is_ours = answer.plugin == CORE  # ids, which need no second look for each message
        merged |= answer.value if is_ours else _check_headers(hooks, answer.plugin, answer.value)
    return merged


def _check_headers(hooks: HookCalls, plugin: str, headers: Mapping[str, str]) -> dict[str, str]:
    try:
        items = dict(headers).items()
    except (TypeError, ValueError):
        hooks.report(plugin, "ee_add_headers", f"answered {headers!r}, which is no mapping")
        return {}
    good = {name: value for name, value in items if _is_header(name, value)}
    if len(good) < len(items):
        bad = sorted(repr(name) for name, _ in items if name not in good)
        hooks.report(plugin, "ee_add_headers", f"gave headers that are not allowed: {', '.join(bad)}")
    return good


@lru_cache(maxsize=1024)
def _is_name(name: str) -> bool:
    return _HEADER.fullmatch(name) is not None


def _is_header(name: Any, value: Any) -> bool:
    if not isinstance(name, str) or not isinstance(value, str) or not _is_name(name):
        return False
    if name.startswith(_CORE_HEADER):
        return False
    return len(value) <= _MAX_HEADER_VALUE and value.isprintable()
