"""`eectl run`: one workflow, in this process, with bots of its own."""

from __future__ import annotations

import logging
import shlex
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.again import CommandLine
from ee_core.cli.exits import Exit
from ee_core.cli.formats import Output, output_options
from ee_core.cli.lines import to_answer
from ee_core.cli.main import run_async
from ee_core.cli.output import put, say
from ee_core.cli.place import ensure_folder
from ee_core.cli.session import bot_options, read_settings, workflow_options
from ee_core.cli.site import keep_off
from ee_core.cli.watch_options import watch_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.cli.files import WorkflowFile
    from ee_core.client import Client
    from ee_core.config import Settings
    from ee_core.engine import Engine, Parts
    from ee_core.messages.jobs import ExecuteJob
    from ee_core.model.ids import JobId


@click.command()
@click.argument("file", type=click.Path())
@workflow_options
@click.option(
    "--broker",
    type=click.Choice(["memory", "nats"]),
    default="memory",
    show_default=True,
    help="Where messages travel.",
)
@click.option("--server", metavar="URL", help="The address of the NATS server.")
@click.option(
    "--journal", metavar="FILE", help="Keep the job in this file: run again to go on after a crash."
)
@bot_options(bots=2)
@click.option("--id", "job_id", metavar="ID", help="The job's id; without it one is made.")
@watch_options(
    timeout="Stop after this, as 30s or 5m; exit code 7. The job goes on when it is kept and run again.",
    interrupt="Ctrl-C cancels the job, and its end is waited for.",
)
@click.option(
    "--stay", is_flag=True, default=False, help="Go on waiting when only a person can move the job."
)
@output_options
@click.pass_context
def run(context: click.Context, /, file: str, **options: Any) -> int:
    """Run a workflow FILE here and watch it.

    Engine and bots live in this process. Without --journal nothing is kept. With it, a job that was interrupted goes
    on when the same command is given again; another command for it is refused, with exit code 10.
    """
    settings = read_settings(context, _flags(options))
    keep_off(settings)
    # incidents are lines of this command's own
    logging.getLogger("ee_core.local.counts").setLevel(logging.ERROR)
    try:
        return run_async(_run(settings, file, options))
    except KeyboardInterrupt:
        again = "give the same command again to go on" if options["journal"] else "nothing is kept of it"
        say(f"\ninterrupted; {again}")
        return Exit.INTERRUPTED


def _flags(options: dict[str, Any]) -> dict[str, Any]:
    journal = options["journal"]
    flags: dict[str, Any] = {
        "broker.name": options["broker"],
        "broker.servers": options["server"],
        "journal.name": "sqlite" if journal else "memory",
    }
    if journal:
        flags["journal.path"] = journal
    if options["broker"] == "memory" and journal:
        flags["lock.path"] = f"{journal}.lock"
    if options["broker"] == "nats":
        # another engine's bots and jobs are none of ours
        flags["namespace"] = _private_namespace(journal)
    return flags


def _private_namespace(journal: str | None) -> str:
    import hashlib

    from ee_core.local.env import SystemEnv

    if journal is None:
        return f"run-{SystemEnv().new_id()}"
    # the same for the same journal: what is on its way there is found again
    return f"run-{hashlib.sha256(str(Path(journal).resolve()).encode()).hexdigest()[:16]}"


async def _run(settings: Settings, file: str, options: dict[str, Any]) -> int:
    from ee_core.cli.files import load_file
    from ee_core.cli.local import load_bot, local_bots
    from ee_core.client import Client
    from ee_core.engine import open_engine, open_parts
    from ee_core.local.env import SystemEnv

    journal = options["journal"]
    folder = Path(f"{journal}.bots") if journal else None
    if folder is not None:
        ensure_folder(folder, cure="keep the job elsewhere, with another --journal")
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, SystemEnv()))
        served = {
            name: kind for path in options["bot_files"] for name, kind in load_bot(path).activities.items()
        }
        loaded = load_file(file, options["bindings"], parts.registry, served=served)
        for diagnostic in loaded.definition.diagnostics:
            say(diagnostic.render())
        command = _to_command(loaded, options)
        standing = await _find_standing(parts, loaded, command) if journal else None
        engine = await stack.enter_async_context(open_engine(parts))
        names = await stack.enter_async_context(
            local_bots(parts, options["bots"], files=options["bot_files"], folder=folder)
        )
        kept = f"kept in {journal}" if journal else "nothing is kept"
        say(f"engine here, {options['broker']} broker, {len(names)} bots, {kept}")
        await _say_resumed(engine, standing)
        client = Client(parts.broker, parts.subjects, env=parts.env)
        job = standing or await _start(client, command)
        return await engine.until_stopped(_watch(client, job, options, settings.namespace))


def _to_command(loaded: WorkflowFile, options: dict[str, Any]) -> ExecuteJob:
    from ee_core.cli.files import parse_inputs
    from ee_core.messages.jobs import ExecuteJob

    inputs = parse_inputs(options["pairs"], options["input_file"], loaded.definition.workflow)
    return ExecuteJob(id=options["job_id"], workflow=loaded.content, bindings=loaded.bindings, inputs=inputs)


async def _find_standing(parts: Parts, loaded: WorkflowFile, command: ExecuteJob) -> JobId | None:
    from ee_core.cli.standing import find_standing
    from ee_core.cli.taken import Content

    asked = Content.of(command, loaded.definition)
    return await find_standing(parts.journal, asked, command.id)


async def _say_resumed(engine: Engine, standing: JobId | None) -> None:
    for job in engine.adopted:
        found = await engine.jobs.find_job(job)
        where = ", ".join(found.live) if found is not None else ""
        say(f"resumed: job {job} at {where}" + ("; no new job is started" if job == standing else ""))
    if standing in engine.jobs.parked:
        raise engine.jobs.parked[standing]
    if standing is not None and standing not in engine.adopted:
        say(f"job {standing} is over; no new job is started")


async def _start(client: Client, command: ExecuteJob) -> str:
    reply = await client.execute(command)
    say(f"job {reply.job}")
    return str(reply.job)


async def _watch(client: Client, job: str, options: dict[str, Any], namespace: str) -> int:
    from ee_core.cli.watching import watch_job
    from ee_core.messages.jobs import QueryJobs

    output: Output = options["output"]
    command = CommandLine.given(click.get_current_context())

    def answer(incident: Mapping[str, Any]) -> str | None:
        # a broker in memory is reached by this process alone
        more = f" --namespace {namespace}" if options["broker"] == "nats" else ""
        return to_answer(job, incident, command) + more if more else None

    exit_code = await watch_job(
        client,
        job,
        put if output.is_for_people else say,
        answer=answer,
        is_for_people=output.is_for_people,
        timeout_s=options["timeout_s"],
        stay=options["stay"],
        cancel_on_interrupt=options["cancel_on_interrupt"],
    )
    if exit_code is Exit.INTERRUPTED:
        say(_how_to_go_on(job, options["journal"]))
        return exit_code
    shown = await client.query(QueryJobs(what="job", job=job))
    if not output.is_for_people:
        output.record(shown, lambda: None, names=[job])
    if exit_code is Exit.INCIDENT:
        if options["broker"] == "memory" and any(each["kind"] == "NoBot" for each in shown["incidents"]):
            say("no bot but those of this command can do it: --bot FILE gives them the functions of FILE")
        say(_how_to_answer(job, options["journal"], _to_engine(command, options, namespace)))
    if exit_code is Exit.TIMED_OUT:
        say(
            f"time is up; job {job} did not end"
            + ("" if options["journal"] else ", and nothing is kept of it")
        )
    return exit_code


def _how_to_go_on(job: str, journal: str | None) -> str:
    if journal is None:
        return f"interrupted; job {job} ends with this process, and nothing is kept of it; --journal FILE keeps one"
    return (
        f"interrupted; job {job} stands still, kept in {journal}: give the same command again to go on,"
        " and with --cancel-on-interrupt to cancel it by Ctrl-C"
    )


def _to_engine(command: CommandLine, options: dict[str, Any], namespace: str) -> str:
    """Return the command that starts an engine on the journal which others can reach."""
    words = f"engine run --journal {shlex.quote(str(options['journal']))}"
    if options["broker"] == "memory":
        return replace(command, behind=()).to(words)
    return f"{command.to(words)} --namespace {namespace}"


def _how_to_answer(job: str, journal: str | None, engine: str) -> str:
    if journal is None:
        return f"job {job} waits for a person; run with --journal FILE to keep it, or under `eectl up` to answer it"
    return (
        f"job {job} waits for a person, and is kept in {journal}; start an engine on it to answer: {engine}"
    )
