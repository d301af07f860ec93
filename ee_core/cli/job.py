"""`eectl job`: jobs of running engines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.again import CommandLine
from ee_core.cli.ended import say_ended
from ee_core.cli.exits import Exit
from ee_core.cli.formats import Output, output_options
from ee_core.cli.ids import Id, make_job_id, naming_id
from ee_core.cli.lines import to_answer
from ee_core.cli.main import run_async
from ee_core.cli.output import put, say
from ee_core.cli.past import Moment, check_past
from ee_core.cli.portrait import print_job, print_past
from ee_core.cli.session import connected, read_settings, server_flags, server_options, workflow_options
from ee_core.cli.watch_options import check_unwatched, watch_options

if TYPE_CHECKING:
    from ee_core.cli.follow import Told
    from ee_core.definitions import Definition
    from ee_core.messages.jobs import ExecuteJob

_DAY_US = 86_400_000_000


@click.group()
def job() -> None:
    """Submit jobs, look at them, cancel them, answer incidents."""


@job.command()
@click.argument("workflow", type=click.Path())
@workflow_options
@click.option(
    "--id",
    "job_id",
    metavar="ID",
    type=Id(),
    help="The job's id: the same id and content again is the same job.",
)
@click.option("--owner", default="", metavar="NAME", help="Whose job it is.")
@click.option("-l", "--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label.")
@click.option(
    "--priority",
    type=click.IntRange(-1000, 1000),
    metavar="NUMBER",
    default=0,
    show_default=True,
    help="Higher gets bots first.",
)
@click.option("--watch", is_flag=True, default=False, help="Watch it; the exit code says how it ended.")
@watch_options(
    timeout="With --watch: stop watching after this, as 30s or 5m; exit code 7, and the job goes on.",
    interrupt="With --watch: Ctrl-C cancels the job, and its end is waited for.",
)
@server_options
@output_options
@click.pass_context
def submit(context: click.Context, /, workflow: str, output: Output, **options: Any) -> int:
    """Submit WORKFLOW: a file, or the name (name@version) of one in the engine's catalogue."""
    if not options["watch"]:
        check_unwatched(options)
    settings = read_settings(context, _flags(options))
    command, definition = _to_command(context, workflow, options)

    async def send() -> int:
        from ee_core.cli.meant import naming_files
        from ee_core.cli.taken import naming_differences
        from ee_core.cli.warned import find_warnings

        async with connected(settings) as client:
            async with naming_files(command.workflow), naming_differences(client, command, definition):
                with naming_id(str(command.id)):
                    reply = await client.execute(command)
            job = str(reply.job)
            said = {"job": job, "status": reply.status}
            if options["watch"] and not output.is_for_people:  # the events that follow are lines, too
                output.piece(said, name=job)
            else:
                output.record(said, lambda: put(job), names=[job])
            for diagnostic in await find_warnings(client, definition) if definition is not None else ():
                say(diagnostic.render())
            if reply.status == "cancelled":  # it waits for nothing, so there is nothing to watch
                say(f"job {job} was cancelled before it came, and never runs; submit it with another id")
                return Exit.JOB_CANCELLED
            if reply.status != "accepted":
                say(f"job {job} is {reply.status} already, by the same command; there is no new job")
            if options["watch"]:
                return await _follow(client, job, options, output)
        return Exit.OK

    return run_async(send())


@job.command("list")
@click.option(
    "--status", type=click.Choice(["NotStarted", "Processing", "Finished", "Parked"]), help="Only these."
)
@click.option("--outcome", type=click.Choice(["succeeded", "failed", "cancelled"]), help="Only these.")
@click.option("--workflow", metavar="NAME", help="Only jobs of this workflow.")
@click.option("--owner", metavar="NAME", help="Only this owner's.")
@click.option(
    "-l", "--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only jobs with this label."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    metavar="NUMBER",
    default=50,
    show_default=True,
    help="At most so many, newest first.",
)
@click.option(
    "--all",
    "tombstones",
    is_flag=True,
    default=False,
    help="Also the ids that a cancel keeps, so that no job of that id begins.",
)
@server_options
@output_options
@click.pass_context
def list_jobs(context: click.Context, /, output: Output, **options: Any) -> int:
    """List jobs, newest first; finished ones too."""
    from ee_core.cli.pruned import with_mark
    from ee_core.messages.jobs import QueryJobs

    wanted = {
        name: options[name]
        for name in ("status", "outcome", "workflow", "owner", "limit", "tombstones")
        if options[name]
    }
    if options["labels"]:
        wanted["labels"] = _pairs(options["labels"], "label")
    settings = read_settings(context, _flags(options))
    columns = ("job", "workflow", "status", "outcome", "incidents", "owner", "accepted", "finished")

    async def look() -> int:
        from ee_core.cli.listing import explain_none, with_reasons

        async with connected(settings) as client:
            rows = await client.query(QueryJobs(what="list", filter=wanted))
            hint = "" if rows else await explain_none(client, wanted)
            if output.is_for_people:
                rows = [with_mark(row) for row in rows]
                if output.form == "wide":
                    rows = await with_reasons(client, rows)
        output.rows(rows, columns, wide=("version", "priority", "labels", "reason"))
        if hint:
            say(hint)
        return Exit.OK

    return run_async(look())


@job.command()
@click.argument("job_id", metavar="JOB", type=Id())
@click.option(
    "--at",
    type=Moment(),
    help="As it was after its record N, or at an instant like 2026-01-31T12:00:00Z; what only the engine knew is left out.",
)
@server_options
@output_options
@click.pass_context
def show(
    context: click.Context, /, job_id: str, at: dict[str, Any] | None, output: Output, **options: Any
) -> int:
    """Show a job: its visits, what it waits for, and its incidents."""
    from ee_core.messages.jobs import QueryJobs

    shown = _ask(context, options, QueryJobs(what="job", job=job_id, **(at or {})))
    if at is not None:
        check_past(shown)

    def print_it() -> None:
        if at is None:
            print_job(shown, output, CommandLine.given(context))
        else:
            print_past(shown, output)

    output.record(shown, print_it, names=[job_id])
    return Exit.OK


@job.command()
@click.argument("job_id", metavar="JOB", type=Id())
@server_options
@output_options
@click.pass_context
def history(context: click.Context, /, job_id: str, output: Output, **options: Any) -> int:
    """Print all events of a job, as they are in the journal."""
    from ee_core.messages.jobs import QueryJobs

    records = _ask(context, options, QueryJobs(what="history", job=job_id))
    output.record(
        records, lambda: _print_records(records), names=[str(record["index"]) for record in records]
    )
    return Exit.OK


def _print_records(records: list[dict[str, Any]]) -> None:
    for record in records:
        for event in record["events"]:
            rest = {key: value for key, value in event.items() if key != "e"}
            text = json.dumps(rest, ensure_ascii=False)
            put(f"{record['index']:>4}  {record['at']}  {event['e']}  {text}")


@job.command()
@click.argument("job_id", metavar="JOB", type=Id())
@watch_options(
    timeout="Stop watching after this, as 30s or 5m; exit code 7, and the job goes on.",
    interrupt="Ctrl-C cancels the job, and its end is waited for.",
)
@click.option(
    "--stay", is_flag=True, default=False, help="Go on watching when only a person can move the job."
)
@server_options
@output_options
@click.pass_context
def watch(context: click.Context, /, job_id: str, output: Output, **options: Any) -> int:
    """Watch a job from its first event to its end; the exit code says how it ended.

    With -o json or jsonl each event is one object on a line of its own, as `job history` has it, with its record and instant.
    """
    settings = read_settings(context, _flags(options))

    async def look() -> int:
        from ee_core.cli.meant import naming_jobs

        async with connected(settings) as client, naming_jobs(client, job_id):
            return await _follow(client, job_id, options, output)

    return run_async(look())


@job.command()
@click.argument("job_id", metavar="JOB", type=Id())
@click.option("--reason", default="", metavar="TEXT", help="Kept in the journal.")
@click.option("--who", default="", metavar="NAME", help="Kept in the journal.")
@server_options
@click.pass_context
def cancel(context: click.Context, /, job_id: str, reason: str, who: str, **options: Any) -> int:
    """End a job now; its bots are told to stop.

    Exit code 0: it is cancelled, now or before. 10: it had ended otherwise. 4: it is not known; should it come, it is cancelled.
    """
    from ee_core.messages.jobs import CancelJob

    settings = read_settings(context, _flags(options))

    async def send() -> int:
        from ee_core.cli.meant import find_near_job

        async with connected(settings) as client:
            reply = await client.cancel(CancelJob(job=job_id, reason=reason, who=who))
            if reply.status == "finished":
                return await say_ended(client, job_id, wanted="cancelled")
            if reply.status == "unknown":
                near = await find_near_job(client, job_id)
                say(
                    f"job {job_id} is not known; if it comes, it is cancelled" + (f"; {near}" if near else "")
                )
                return Exit.NOT_FOUND
        say(f"job {job_id}: {reply.status}")
        return Exit.OK

    return run_async(send())


@job.command()
@click.argument("job_id", metavar="JOB", type=Id())
@click.argument("incident", metavar="INCIDENT", default="")
@click.argument(
    "answer",
    metavar="ANSWER",
    required=False,
    type=click.Choice(["retry", "take_result", "skip", "fail", "fire_join"]),
)
@click.option("--output-value", metavar="JSON", help="With skip: the output the node shall have.")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the journal.")
@click.option("--who", default="", metavar="NAME", help="Kept in the journal.")
@server_options
@click.pass_context
def resolve(context: click.Context, /, job_id: str, incident: str, answer: str | None, **options: Any) -> int:
    """Answer an INCIDENT of a job: retry, take_result, skip, fail or fire_join; `eectl job show` names those it takes.

    Exit code 0: the answer holds. 10: the job is over, the incident is closed, or it does not take this answer. 4: there is
    no such job or incident.
    """
    from ee_core.cli.skipped import read_output
    from ee_core.local.env import SystemEnv
    from ee_core.messages.jobs import OperateJob, QueryJobs

    if answer is None:
        from ee_core.cli.unanswered import ask_back

        shown = _ask(context, options, QueryJobs(what="job", job=job_id))
        raise ask_back(shown, incident, CommandLine.given(context))
    settings = read_settings(context, _flags(options))
    command = OperateJob.from_json(
        {
            "id": SystemEnv().new_id(),
            "job": job_id,
            "incident": incident,
            "action": answer,
            "output": read_output(answer, options["output_value"]),
            "who": options["who"],
            "reason": options["reason"],
        }
    )

    async def send() -> int:
        from ee_core.cli.meant import naming_jobs
        from ee_core.cli.skipped import find_warning

        warning = ""
        async with connected(settings) as client:
            async with naming_jobs(client, job_id):
                if answer == "skip" and options["output_value"] is None:
                    warning = await find_warning(client, job_id, incident)
                reply = await client.operate(command)
            if reply.status == "finished":
                return await say_ended(client, job_id)
        say(f"job {job_id}: {reply.status}")
        if warning:
            say(warning)
        return Exit.OK

    return run_async(send())


@job.command()
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    required=True,
    metavar="DAYS",
    help="Jobs that finished longer ago lose their records; how they ended stays.",
)
@click.option(
    "--forget-after",
    type=click.FloatRange(min=0),
    default=365.0,
    show_default=True,
    metavar="DAYS",
    help="Jobs that finished longer ago are forgotten: the same command would make a new job.",
)
@click.option("--dry-run", is_flag=True, default=False, help="Say which jobs, and change nothing.")
@click.option("--yes", is_flag=True, default=False, help="Do not ask.")
@server_options
@output_options
@click.pass_context
def prune(
    context: click.Context,
    /,
    older_than: float,
    forget_after: float,
    dry_run: bool,
    yes: bool,
    output: Output,
    **options: Any,
) -> int:
    """Take the records of old jobs out of the journal of the running engine; open jobs are never touched."""
    from ee_core.cli.pruned import add, agree, describe_pruning
    from ee_core.local.env import SystemEnv
    from ee_core.messages.instants import to_text
    from ee_core.messages.jobs import QueryJobs

    if not dry_run and not yes and not agree(older_than):
        return Exit.OK
    now_us = SystemEnv().now()
    wanted: dict[str, Any] = {
        "before": to_text(now_us - round(older_than * _DAY_US)),
        "forget": to_text(now_us - round(max(forget_after, older_than) * _DAY_US)),
        "trial": dry_run,
    }
    total: dict[str, Any] = {}
    more = True
    while more:
        part = _ask(context, options, QueryJobs(what="prune", filter=wanted))
        total = add(total, part)
        more = part["more"] and not dry_run
    output.record(total, lambda: _put_all(total["jobs"]), names=total["jobs"])
    for line in describe_pruning(total, is_trial=dry_run):
        say(line)
    return Exit.OK


def _put_all(lines: list[str]) -> None:
    for line in lines:
        put(line)


def _flags(options: dict[str, Any]) -> dict[str, Any]:
    return server_flags(options["broker"], options["server"], options["namespace"])


def _ask(context: click.Context, options: dict[str, Any], question: Any) -> Any:
    settings = read_settings(context, _flags(options))
    answers: list[Any] = []

    async def ask() -> int:
        from ee_core.cli.meant import naming_jobs

        async with connected(settings) as client, naming_jobs(client, question.job or ""):
            answers.append(await client.query(question))
        return Exit.OK

    run_async(ask())
    return answers[0]


async def _follow(client: Any, job_id: str, options: dict[str, Any], output: Output) -> Exit:
    from ee_core.cli.watching import stream_job, watch_job

    command = CommandLine.given(click.get_current_context())
    common: dict[str, Any] = {
        "timeout_s": options["timeout_s"],
        "stay": options.get("stay", False),
        "cancel_on_interrupt": options["cancel_on_interrupt"],
    }

    def take(told: Told) -> None:
        output.piece({"record": told.record, "at": told.at, **told.event}, name=told.event["e"])

    if output.is_for_people:
        code = await watch_job(
            client, job_id, put, answer=lambda incident: to_answer(job_id, incident, command), **common
        )
    else:
        code = await stream_job(client, job_id, take, **common)
    if code is Exit.INTERRUPTED:
        watch, cancel = command.to(f"job watch {job_id}"), command.to(f"job cancel {job_id}")
        say(f"interrupted; job {job_id} goes on: {watch}, or {cancel}")
    if code is Exit.TIMED_OUT:
        say(f"time is up; job {job_id} goes on")
    if code is Exit.INCIDENT:
        say(f"job {job_id} waits for a person: {command.to(f'job show {job_id}')}")
    return code


def _to_command(
    context: click.Context, workflow: str, options: dict[str, Any]
) -> tuple[ExecuteJob, Definition | None]:
    """A file is sent along, and what it defines returned too; anything else is a name in the engine's catalogue."""
    from ee_core.cli.files import is_file_name, load_file, parse_inputs
    from ee_core.local.env import SystemEnv
    from ee_core.messages.jobs import ExecuteJob
    from ee_core.registry import Registry

    common: dict[str, Any] = {
        "id": options["job_id"] or make_job_id(SystemEnv()),
        "owner": options["owner"],
        "labels": _pairs(options["labels"], "label"),
        "priority": options["priority"],
    }
    if not is_file_name(workflow):
        inputs = parse_inputs(options["pairs"], options["input_file"])
        return ExecuteJob(workflow=workflow, inputs=inputs, **common), None
    registry = Registry(read_settings(context, _flags(options)), SystemEnv())
    loaded = load_file(workflow, options["bindings"], registry)
    inputs = parse_inputs(options["pairs"], options["input_file"], loaded.definition.workflow)
    command = ExecuteJob(workflow=loaded.content, bindings=loaded.bindings, inputs=inputs, **common)
    return command, loaded.definition


def _pairs(pairs: tuple[str, ...], what: str) -> dict[str, str]:
    result = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{what} {pair!r} is not of the form name=value")
        result[name] = value
    return result
