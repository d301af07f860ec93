"""Ctrl-C while a job is watched: the first one asks to stop, the second one ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ee_core.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def on_interrupt(ask: Callable[[], object]) -> Iterator[None]:
    """Call `ask` in the running loop at the first Ctrl-C, and leave the process at the second.

    Once asked it stays so also after the context: what then closes may take its time, and the second Ctrl-C is not to wait
    for that. Outside the main thread, which gets no signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    is_asked = False

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_asked
        if is_asked:
            _leave()
        is_asked = True
        loop.call_soon_threadsafe(ask)

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        if not is_asked:
            signal.signal(signal.SIGINT, before)


def _leave() -> None:
    """End the process as a crash would: whatever is to outlive it is in a journal, or with the engine."""
    with suppress(OSError, ValueError):  # a stdout that is closed has no cursor
        if sys.stdout.isatty():
            # not through the buffer: the signal may have come while that was written to
            os.write(sys.stdout.fileno(), _SHOW_CURSOR)
    os._exit(Exit.INTERRUPTED)
