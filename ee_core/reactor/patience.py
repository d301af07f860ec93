"""Deadlines for what a bot has to say: silence counts only while this process would have heard it.

An engine may stand still, for a debugger, a snapshot of its machine, or a plugin that blocks the loop, and go on after
all its deadlines. What came meanwhile waits to be read then, so it gets the time for that first.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ee_core.reactor.timers import Timers

_STOOD_STILL_S: Final = 1.0  # so late, a deadline says nothing of the bot
_READS_S: Final = 5.0  # what has come meanwhile


def expect(timers: Timers, key: Hashable, within_s: float, silent: Callable[[], None]) -> None:
    """Call back unless the key is dropped in time; one who stood still at that time waits a little longer."""
    loop = asyncio.get_running_loop()
    due_s = loop.time() + max(within_s, 0.0)

    def over() -> None:
        if loop.time() > due_s + _STOOD_STILL_S:
            expect(timers, key, _READS_S, silent)
        else:
            silent()

    timers.set(key, within_s, over)
