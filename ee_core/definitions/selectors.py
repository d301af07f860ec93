"""What nodes select bots by, held against bots that are known: a misspelt label finds none, and its job waits for ever.

Only bots that serve a node's type are looked at: where none of them does, other bots will, of which nothing is known.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W405  no given bot that serves the activity type is one of those that the node selects (a warning)
======== ==========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ee_core.definitions.diagnostics import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ee_core.definitions.diagnostics import Report
    from ee_core.definitions.draft import Draft
    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import BotSelector

_POOL: Final = "pool"


@dataclass(frozen=True, slots=True)
class KnownBot:
    """A bot that is given to a check."""

    id: str
    activities: Collection[str]  # the types that it serves
    labels: Mapping[str, str] = field(default_factory=dict)


def check_selectors(draft: Draft, bots: Sequence[KnownBot], report: Report) -> None:
    """Warn about nodes that select none of the given bots that could serve them."""
    for node in draft.workflow.nodes:
        activity = node.activity
        if activity is None or activity.stateless:
            continue
        serving = [bot for bot in bots if activity.type in bot.activities]
        if serving and not any(_is_selected(bot, activity.bot) for bot in serving):
            _report(draft, node.id, activity.type, activity.bot, serving, report)


def _wanted(selector: BotSelector) -> dict[str, str]:
    return {**selector.labels, **({_POOL: selector.pool} if selector.pool else {})}


def _is_selected(bot: KnownBot, selector: BotSelector) -> bool:
    is_of_id = selector.id in {"", bot.id}
    return is_of_id and all(bot.labels.get(name) == value for name, value in _wanted(selector).items())


def _report(
    draft: Draft,
    node: NodeId,
    served: str,
    selector: BotSelector,
    bots: Sequence[KnownBot],
    report: Report,
) -> None:
    """Tell each part of a selector that no bot has, or that no bot has them all."""
    places = draft.places.selectors.get(node, {})
    there = "; ".join(_described(bot) for bot in bots)
    found = False
    if selector.id and selector.id not in {bot.id for bot in bots}:
        found = True
        hint = did_you_mean(selector.id, [bot.id for bot in bots], "leave the id out, or name one of these")
        place = places.get("id") or draft.places.of(node)
        report.warn(
            "EE-W405", place, f"no given bot that serves {served!r} has the id {selector.id!r}: {there}", hint
        )
    for name, value in _wanted(selector).items():
        values = [bot.labels[name] for bot in bots if name in bot.labels]
        if value in values:
            continue
        found = True
        hint = did_you_mean(value, values) if values else did_you_mean(name, _names(bots))
        hint = hint or "write what a bot has, or give the label to the bot"
        place = places.get(name) or draft.places.of(node)
        report.warn(
            "EE-W405", place, f"no given bot that serves {served!r} has {name}={value}: {there}", hint
        )
    if not found:
        message = f"no given bot that serves {served!r} has all of what this selects: {there}"
        report.warn("EE-W405", draft.places.of(node), message, "select what one bot has")


def _names(bots: Sequence[KnownBot]) -> list[str]:
    return sorted({name for bot in bots for name in bot.labels})


def _described(bot: KnownBot) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(bot.labels.items()))
    return f"{bot.id!r} has {labels or 'no labels'}"
