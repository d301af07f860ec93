"""Watches a job for a person: a tree that moves on a terminal, else a line for each event."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ee_core.cli.exits import Exit
from ee_core.cli.follow import follow
from ee_core.cli.interrupts import on_interrupt
from ee_core.cli.lines import Lines
from ee_core.cli.output import is_terminal, say
from ee_core.local.env import SystemEnv
from ee_core.messages.jobs import CancelJob

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from ee_core.cli.follow import Told
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
    cancel_on_interrupt: bool = False,
) -> Exit:
    """Watch a job until it is over, or Ctrl-C is pressed. Raises as `follow`.

    Args:
        tell: Prints the line of an event where there is no tree.
        answer: Returns the command that answers an incident; None where no command reaches the job.
        is_for_people: Whether a tree may be painted on stdout.
        cancel_on_interrupt: Whether Ctrl-C cancels the job, whose end is then waited for.
    """
    watching = _watch(client, job, tell, answer if is_for_people else None, timeout_s=timeout_s, stay=stay)
    return await _until_interrupted(client, job, watching, cancels=cancel_on_interrupt)


async def stream_job(
    client: Client,
    job: str,
    take: Callable[[Told], None],
    *,
    timeout_s: float | None = None,
    stay: bool = False,
    cancel_on_interrupt: bool = False,
) -> Exit:
    """Watch a job for a program, which takes each event and gets nothing else; as `watch_job`."""
    watching = follow(client, job, take, timeout_s=timeout_s, stay=stay)
    return await _until_interrupted(client, job, watching, cancels=cancel_on_interrupt)


async def _until_interrupted(
    client: Client, job: str, watching: Coroutine[Any, Any, Exit], *, cancels: bool
) -> Exit:
    pressed = asyncio.Event()
    with on_interrupt(pressed.set):
        press = asyncio.create_task(pressed.wait(), name="interrupt")
        watch = asyncio.create_task(watching, name=f"watch-{job}")
        try:
            await asyncio.wait({press, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not watch.done():
                if not cancels:
                    return Exit.INTERRUPTED
                say(f"interrupted; job {job} is being cancelled; Ctrl-C again does not wait for its end")
                await client.cancel(CancelJob(job=job, reason="Ctrl-C"))
            return await watch
        finally:
            for each in (press, watch):
                each.cancel()
            await asyncio.wait({press, watch})


async def _watch(
    client: Client,
    job: str,
    tell: Callable[[str], None],
    answer: Callable[[Mapping[str, Any]], str | None] | None,
    *,
    timeout_s: float | None,
    stay: bool,
) -> Exit:
    view = _find_view(answer) if answer is not None and is_terminal() else None
    if view is not None:
        with view:
            return await follow(client, job, view.note, timeout_s=timeout_s, stay=stay, look=view.look)

    lines = Lines(SystemEnv(), tell)
    return await follow(client, job, lines.note, timeout_s=timeout_s, stay=stay, look=lines.look)


def _find_view(answer: Callable[[Mapping[str, Any]], str | None]) -> LiveView | None:
    # rich takes time to import, and only a terminal has use for it
    from ee_core.cli.live import find_view

    return find_view(SystemEnv(), answer)
