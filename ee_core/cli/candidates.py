"""What a shell offers for the names of jobs, incidents, workflows, bots, contexts and topics, and for files.

The table says which parameter of which command takes what; a shell that completes a command or an option never gets
here. Engines are asked, for a second at most: whoever pressed the tab key sees nothing of one that does not answer.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import click
from click.shell_completion import CompletionItem

from ee_core.cli.candidate_files import BY_METAVAR, PYTHON, TEST, WORKFLOW, Files
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
    return map(_to_job, _ask_jobs(context))


def list_open_jobs(context: click.Context) -> Iterable[CompletionItem]:
    """List the jobs that go on."""
    return [_to_job(row) for row in _ask_jobs(context) if row["status"] != "Finished"]


def list_asking_jobs(context: click.Context) -> Iterable[CompletionItem]:
    """List the jobs that wait for a person."""
    return [_to_job(row) for row in _ask_jobs(context) if row["incidents"]]


def list_incidents(context: click.Context) -> Iterable[CompletionItem]:
    """List what the job on the command line asks."""
    return [
        CompletionItem(each["incident"], help=f"{each['kind']} {each['node'] or ''}".strip())
        for each in _ask_incidents(context)
    ]


def list_answers(context: click.Context) -> Iterable[CompletionItem]:
    """List the answers that the incident on the command line takes; all of them when the engine cannot be asked."""
    from ee_core.messages.jobs import OperateJob

    incident = context.params.get("incident")
    try:
        taken = [each["choices"] for each in _ask_incidents(context) if each["incident"] == incident]
    except (EngineError, OSError):
        taken = []
    answers = taken[0] if taken else get_args(OperateJob.model_fields["action"].annotation)
    return map(CompletionItem, answers)


def list_known_workflows(context: click.Context) -> Iterable[CompletionItem]:
    """List the workflows that jobs have been of."""
    return map(CompletionItem, sorted({row["workflow"] for row in _ask_jobs(context)}))


def list_owners(context: click.Context) -> Iterable[CompletionItem]:
    """List whose jobs there are."""
    return map(CompletionItem, sorted({row["owner"] for row in _ask_jobs(context)} - {""}))


def list_catalogue(context: click.Context) -> Iterable[CompletionItem]:
    """List the workflows of the catalogue that the settings name."""
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    settings = _read_settings(context)
    chosen = settings.catalogue

    async def ask() -> list[CompletionItem]:
        async with (
            asyncio.timeout(_PATIENCE_S),
            Registry(settings, SystemEnv()).open_catalogue(chosen.name, chosen.settings) as catalogue,
        ):
            entries = [each for each in await catalogue.list() if not each.fault]
        return [
            CompletionItem(f"{each.name}@{each.version}" if each.version else each.name, help=each.place)
            for each in entries
        ]

    return asyncio.run(ask())


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
    "job submit": {"workflow": list_catalogue},
    "job list": {"workflow": list_known_workflows, "owner": list_owners},
    "job show": {"job_id": list_jobs},
    "job history": {"job_id": list_jobs},
    "job watch": {"job_id": list_open_jobs},
    "job cancel": {"job_id": list_open_jobs},
    "job resolve": {"job_id": list_asking_jobs, "incident": list_incidents, "answer": list_answers},
    "bot check": {"bot_id": list_bots, "activity": list_served_activities},
    "bot release": {"bot_id": list_quarantined_bots},
    "context use": {"name": list_contexts},
    "context show": {"name": list_contexts},
    "explain": {"word": list_topics},
}
FILES: Final[Mapping[str, Mapping[str, Files]]] = {
    "run": {"file": WORKFLOW, "bot_files": PYTHON},
    "test": {"paths": TEST},
    "up": {"bot_files": PYTHON},
    "bot run": {"file": PYTHON},
    "secret check": {"file": WORKFLOW},
    "job submit": {"workflow": WORKFLOW},
    "workflow bind": {"file": WORKFLOW},
    "workflow check": {"files": WORKFLOW, "bot_files": PYTHON},
    "workflow convert": {"file": WORKFLOW},
    "workflow fmt": {"files": WORKFLOW},
    "workflow graph": {"file": WORKFLOW},
    "workflow rehearse": {"file": WORKFLOW, "bot_files": PYTHON},
    "workflow show": {"file": WORKFLOW},
}


class Names:
    """Offers names.

    Args:
        files: May stand in the place of a name, too.
    """

    def __init__(self, list_candidates: Candidates, files: Files | None = None) -> None:
        self._list = list_candidates
        self._files = files

    def offer(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin as typed; none when they cannot be had."""
        logging.disable(logging.CRITICAL)  # nothing may stand between a person and the line they type
        try:
            names = [each for each in self._list(ctx) if each.value.startswith(incomplete)]
        except (EngineError, OSError):  # a time-out is one: what is wrong is told when the command runs
            names = []
        if self._files is None:
            return names
        files = self._files.offer(ctx, incomplete)
        # a word to the shell that it shall look itself would make it forget the names
        return [*names, *(each for each in files if each.type == "plain" or not names)]


def offer_names(command: click.Command, path: str) -> None:
    """Let a command's parameters, and those of all below it, offer their names and files."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            offer_names(inner, f"{path} {name}")
    names, files = OFFERED.get(path, {}), FILES.get(path, {})
    for parameter in command.params:
        found = files.get(str(parameter.name)) or BY_METAVAR.get(parameter.metavar or "")
        offered = Names(names[parameter.name], found) if parameter.name in names else found
        if offered is not None:
            parameter.shell_complete = offered.offer  # type: ignore[method-assign]  # of this parameter alone


def _ask_jobs(context: click.Context) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _ask(context, what="list", filter={"limit": _MOST_JOBS})
    return rows


def _ask_incidents(context: click.Context) -> list[dict[str, Any]]:
    incidents: list[dict[str, Any]] = _ask(context, what="job", job=context.params.get("job_id"))["incidents"]
    return incidents


def _ask(context: click.Context, **question: Any) -> Any:
    from ee_core.cli.session import connected
    from ee_core.messages.jobs import QueryJobs

    settings = _read_settings(context)

    async def ask() -> Any:
        async with asyncio.timeout(_PATIENCE_S), connected(settings, timeout_s=_PATIENCE_S) as client:
            return await client.query(QueryJobs(**question))

    return asyncio.run(ask())


def _read_settings(context: click.Context) -> Settings:
    """Read the settings as the command would; while a shell completes, nothing but the parameters is there."""
    from ee_core.cli.site import find_nearby
    from ee_core.config import load_settings

    flags = {key: context.params.get(name) for name, key in _SERVER.items()}
    chosen = context.find_root().params.get("context")
    return load_settings(flags, file=_file(context), context=chosen, nearby=find_nearby())


def _file(context: click.Context) -> Path | None:
    file = context.find_root().params.get("config")
    return Path(file) if file else None


def _to_job(row: Mapping[str, Any]) -> CompletionItem:
    return CompletionItem(row["job"], help=f"{row['workflow']} {row['outcome'] or row['status']}")


def _to_bot(row: Mapping[str, Any]) -> CompletionItem:
    return CompletionItem(row["bot"], help=row["state"])
