"""Follows a job until it is over, or nothing but an answer of a person can move it.

The broadcast of events only wakes it; what is shown is read from what is durable, so nothing is missed and nothing is
shown twice.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from ee_core.cli.exits import BY_OUTCOME, Exit
from ee_core.errors import BrokerUnavailableError
from ee_core.messages.jobs import QueryJobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Mapping

    from ee_core.client import Client
    from ee_core.messages.jobs import JobEvent


class Told(NamedTuple):
    """An event of a job, and what is needed to make words of it."""

    at: str
    record: int  # the record that holds it
    event: dict[str, Any]  # as it was recorded
    job: dict[str, Any]  # the job as it is now


_LOOK_S = 1.0  # so often it looks anyway
_UNREACHABLE_S = 60.0  # an engine that starts again gets this long


async def follow(
    client: Client,
    job: str,
    show: Callable[[Told], None],
    *,
    timeout_s: float | None = None,
    stay: bool = False,
    look: Callable[[dict[str, Any]], None] | None = None,
) -> Exit:
    """Show each event of a job from its first, until it is over.

    Args:
        show: Called with each event, in order.
        timeout_s: Stop looking after this; the job goes on.
        stay: Go on looking when only a person can move the job.
        look: Called with the job as a whole each time it is looked at, after the events that were new.

    Raises:
        NotFoundError: No such job.
        BrokerUnavailableError: No engine answered for a minute.
    """
    woken = asyncio.Event()
    async with AsyncExitStack() as stack:
        events = await stack.enter_async_context(client.events(job))
        listener = asyncio.create_task(_wake(events, woken), name=f"follow-{job}")
        stack.callback(listener.cancel)
        try:
            async with asyncio.timeout(timeout_s):
                return await _look(client, job, show, woken, stay=stay, look=look)
        except TimeoutError:
            return Exit.TIMED_OUT


async def _wake(events: AsyncIterator[JobEvent], woken: asyncio.Event) -> None:
    async for _ in events:
        woken.set()


async def _look(
    client: Client,
    job: str,
    show: Callable[[Told], None],
    woken: asyncio.Event,
    *,
    stay: bool,
    look: Callable[[dict[str, Any]], None] | None,
) -> Exit:
    after = -1
    while True:
        woken.clear()
        # the job before its history: what is shown when it ends then holds its last record
        shown = await _ask(client, QueryJobs(what="job", job=job))
        records = await _ask(client, QueryJobs(what="history", job=job, after=after))
        if shown["status"] != "Finished" and _is_over(records):  # it ended in between, and now says why
            shown = await _ask(client, QueryJobs(what="job", job=job))
        for record in records:
            after = record["index"]
            for event in record["events"]:
                show(Told(record["at"], after, event, shown))
        if look is not None:
            look(shown)
        if shown["status"] == "Finished":
            return BY_OUTCOME[shown["outcome"]]
        if not stay and is_stuck(shown):
            return Exit.INCIDENT
        try:
            async with asyncio.timeout(_LOOK_S):
                await woken.wait()
        except TimeoutError:
            continue


def _is_over(records: list[dict[str, Any]]) -> bool:
    return any(event["e"] == "JobFinished" for record in records for event in record["events"])


def to_names(shown: dict[str, Any]) -> dict[str, str]:
    """Return the names people gave to nodes, by id; the export form's ids say nothing."""
    return {node["node"]: node["name"] for node in shown.get("nodes", ()) if node["name"]}


def with_names(event: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return an event whose visit and join are called by the node's name, if it has one."""
    named = dict(event)
    for key in ("visit", "join", "node"):
        node, sign, k = str(event.get(key) or "").partition("#")
        if node in names:
            named[key] = f"{names[node]}{sign}{k}"
    return named


def is_stuck(shown: dict[str, Any]) -> bool:
    """Say whether only a person can move a job that `jobs.query` shows."""
    return bool(shown["incidents"]) and not any(wait["moves"] for wait in shown["waits"])


def list_remarkable(shown: Mapping[str, Any]) -> list[str]:
    """Say of what a job waits for what somebody would ask about: not that a bot works, nor what an event has told."""
    at_work = {visit["visit"] for visit in shown["visits"] if visit["status"] == "Processing"}
    return [wait["text"] for wait in shown["waits"] if _is_remarkable(wait, at_work)]


def _is_remarkable(wait: Mapping[str, Any], at_work: Container[str]) -> bool:
    if wait["kind"] == "response":
        is_at_work = visit_of(wait) in at_work
        return "fell silent" in wait["text"] or ("any worker" in wait["text"] and not is_at_work)
    return wait["kind"] in {"lease", "drain", "admission"}


def visit_of(wait: Mapping[str, Any]) -> str:
    """Return the visit that a wait is about, "" for one that is about none."""
    rest = str(wait["wait"]).partition(":")[2]
    match wait["kind"]:
        case "lease":
            return rest
        case "response" | "drain":
            return rest.rpartition("/")[0]
        case "timer":
            return rest.rpartition("@")[0]
        case _:
            return ""


async def _ask(client: Client, question: QueryJobs) -> Any:
    loop = asyncio.get_running_loop()
    until = loop.time() + _UNREACHABLE_S
    while True:
        try:
            return await client.query(question)
        except BrokerUnavailableError:
            if loop.time() > until:
                raise
            await asyncio.sleep(_LOOK_S)
