"""What a shell offers for the names of jobs, bots, contexts and topics.

The table says which parameter of which command takes what; a shell that completes a command or an option never gets
here. Engines are asked, for a second at most: whoever pressed the tab key sees nothing of one that does not answer.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

from ee_core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ee_core.config import Settings

    Candidates = Callable[[click.Context], Iterable[CompletionItem]]

_PATIENCE_S: Final = 1.0
_MOST_JOBS: Final = 200  # newest first
_SERVER: Final = {"broker": "broker.name", "server": "broker.servers", "namespace": "namespace"}


def list_jobs(context: click.Context) -> Iterable[CompletionItem]:
    """List jobs, newest first."""
    return [_to_job(row) for row in _ask(context, what="list", filter={"limit": _MOST_JOBS})]


def list_open_jobs(context: click.Context) -> Iterable[CompletionItem]:
    """List the jobs that go on."""
    rows = _ask(context, what="list", filter={"limit": _MOST_JOBS})
    return [_to_job(row) for row in rows if row["status"] != "Finished"]


def list_asking_jobs(context: click.Context) -> Iterable[CompletionItem]:
    """List the jobs that wait for a person."""
    rows = _ask(context, what="list", filter={"limit": _MOST_JOBS})
    return [_to_job(row) for row in rows if row["incidents"]]


def list_bots(context: click.Context) -> Iterable[CompletionItem]:
    """List bots."""
    return [_to_bot(row) for row in _ask(context, what="bots") if row["kind"] == "bot"]


def list_quarantined_bots(context: click.Context) -> Iterable[CompletionItem]:
    """List the bots that can be released."""
    return [_to_bot(row) for row in _ask(context, what="bots") if row["state"] == "Quarantined"]


def list_served_activities(context: click.Context) -> Iterable[CompletionItem]:
    """List the activity types of the bot on the command line, else of all."""
    bot = context.params.get("bot_id")
    rows = [row for row in _ask(context, what="bots") if bot in {None, row["bot"]}]
    return [CompletionItem(name) for name in sorted({name for row in rows for name in row["activities"]})]


def list_contexts(context: click.Context) -> Iterable[CompletionItem]:
    """List the named contexts."""
    from ee_core.config import list_contexts

    return [CompletionItem(each.name, help=each.file) for each in list_contexts(_file(context)).values()]


def list_topics(_: click.Context) -> Iterable[CompletionItem]:
    """List what can be explained; plugins are named, not imported."""
    from ee_core.cli.topics import list_topics
    from ee_core.registry.listing import list_entries

    for entry in list_entries():
        if entry.group == "ee.activities":
            yield CompletionItem(entry.name, help="activity type")
    for topic in list_topics({}):
        yield CompletionItem(topic.name, help=topic.kind)


OFFERED: Final[Mapping[str, Mapping[str, Candidates]]] = {
    "job show": {"job_id": list_jobs},
    "job history": {"job_id": list_jobs},
    "job watch": {"job_id": list_open_jobs},
    "job cancel": {"job_id": list_open_jobs},
    "job resolve": {"job_id": list_asking_jobs},
    "bot check": {"bot_id": list_bots, "activity": list_served_activities},
    "bot release": {"bot_id": list_quarantined_bots},
    "context use": {"name": list_contexts},
    "context show": {"name": list_contexts},
    "explain": {"word": list_topics},
}


class Name(StringParamType):
    """The type of a parameter that takes one of the names a shell can offer."""

    def __init__(self, list_candidates: Candidates) -> None:
        self._list = list_candidates

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin as typed; none when they cannot be had."""
        del param
        logging.disable(logging.CRITICAL)  # nothing may stand between a person and the line they type
        try:
            return [each for each in self._list(ctx) if each.value.startswith(incomplete)]
        except (EngineError, OSError):  # a time-out is one: what is wrong is told when the command runs
            return []


def offer_names(command: click.Command, path: str) -> None:
    """Let a command's parameters, and those of all below it, offer their names."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            offer_names(inner, f"{path} {name}")
    known = OFFERED.get(path, {})
    for parameter in command.params:
        if parameter.name in known:
            parameter.type = Name(known[parameter.name])


def _ask(context: click.Context, **question: Any) -> list[dict[str, Any]]:
    from ee_core.cli.session import connected
    from ee_core.messages.jobs import QueryJobs

    settings = _read_settings(context)

    async def ask() -> list[dict[str, Any]]:
        async with asyncio.timeout(_PATIENCE_S), connected(settings, timeout_s=_PATIENCE_S) as client:
            rows: list[dict[str, Any]] = await client.query(QueryJobs(**question))
            return rows

    return asyncio.run(ask())


def _read_settings(context: click.Context) -> Settings:
    """Read the settings as the command would; while a shell completes, nothing but the parameters is there."""
    from ee_core.config import load_settings

    flags = {key: context.params.get(name) for name, key in _SERVER.items()}
    return load_settings(flags, file=_file(context), context=context.find_root().params.get("context"))


def _file(context: click.Context) -> Path | None:
    file = context.find_root().params.get("config")
    return Path(file) if file else None


def _to_job(row: Mapping[str, Any]) -> CompletionItem:
    return CompletionItem(row["job"], help=f"{row['workflow']} {row['outcome'] or row['status']}")


def _to_bot(row: Mapping[str, Any]) -> CompletionItem:
    return CompletionItem(row["bot"], help=row["state"])
