"""What `eectl job list` shows people beside the rows of the engine's index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ee_core.cli.meant import list_newest
from ee_core.definitions.diagnostics import did_you_mean
from ee_core.errors import NotFoundError
from ee_core.messages.jobs import QueryJobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ee_core.client import Client

_SHOWN: Final = 10  # names


async def explain_none(client: Client, wanted: Mapping[str, Any]) -> str:
    """Return a line about the names of a filter by which no job was found; empty when there are jobs of these names.

    Args:
        wanted: The filter, as `jobs.query` takes it.
    """
    named = [name for name in ("workflow", "owner") if name in wanted]
    rows = await list_newest(client) if named else []
    for name in named:
        known = sorted({row[name] for row in rows if row[name]})
        if wanted[name] not in known:
            there = f"there are: {', '.join(known[:_SHOWN])}" if known else "there is none yet"
            return f"no job has {name} {wanted[name]!r}; {did_you_mean(wanted[name], known, there)}"
    return ""


async def with_reasons(client: Client, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return rows that say why their jobs did not succeed: the index does not hold it, so each such job is asked for."""
    return [{**row, "reason": await _find_reason(client, row)} for row in rows]


async def _find_reason(client: Client, row: Mapping[str, Any]) -> str:
    if row.get("reason") or row["outcome"] not in {"cancelled", "failed"}:
        return str(row.get("reason", ""))
    try:
        shown = await client.query(QueryJobs(what="job", job=row["job"]))
    except NotFoundError:  # forgotten just now
        return ""
    error = shown["error"]
    return str(f"{error['code']}: {error['text']}" if error else shown["reason"])
