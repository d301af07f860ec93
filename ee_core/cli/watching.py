"""Watches a job for a person: a tree that moves on a terminal, else a line for each event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.cli.follow import follow
from ee_core.cli.lines import to_line
from ee_core.cli.output import is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.cli.exits import Exit
    from ee_core.cli.live import LiveView
    from ee_core.client import Client


async def watch_job(
    client: Client,
    job: str,
    tell: Callable[[str], None],
    *,
    answer: Callable[[Mapping[str, Any]], str | None],
    is_for_people: bool = True,
    timeout_s: float | None = None,
    stay: bool = False,
) -> Exit:
    """Watch a job until it is over. Raises as `follow`.

    Args:
        tell: Prints the line of an event where there is no tree.
        answer: Returns the command that answers an incident; None where no command reaches the job.
        is_for_people: Whether a tree may be painted on stdout.
    """
    view = _find_view(answer) if is_for_people and is_terminal() else None
    if view is not None:
        with view:
            return await follow(client, job, view.note, timeout_s=timeout_s, stay=stay, look=view.look)

    def show(at: str, event: dict[str, Any]) -> None:
        line = to_line(at, event)
        if line is not None:
            tell(line)

    return await follow(client, job, show, timeout_s=timeout_s, stay=stay)


def _find_view(answer: Callable[[Mapping[str, Any]], str | None]) -> LiveView | None:
    # rich takes time to import, and only a terminal has use for it
    from ee_core.cli.live import find_view
    from ee_core.local.env import SystemEnv

    return find_view(SystemEnv(), answer)
