"""How the process of a bot leaves at signals, and what it says of that to whoever gave them.

The first SIGTERM or SIGINT drains, the second stops, the third ends the process where it stands, as a crash would: the
ledger says then what was begun.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ee_core.bot.lifetime import HostSettings, Lifetime

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Farewell:
    """The signals that came to a bot's process, and what follows from them."""

    def __init__(
        self,
        bot: str,
        hosts: Sequence[Lifetime],
        settings: HostSettings,
        tell: Callable[[str], None],
    ) -> None:
        """Bind it.

        Args:
            hosts: All that this process is.
            tell: Called with a sentence about what comes next.
        """
        self._bot = bot
        self._hosts = hosts
        self._settings = settings
        self._tell = tell
        self._came = 0

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Obey signals inside this context; say at its end whether anything is owed."""
        loop = asyncio.get_running_loop()
        undo = [_on_signal(loop, number, self._obey) for number in _SIGNALS]
        try:
            yield
            if self._came:
                self._tell(self._last_word())
        finally:
            for restore in undo:
                restore()

    def _obey(self, number: int) -> None:
        self._came += 1
        again = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        if self._came > 2:
            os._exit(128 + number)
        # said before it is done: afterwards nothing may be running any more
        self._tell(self._first_word(again) if self._came == 1 else self._second_word(again))
        for host in self._hosts:
            host.drain() if self._came == 1 else host.stop()

    def _first_word(self, again: str) -> str:
        running = self._running()
        if running:
            return (
                f"bot {self._bot} finishes {running} and leaves then, however long that takes;"
                f" {again} again stops it within {self._settings.stop_grace_s:.0f} s"
            )
        if self._owed():
            return (
                f"bot {self._bot} leaves when the engine has its last answer, within"
                f" {self._settings.ack_grace_s:.0f} s; {again} again does not wait for that"
            )
        return f"bot {self._bot} leaves"

    def _second_word(self, again: str) -> str:
        running = self._running()
        if not running:
            return f"bot {self._bot} leaves at once"
        return (
            f"bot {self._bot} stops {running}, within {self._settings.stop_grace_s:.0f} s;"
            f" {again} again ends this process at once, and nobody knows then what was done"
        )

    def _last_word(self) -> str:
        lost = self._running()
        if lost:
            return f"bot {self._bot} has left {lost}, which does not stop: at its next start the bot answers that it is lost"
        if self._owed():
            return (
                f"bot {self._bot} has left; no engine has acknowledged its last answer, which is in its ledger"
                " and is sent again at its next start"
            )
        return f"bot {self._bot} has left"

    def _running(self) -> str:
        return " and ".join(text for host in self._hosts for text in host.works_on())

    def _owed(self) -> bool:
        return any(host.owes for host in self._hosts)


def _on_signal(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, react: Callable[[int], None]
) -> Callable[[], object]:
    try:
        loop.add_signal_handler(number, react, number)
    except NotImplementedError:  # Windows: the handler runs between two byte codes, so it only wakes the loop
        before = signal.signal(number, lambda got, _frame: loop.call_soon_threadsafe(react, got))
        return lambda: signal.signal(number, before)
    return lambda: loop.remove_signal_handler(number)
