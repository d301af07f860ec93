"""`eectl status`: what runs, who works, and what waits for a person, on one page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli.again import CommandLine
from ee_core.cli.formats import Output, output_options
from ee_core.cli.lines import to_answer
from ee_core.cli.main import run_async
from ee_core.cli.output import put
from ee_core.cli.place import DATA, data_option, find_near_folder
from ee_core.cli.session import connected, read_settings, server_flags, server_options
from ee_core.cli.site import find_site
from ee_core.errors import NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from ee_core.cli.site import Site
    from ee_core.client import Client

_MOST_JOBS: Final = 1000  # of one answer
_MOST_ASKED: Final = 20  # jobs whose incidents are shown in full


@click.command()
@data_option("The folder of an `eectl up` on this machine.")
@server_options
@output_options
@click.pass_context
def status(
    context: click.Context,
    data: Path,
    broker: str | None,
    server: str | None,
    namespace: str | None,
    output: Output,
) -> int:
    """Show the engine, its bots, its open jobs, and what needs a person.

    Where an `eectl up` runs on the folder, that one is asked, unless --server or a setting names another.
    """
    if server is None and data != DATA and not data.is_dir():
        cure = find_near_folder(data) or "name the one that `eectl up` was given"
        raise NotFoundError(f"there is no folder {data}; {cure}")
    site = find_site(data) if server is None else None
    named = site.url if site is not None and data != DATA else None
    settings = read_settings(context, server_flags(broker, server or named, namespace))
    if site is not None and settings.broker.settings.get("servers") != site.url:
        site = None  # the settings name another server
    command = CommandLine.given(context)

    async def ask() -> int:
        async with connected(settings) as client:
            page = await _gather(client)
        page["up"] = {"pid": site.pid, "url": site.url, "folder": str(data)} if site else None
        output.record(
            page, lambda: _print(page, site, command, output), names=[row["job"] for row in page["open"]]
        )
        return 0

    return run_async(ask())


async def _gather(client: Client) -> dict[str, Any]:
    from ee_core.messages.jobs import QueryJobs

    engine = await client.query(QueryJobs(what="engine"))
    bots = await client.query(QueryJobs(what="bots"))
    rows = await client.query(QueryJobs(what="list", filter={"limit": _MOST_JOBS, "status": "Processing"}))
    parked = await client.query(QueryJobs(what="list", filter={"limit": _MOST_JOBS, "status": "Parked"}))
    asking = [row["job"] for row in rows if row["incidents"]]
    incidents = [
        {"job": job, **incident}
        for job in asking[:_MOST_ASKED]
        for incident in (await client.query(QueryJobs(what="job", job=job)))["incidents"]
    ]
    return {
        "engine": {name: engine[name] for name in ("engine", "store", "commits", "open_jobs", "parked_jobs")},
        "bots": [row for row in bots if row["kind"] == "bot"],
        "open": rows,
        "parked": parked,
        "incidents": incidents,
        "jobs_with_incidents": len(asking),
    }


def _print(page: dict[str, Any], site: Site | None, command: CommandLine, output: Output) -> None:
    engine = page["engine"]
    output.pairs(
        [
            ("up", f"process {site.pid}, {site.url}" if site else ""),
            ("engine", engine["engine"]),
            ("journal", f"{engine['commits']} commits since the engine's start, store {engine['store']}"),
            ("bots", _count(row["state"] for row in page["bots"]) or "none; `eectl bot run FILE` starts one"),
            ("open jobs", f"{engine['open_jobs']}"),
        ]
    )
    for row in page["bots"]:
        if row["state"] not in {"Free", "Held"}:
            put(f"\n{describe_bot(row)}")
            if row["state"] == "Quarantined":
                release = command.to(f"bot release {row['bot']} --reason TEXT")
                put(f"when it does nothing:  {release}")
    for incident in page["incidents"]:
        job, name = incident["job"], incident["incident"]
        put(f"\njob {job} asks a person, {name} {incident['kind']}: {incident['text']}")
        put(f"answer:  {to_answer(job, incident, command)}")
    if page["jobs_with_incidents"] > _MOST_ASKED:
        put(f"\nand {page['jobs_with_incidents'] - _MOST_ASKED} more jobs ask; see `eectl job list`")
    for row in page["parked"]:
        put(f"\njob {row['job']} is parked{_because(row['reason'])}")
    if not page["incidents"] and not page["parked"]:
        put("\nnothing waits for a person")


def describe_bot(row: dict[str, Any]) -> str:
    """Say why a bot is not to be had, and what it holds."""
    holds = f" (job {row['job']}, {row['visit']})" if row["job"] else ""
    return f"bot {row['bot']} is {row['state']}{_because(row['reason'])}{holds}"


def _count(states: Any) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()))


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
