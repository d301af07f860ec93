"""What is said to somebody who skips a node and gives it no output, though another node reads one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.messages.jobs import QueryJobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.client import Client


async def find_warning(client: Client, job: str, incident: str) -> str:
    """Ask for a job whose node is about to be skipped without an output; returns what `describe_skip` does.

    Raises:
        NotFoundError: There is no such job.
    """
    return describe_skip(await client.query(QueryJobs(what="job", job=job)), incident)


def describe_skip(shown: Mapping[str, Any], incident: str) -> str:
    """Return what follows from a skip without an output; empty when nobody is known to read it.

    Args:
        shown: The job as `jobs.query` shows it.
        incident: Its id; it may be closed by now.
    """
    skipped = next((each for each in shown["incidents"] if each["incident"] == incident), None)
    readers = skipped.get("readers", ()) if skipped is not None else ()
    if skipped is None or not readers:
        return ""
    output = f"nodes.{skipped['visit'].rpartition('#')[0]}.output"
    return (
        f"warning: skipped without --output-value JSON, so {output!r} is null from now on,"
        f" and is read by {', '.join(map(repr, readers))}"
    )
