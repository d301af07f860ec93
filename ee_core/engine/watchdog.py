"""Notices that something blocks the engine's loop, and says who.

A hook or an activity that does not return stops everything: heartbeats, timers, cancels. The loop ticks; a thread
looks at the ticks, and at the loop's stack when they stay away. The thread reads and never touches the engine. What
happens when the limit is passed is up to whoever started the engine: nothing durable is lost by ending the process.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from importlib.metadata import distributions, packages_distributions
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from ee_core.contracts.env import Env

_log: Final = logging.getLogger(__name__)
_OWN: Final = "ee-core"
_TICK_S: Final = 0.1
_SHOWN: Final = 12  # innermost lines of the stack


class Watchdog:
    """Watches the running loop inside its context; for real loops only.

    Args:
        warn_s: Say it after so long without a tick.
        limit_s: Call `on_limit` after so long.
        on_limit: Called once, from the watching thread, with the distribution of the plugin in which the loop
            stands; empty when there is none. It is expected to end the process.
    """

    def __init__(self, env: Env, *, warn_s: float, limit_s: float, on_limit: Callable[[str], None]) -> None:
        self._env = env
        self._warn_s = warn_s
        self._limit_s = limit_s
        self._on_limit = on_limit
        self._seen_s = env.boottime_s()
        self._stop = threading.Event()
        self._handle: asyncio.TimerHandle | None = None
        self._loop_thread = 0

    def __enter__(self) -> Self:
        self._loop_thread = threading.get_ident()
        self._tick()
        threading.Thread(target=self._watch, name="ee-watchdog", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._handle is not None:
            self._handle.cancel()

    def _tick(self) -> None:
        self._seen_s = self._env.boottime_s()
        self._handle = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _watch(self) -> None:
        has_warned = False
        before_s = self._env.boottime_s()
        while not self._stop.wait(_TICK_S):
            now_s = self._env.boottime_s()
            if now_s - before_s > self._warn_s:
                # this thread stood still too: the whole process or machine was suspended
                self._seen_s = now_s
            before_s = now_s
            late_s = now_s - self._seen_s
            if late_s > self._limit_s:
                self._on_limit(self._tell(late_s))
                return
            if late_s > self._warn_s and not has_warned:
                self._tell(late_s)
            has_warned = late_s > self._warn_s

    def _tell(self, late_s: float) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        if frame is None:
            return ""
        distribution = blame(frame)
        _log.error(
            "%s blocks the engine's loop for %.1f s:\n%s",
            f"plugin {distribution!r}" if distribution else "something",
            late_s,
            "".join(traceback.format_stack(frame)[-_SHOWN:]),
            extra={"action": "loop_blocked", "plugin": distribution},
        )
        return distribution


def blame(frame: FrameType) -> str:
    """Return the plugin's distribution whose code is innermost on a stack; "" when there is none."""
    plugins = {
        distribution.name
        for distribution in distributions()
        if distribution.name != _OWN and any(e.group.startswith("ee.") for e in distribution.entry_points)
    }
    owners = packages_distributions()
    current: FrameType | None = frame
    while current is not None:
        package = str(current.f_globals.get("__name__", "")).partition(".")[0]
        for name in owners.get(package, ()):
            if name in plugins:
                return name
        current = current.f_back
    return ""
