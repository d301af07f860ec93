"""What is said of a command that came when its job was over, and with which exit code.

Exit code 0 says that it is as was asked for, whoever did it: a job that was cancelled before is cancelled. What can not be
any more is a conflict, and a job that never came is not found, though a cancel that came first keeps its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.cli.exits import Exit
from ee_core.cli.output import say
from ee_core.messages.jobs import QueryJobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.client import Client


async def say_ended(client: Client, job: str, *, wanted: str = "") -> Exit:
    """Say how and when a job ended, and that nothing was done.

    Args:
        wanted: The outcome that the command asked for; empty: it asked for something that only an open job can do.
    """
    shown = await client.query(QueryJobs(what="job", job=job))
    text, code = describe_end(shown, wanted)
    if code is Exit.NOT_FOUND:
        from ee_core.cli.meant import find_near_job

        near = await find_near_job(client, job)
        text += f"; {near}" if near else ""
    say(text)
    return code


def describe_end(shown: Mapping[str, Any], wanted: str = "") -> tuple[str, Exit]:
    """Return what `say_ended` says of a job as `jobs.query` shows it, and the exit code."""
    job = shown["job"]
    if not shown["workflow"]:  # only a cancel knows it
        return f"job {job} is not known; a cancel lies ready for it, should it come", Exit.NOT_FOUND
    reason = f" ({shown['reason']})" if shown["reason"] else ""
    text = f"job {job} had ended already: {shown['outcome']}{reason} at {shown['finished']}; nothing was done"
    return text, Exit.OK if shown["outcome"] == wanted else Exit.CONFLICT
