"""The output that somebody gives a node which is skipped, and what is said where another node reads one and there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.messages.jobs import QueryJobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.client import Client

_AS_IN: Final = """--output-value '{"pages": 3}'"""


def read_output(answer: str, text: str | None) -> Any:
    """Return the output that comes with an answer, which only a skip has.

    Raises:
        click.UsageError: The text is no JSON, or the answer is another one.
    """
    if text is None:
        return None
    if answer != "skip":
        raise click.UsageError(
            f"--output-value goes with skip, and {answer} takes none; leave it out, or skip"
        )
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--output-value is no JSON: {error}; write it as in {_AS_IN}") from error


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
