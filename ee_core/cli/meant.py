"""Which job, bot or file was probably meant by a name that nobody knows.

Engines say that they do not know an id; the ids they do know are asked for here, and only then.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ee_core.cli.problem import split
from ee_core.definitions.diagnostics import did_you_mean
from ee_core.errors import BrokerUnavailableError, ConflictError, NotFoundError
from ee_core.messages.jobs import QueryJobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ee_core.client import Client

_MOST: Final = 1000  # jobs that are looked through, newest first


@asynccontextmanager
async def naming_jobs(client: Client, job: str) -> AsyncIterator[None]:
    """Have the error that a job is not known name the nearest one that is."""
    try:
        yield
    except NotFoundError as error:
        near = "" if await _is_known(client, job) else await find_near_job(client, job)
        if not near:
            raise
        raise NotFoundError(f"{split(str(error))[0]}; {near}") from error


async def find_near_job(client: Client, job: str) -> str:
    """Return a hint with the id of the job that was probably meant; empty when there is none."""
    return did_you_mean(job, [row["job"] for row in await list_newest(client)])


async def list_newest(client: Client) -> list[Mapping[str, Any]]:
    """Return the jobs that names are looked for in, as rows of the list."""
    rows: list[Mapping[str, Any]] = await client.query(QueryJobs(what="list", filter={"limit": _MOST}))
    return rows


@asynccontextmanager
async def naming_bots(client: Client, bot: str) -> AsyncIterator[None]:
    """Have the error that nothing can be done with a bot say that there is none of that id, and name the nearest one."""
    try:
        yield
    except ConflictError as error:
        known = await _list_bots(client)
        if bot in known:
            raise
        cure = did_you_mean(bot, known, "see `eectl bot list`")
        raise NotFoundError(f"bot {bot!r} is not known; {cure}") from error


async def find_near_bot(client: Client, bot: str) -> str:
    """Return a hint with the id of the bot that was probably meant; empty when there is none, or no engine answers."""
    try:
        return did_you_mean(bot, await _list_bots(client))
    except BrokerUnavailableError:
        return ""


@asynccontextmanager
async def naming_files(workflow: Any) -> AsyncIterator[None]:
    """Have the error that the catalogue has no workflow of a name say which file here may have been meant."""
    try:
        yield
    except NotFoundError as error:
        here: list[str] = []
        with suppress(OSError):  # a folder that cannot be listed gives no hint, and hides no error
            here = [each.name for each in Path.cwd().iterdir() if each.name.startswith(f"{workflow}.")]
        if not isinstance(workflow, str) or not here:
            raise
        raise NotFoundError(
            f"{split(str(error))[0]}; did you mean the file {min(here, key=len)!r}?"
        ) from error


async def _is_known(client: Client, job: str) -> bool:
    try:
        return bool((await client.query(QueryJobs(what="job", job=job)))["workflow"])
    except NotFoundError:
        return False


async def _list_bots(client: Client) -> list[str]:
    return [row["bot"] for row in await client.query(QueryJobs(what="bots"))]
