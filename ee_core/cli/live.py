"""Paints a job on a terminal while it runs; what is painted is made by `tree`.

The last picture stays, whole, so what scrolls by is a log.
"""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ee_core.cli.tree import FINE, PLAIN, Sight, Times, to_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ee_core.cli.follow import Told
    from ee_core.contracts.env import Env

_FRAMES_PER_S: Final = 8.0


class LiveView:
    """A job on the terminal of stdout. A context manager: the picture moves while it is open.

    Args:
        answer: Returns the command that answers an incident, if one reaches the job.
    """

    def __init__(self, console: Console, env: Env, answer: Callable[[Mapping[str, Any]], str | None]) -> None:
        self._console = console
        self._env = env
        self._answer = answer
        self._times = Times()
        self._shown: dict[str, Any] | None = None
        self._is_over = False
        self._stack = ExitStack()

    def __enter__(self) -> LiveView:
        live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=_FRAMES_PER_S,
            vertical_overflow="crop",
            # what goes to stderr belongs above the picture only where it comes to the same terminal
            redirect_stderr=sys.stderr.isatty(),
        )
        before = sys.stderr
        self._stack.enter_context(live)
        self._stack.enter_context(_logs_moved(before))
        self._stack.callback(self._end)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def note(self, told: Told) -> None:
        """Take in an event."""
        self._times.note(told.at, told.event)

    def look(self, shown: dict[str, Any]) -> None:
        """Take in the job as it is now."""
        self._shown = shown

    def _end(self) -> None:
        self._is_over = True

    def _render(self) -> Text:
        # called by rich's thread, too: what the loop's thread puts into these is whole at each instant
        shown = self._shown
        if shown is None:
            return Text("")
        height = None if self._is_over else self._console.height
        signs = FINE if self._console.encoding.startswith("utf") else PLAIN
        sight = Sight(self._answer, self._console.width, height, signs)
        return self._paint(to_tree(shown, self._times, self._env.now(), sight), sight.width)

    @staticmethod
    def _paint(lines: list[Any], width: int) -> Text:
        painted = []
        for line in lines:
            text = Text.assemble(*line.pieces)
            if not line.folds:
                text.truncate(width, overflow="ellipsis")
            painted.append(text)
        return Text("\n", overflow="fold").join(painted)


def find_view(env: Env, answer: Callable[[Mapping[str, Any]], str | None]) -> LiveView | None:
    """Return a view on stdout, None where it is no terminal that can move its cursor."""
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    return LiveView(console, env, answer)


@contextmanager
def _logs_moved(before: Any) -> Iterator[None]:
    """Let log lines that went to stderr go above the picture, as everything else does."""
    moved = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is before
    ]
    for handler in moved:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in moved:
            handler.setStream(before)
