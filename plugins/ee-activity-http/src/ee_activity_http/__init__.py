"""The activity type ``http`` for EE: one HTTP request, its answer as output.

This module is what the entry point names. It holds the hook alone: who only lists plugins need not load a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityType
    from ee_core.contracts.env import Env

EE_API = 1


@hookimpl
def ee_open_activity(settings: Mapping[str, Any], env: Env) -> ActivityType:
    """Make the activity type; `ee_activity_http.settings` says what may be set."""
    from ee_activity_http.activity import HttpActivity  # noqa: PLC0415 - see above
    from ee_activity_http.settings import read_settings  # noqa: PLC0415 - see above

    return HttpActivity(read_settings(settings), env)
