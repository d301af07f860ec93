"""The warnings about a workflow file that is submitted, as far as the engine's bots leave them true."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ee_core.definitions.diagnostics import did_you_mean
from ee_core.messages.jobs import QueryJobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.client import Client
    from ee_core.definitions import Definition
    from ee_core.definitions.diagnostics import Diagnostic

_UNSERVED: Final = "EE-W401"  # nothing here serves the activity type; here are no bots
_CURE: Final = "start a bot that serves it with `eectl bot run FILE`, unless the engine has the plugin"


async def find_warnings(client: Client, definition: Definition) -> list[Diagnostic]:
    """Return the warnings of a file; which activity types nobody serves is asked of the engine, if there are any such."""
    found = definition.diagnostics
    if all(each.code != _UNSERVED for each in found):
        return list(found)
    bots = await client.query(QueryJobs(what="bots"))
    served = {activity for row in bots for activity in row["activities"]}
    wanted = {node.activity.type for node in definition.workflow.nodes if node.activity is not None}
    hints = {repr(each): did_you_mean(each, served, _CURE) for each in wanted - served}
    return [told for each in found if (told := _hold_against(each, hints)) is not None]


def _hold_against(found: Diagnostic, hints: Mapping[str, str]) -> Diagnostic | None:
    """Return a warning, with a hint of these if it is about an activity type; None: a bot serves that.

    Args:
        hints: By the name of an activity type that no bot serves, in quotes as a message has it.
    """
    if found.code != _UNSERVED:
        return found
    hint = next((hint for name, hint in hints.items() if name in found.message), None)
    return None if hint is None else replace(found, hint=hint)
