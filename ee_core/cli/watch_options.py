"""The options of the commands that watch a job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS: Final = re.compile(r"\d+(?:\.\d+)?")


class Duration(click.ParamType[float]):
    """A time as ``30s``, ``1h30m`` or a number of seconds; its value is float seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a duration."""
        from ee_core.definitions.durations import parse_duration_ms

        text = str(value)
        if _SECONDS.fullmatch(text):
            return float(text)
        duration_ms = parse_duration_ms(text)
        if duration_ms is None:
            self.fail(f"{text!r} is no duration; write it as 30s, 5m, 1h30m, or in seconds", param, ctx)
        return duration_ms / 1000


def watch_options(*, timeout: str, interrupt: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--timeout`` (as `timeout_s`) and ``--cancel-on-interrupt`` to a command.

    Args:
        timeout: What the help says of the first.
        interrupt: Likewise of the second.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command = click.option("--cancel-on-interrupt", is_flag=True, default=False, help=interrupt)(command)
        return click.option("--timeout", "timeout_s", type=Duration(), metavar="DURATION", help=timeout)(
            command
        )

    return add


def check_unwatched(options: Mapping[str, Any]) -> None:
    """Make sure that a command which does not watch is given nothing that is about watching.

    Raises:
        click.UsageError: It is.
    """
    for flag, is_given in (
        ("--timeout", options["timeout_s"] is not None),
        ("--cancel-on-interrupt", options["cancel_on_interrupt"]),
    ):
        if is_given:
            raise click.UsageError(f"{flag} is about watching, and does nothing here; say --watch, too")
