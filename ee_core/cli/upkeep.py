"""`eectl engine check`, `backup` and `restore`: the journal's file, beside the engine that writes it or without one."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.exits import Exit
from ee_core.cli.formats import Output, output_options
from ee_core.cli.journal_place import find_journal
from ee_core.cli.main import run_async
from ee_core.cli.output import put, say
from ee_core.errors import ConfigError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ee_core.engine.check import Damage, Findings

_SHOWN = 50  # damages, in a table


def _journal_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--journal",
        metavar="FILE",
        help="The journal's file; without it journal.path, else .ee/journal.sqlite.",
    )(command)


@click.command()
@_journal_option
@click.option(
    "--rebuild",
    is_flag=True,
    default=False,
    help="Make the index of jobs anew from the records; no engine may run.",
)
@output_options
@click.pass_context
def check(context: click.Context, journal: str | None, rebuild: bool, output: Output) -> int:
    """Look through the journal: its chain, its records, and the index of jobs.

    Reads only, and an engine may go on writing meanwhile, unless --rebuild is said. Exit code 11: damage was found.
    """
    path = find_journal(context, journal)
    with _naming_files(path):
        return run_async(_rebuild(path, output) if rebuild else _check(path, output))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_journal_option
@click.option("--force", is_flag=True, default=False, help="Write over FILE.")
@click.pass_context
def backup(context: click.Context, file: Path, journal: str | None, force: bool) -> int:
    """Copy the journal to FILE; an engine may go on writing meanwhile.

    The copy is of one instant, and looked through before this command ends.
    """
    from ee_core.local.sqlite_backup import back_up

    path = find_journal(context, journal)
    with _naming_files(path):
        copy = back_up(path, file, force=force)
    say(f"{file}: a copy of journal {path}, up to commit {copy.commits}, {copy.jobs} jobs; looked through")
    return Exit.OK


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_journal_option
@click.option(
    "--force", is_flag=True, default=False, help="Put it in the place of a journal, which is kept beside it."
)
@click.pass_context
def restore(context: click.Context, file: Path, journal: str | None, force: bool) -> int:
    """Make the journal anew from FILE, which `eectl engine backup` made; no engine may run.

    What the journal acknowledged after the copy was made is gone. A bot that did work since then does not repeat it and
    asks a person; another bot, or a stateless activity, may do it again.
    """
    from ee_core.local.env import SystemEnv
    from ee_core.local.sqlite_backup import restore as put_back

    path = find_journal(context, journal)
    _ensure_alone(path, "" if force else " with --force")
    with _naming_files(file):
        copy, replaced = put_back(file, path, now_us=SystemEnv().now(), force=force)
    say(f"{path}: restored from {file}, up to commit {copy.commits}, {copy.jobs} jobs")
    if replaced is not None:
        say(f"{replaced}: the journal that was there")
    if copy.open:
        say(
            f"{copy.open} jobs are open in it and go on from there: what was done for them after the copy may be done again"
        )
    return Exit.OK


def _ensure_alone(path: Path, how: str) -> None:
    """Make sure that no engine has the journal, before anything else is asked of somebody who cannot go on anyway.

    Raises:
        ConflictError: One has.
    """
    if not path.exists():
        return
    from ee_core.cli.problem import split
    from ee_core.local.sqlite_backup import claimed

    try:
        with claimed(path):
            pass
    except ConflictError as error:
        raise ConflictError(
            f"{split(str(error))[0]}; stop the engine that runs on it, as `eectl down` does, and restore then{how}"
        ) from error


@contextmanager
def _naming_files(path: Path) -> Iterator[None]:
    """Have the error that a file is not there name the one of nearly that name."""
    try:
        yield
    except ConfigError as error:
        from ee_core.cli.problem import split
        from ee_core.definitions.diagnostics import did_you_mean

        beside: list[str] = []
        with suppress(OSError):  # a folder that cannot be listed gives no hint, and hides no error
            if not path.exists():
                beside = [each.name for each in path.parent.iterdir() if each.is_file()]
        near = did_you_mean(path.name, beside)
        if not near:
            raise
        raise ConfigError(f"{split(str(error))[0]}; {near}") from error


async def _check(path: Path, output: Output) -> int:
    from ee_core.engine.check import check_journal
    from ee_core.local.sqlite_journal import SqliteJournal

    async with SqliteJournal(path, new_store_id="", read_only=True) as journal:
        faults = await journal.find_faults()
        found = await check_journal(journal)
    _print(path, found, faults, output)
    if found.damage and found.can_rebuild and any(damage.is_index for damage in found.damage):
        say("the records are whole: `eectl engine check --rebuild` makes the index anew")
    elif faults or not found.can_rebuild:
        say("records are lost: `eectl engine restore` puts a backup in the journal's place")
    return Exit.FOUND_SOMETHING if found.damage or faults else Exit.OK


async def _rebuild(path: Path, output: Output) -> int:
    from ee_core.engine.check import check_journal
    from ee_core.errors import JournalCorruptError
    from ee_core.local.sqlite_backup import claimed
    from ee_core.local.sqlite_journal import SqliteJournal

    async with SqliteJournal(path, new_store_id="", read_only=True):
        pass  # it is there: opening it for writing would make it
    with claimed(path):
        pass  # nobody has it open; whoever opens it from here on is shut out by the epoch, or shuts us out
    async with SqliteJournal(path, new_store_id="") as journal:
        head = await journal.open_partition(0)
        found = await check_journal(journal)
        if not found.can_rebuild:
            _print(path, found, [], output)
            raise JournalCorruptError(
                f"journal {str(path)!r} has lost records, and an index of the rest would lose jobs in silence;"
                " nothing was changed; restore a backup with `eectl engine restore`"
            )
        await journal.rebuild(head, found.summaries)
        again = await check_journal(journal)
        await journal.close_partition(head)
    _print(path, found, [], output)
    say(f"the index was made anew: {len(found.summaries)} jobs, {again.stubs} stubs of pruned ones")
    return Exit.FOUND_SOMETHING if found.damage else Exit.OK


def _print(path: Path, found: Findings, faults: list[str], output: Output) -> None:
    counts = {name: getattr(found, name) for name in ("commits", "records", "jobs", "open", "stubs")}
    record = counts | {"file": faults, "damage": [_to_json(damage) for damage in found.damage]}

    def show() -> None:
        output.pairs(counts.items())
        for fault in faults:
            put(f"damage in the file: {fault}")
        for damage in found.damage[:_SHOWN]:
            put(f"damage: {_locate(damage)}{damage.text}")
        if len(found.damage) > _SHOWN:
            put(f"and {len(found.damage) - _SHOWN} more; -o json shows all")
        if not faults and not found.damage:
            put(f"{path} is whole: its pages, the chain, the records and the index")

    output.record(record, show, names=[damage.job for damage in found.damage if damage.job])


def _to_json(damage: Damage) -> dict[str, Any]:
    return {
        "text": damage.text,
        "position": damage.position,
        "job": damage.job,
        "index_only": damage.is_index,
    }


def _locate(damage: Damage) -> str:
    if damage.position is not None and damage.job:
        return f"commit {damage.position}, job {damage.job}: "
    return ""
