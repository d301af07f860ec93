"""What is said to somebody who answers a job and does not say which of its questions, or not with what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ee_core.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.cli.again import CommandLine


def ask_back(shown: Mapping[str, Any], word: str, command: CommandLine) -> click.UsageError:
    """Return the error that names a job's open incidents and their answers, and a command that would be complete.

    Args:
        shown: The job as `jobs.query` shows it.
        word: What was given instead of incident and answer; may be empty.
        command: The line of the command that says so.

    Raises:
        NotFoundError: The job asks nothing.
    """
    job, incidents = shown["job"], shown["incidents"]
    if not incidents:
        raise NotFoundError(f"job {job!r} has no open incident; there is nothing to answer")
    meant = next((each for each in incidents if each["incident"] == word), None)
    if meant is not None:
        answers = ", ".join(meant["choices"])
        fault = f"the answer is missing, incident {word!r} ({meant['kind']}) takes: {answers}"
        return click.UsageError(f"{fault}; say `{command.to(f'job resolve {job} {word} ANSWER')}`")
    taking = [each for each in incidents if word in each["choices"]]
    first = (taking or incidents)[0]["incident"]
    answer = word if taking else "ANSWER"
    fault = f"the incident is missing, job {job!r} has: {', '.join(map(_describe, incidents))}"
    return click.UsageError(f"{fault}; say `{command.to(f'job resolve {job} {first} {answer}')}`")


def _describe(incident: Mapping[str, Any]) -> str:
    node = f" at {incident['node']}" if incident["node"] else ""
    return f"{incident['incident']} {incident['kind']}{node} (takes {', '.join(incident['choices'])})"
