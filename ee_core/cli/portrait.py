"""A job as `eectl job show` prints it for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ee_core.cli.lines import to_answer
from ee_core.cli.output import put
from ee_core.cli.pruned import with_mark
from ee_core.cli.tree import to_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.cli.again import CommandLine
    from ee_core.cli.formats import Output

_FACTS: Final = (
    "job", "workflow", "version", "status", "outcome", "reason", "error", "warnings", "owner", "labels", "accepted",
    "finished", "inputs",
)  # fmt: skip
_VISITS: Final = ("visit", "status", "attempt", "bot", "progress", "output", "error")


def print_job(shown: Mapping[str, Any], output: Output, command: CommandLine) -> None:
    """Print a job as it is: its visits, what it waits for, and its incidents with the command that answers each."""
    _print_all_but_incidents(shown, output)
    for incident in shown["incidents"]:
        _print_incident(incident)
        put(f"answer:  {to_answer(shown['job'], incident, command)}")


def print_past(shown: Mapping[str, Any], output: Output) -> None:
    """Print a job as it was, without how to answer an incident: it may be closed by now."""
    put(f"as it was after record {shown['record']}, of {shown['at']}\n")
    _print_all_but_incidents(shown, output)
    for incident in shown["incidents"]:
        _print_incident(incident)


def _print_all_but_incidents(shown: Mapping[str, Any], output: Output) -> None:
    facts = with_mark(shown)
    output.pairs((name, facts[name]) for name in _FACTS if facts[name] != 0)
    if shown.get("pruned"):
        put("\nits records were pruned: only how it ended is kept")
    if shown["visits"]:
        put("")
        is_told = any("progress" in visit for visit in shown["visits"])
        columns = [name for name in _VISITS if is_told or name != "progress"]
        output.table([_to_row(visit) for visit in shown["visits"]], columns)
    if shown["waits"]:
        put("")
    for wait in shown["waits"]:
        put(f"waiting: {wait['text']}")


def _to_row(visit: Mapping[str, Any]) -> Mapping[str, Any]:
    """A gateway is never attempted, and an activity not before it has a bot."""
    return {**visit, "attempt": visit["attempt"] or None, "progress": to_progress(visit.get("progress"))}


def _print_incident(incident: Mapping[str, Any]) -> None:
    put(f"\nINCIDENT {incident['incident']}  {incident['kind']}: {incident['text']}")
    for name, value in incident["detail"].get("values", {}).items():  # what an expression read
        put(f"read:    {name} = {json.dumps(value, ensure_ascii=False)}")
