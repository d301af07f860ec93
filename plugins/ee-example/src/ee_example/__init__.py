"""An example plugin for EE. The entry point ``example`` in the group ``ee.activities`` names this module.

Keep such a module small: `eectl plugin list` imports it to check its hooks, and nothing else of the package is needed for
that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityType

EE_API = 1
"""The version of `ee_core.hookspecs` this was written for; another one refuses the plugin, and says so."""


@hookimpl
def ee_open_activity(settings: Mapping[str, Any]) -> ActivityType:
    """Make the activity type. A hook may leave out arguments it does not need: here ``name`` and ``env``."""
    from ee_example.greet import GreetActivity, read_settings  # noqa: PLC0415 - loaded when it is used, see above

    return GreetActivity(read_settings(settings))
