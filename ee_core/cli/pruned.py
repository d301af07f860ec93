"""What is asked before jobs lose their records, and said of those that lost them, and of those that keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST: Final = 5  # jobs that stay and are named
_NOTHING: Final[Mapping[str, Any]] = {"jobs": [], "forgotten": 0, "contents": 0, "kept": []}


def agree(days: float) -> bool:
    """Ask whether jobs shall lose their records.

    Raises:
        click.UsageError: Nobody is there to answer.
    """
    try:
        agreed = click.confirm(
            f"Remove the records of jobs that finished more than {days:g} days ago?", err=True
        )
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError):  # Ctrl-C
            raise
        say("")  # the question stands on a line without an end
        raise click.UsageError(
            "nothing was removed, nobody answered the question; say --yes, or --dry-run to see which jobs"
        ) from error
    if not agreed:
        say("nothing was removed")
    return agreed


def add(total: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers of an engine to two requests to prune as one; the first of them is empty at first."""
    return {name: total.get(name, none) + part.get(name, none) for name, none in _NOTHING.items()}


def describe_pruning(total: Mapping[str, Any], *, is_trial: bool) -> list[str]:
    """Return the lines that are said of what was pruned, and why other jobs were not.

    Args:
        total: As `add` returns it.
        is_trial: Nothing was done.
    """
    jobs, kept = total["jobs"], total["kept"]
    done = "would be pruned" if is_trial else "pruned"
    ended = "; how they ended stays: `eectl job list` shows them as Pruned" if jobs and not is_trial else ""
    lines = [f"{len(jobs)} jobs {done}, {total['forgotten']} forgotten{ended}"]
    lines += [f"job {each['job']} stays: {each['why']}" for each in kept[:_MOST]]
    if len(kept) > _MOST:
        lines.append(f"{len(kept) - _MOST} more stay, too; -o json names them")
    return lines


def with_mark(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a job, as `jobs.query` shows it, whose status says that its records are gone, for people."""
    return {**row, "status": "Pruned"} if row.get("pruned") else row
