"""Starts this process again when a plugin blocks the engine's loop for too long; without that plugin."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ee_core.cli.exits import Exit
from ee_core.cli.output import say
from ee_core.engine.watchdog import Watchdog

if TYPE_CHECKING:
    from ee_core.engine import Parts

_DISABLED = "EE_PLUGINS_DISABLED"


def guarded(parts: Parts) -> Watchdog:
    """Return the watchdog of an engine that this process runs.

    What the engine had not made durable is not done, and what was on its way comes again: a restart loses nothing.
    """
    settings = parts.settings.engine
    return Watchdog(
        parts.env, warn_s=settings.block_warn_s, limit_s=settings.block_limit_s, on_limit=_start_again
    )


def _start_again(plugin: str) -> None:
    disabled = os.environ.get(_DISABLED, "")  # noqa: TID251 - handed on to the process that takes this one's place
    if not plugin or plugin in disabled.split(","):
        say("the engine's loop is blocked and no plugin can be named: the engine ends; start it again")
        os._exit(Exit.UNEXPECTED)
    say(f"plugin {plugin!r} blocks the engine: it starts again without it")
    os.environ[_DISABLED] = f"{disabled},{plugin}".strip(",")  # noqa: TID251 - likewise
    os.execv(sys.executable, [sys.executable, "-m", "ee_core.cli", *sys.argv[1:]])  # noqa: S606 - our own command line
