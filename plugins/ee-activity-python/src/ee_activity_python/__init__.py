"""The activity type ``python`` for EE: functions that the configuration names, never a workflow or a message.

This module is what the entry point names. It holds the hook alone: who only lists plugins need not load the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityType

EE_API = 1


@hookimpl
def ee_open_activity(settings: Mapping[str, Any]) -> ActivityType:
    """Make the activity type; `ee_activity_python.settings` says what may be set."""
    from ee_activity_python.activity import PythonActivity  # noqa: PLC0415 - see above
    from ee_activity_python.settings import read_settings  # noqa: PLC0415 - see above

    return PythonActivity(read_settings(settings))
