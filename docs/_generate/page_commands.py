"""The page of commands, from the tree of click commands."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click
from source import code, markdown, page, table

from ee_core.cli.exits import Exit
from ee_core.cli.root import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXITS = {
    Exit.OK: "done; of a job: it succeeded",
    Exit.UNEXPECTED: "a fault of EE or of the machine",
    Exit.USAGE: "the command line is wrong",
    Exit.INVALID_INPUT: "a workflow, setting or argument is not valid",
    Exit.NOT_FOUND: "no job, file, plugin or incident of that name",
    Exit.JOB_FAILED: "the job failed",
    Exit.JOB_CANCELLED: "the job was cancelled",
    Exit.TIMED_OUT: "the time is up; the job goes on",
    Exit.UNREACHABLE: "no engine, or no broker, answered",
    Exit.NOT_ALLOWED: "not allowed",
    Exit.CONFLICT: "the id is taken, the bot is held, or another engine runs here",
    Exit.FOUND_SOMETHING: "a check has something to say",
    Exit.INCIDENT: "an incident is open, and nothing but an answer can move the job",
    Exit.INTERRUPTED: "Ctrl-C",
    Exit.PIPE_CLOSED: "nobody read the rest of the output, as with `| head`",
    Exit.TERMINATED: "SIGTERM",
}


def iter_commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it, each with what is typed."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from iter_commands(inner, f"{path} {name}")


def make() -> str:
    """Return the page."""
    parts = [
        "## Exit codes",
        table(("code", "meaning"), [(str(int(one)), text) for one, text in _EXITS.items()]),
    ]
    for path, command in iter_commands(cli, "eectl"):
        parts += _describe(path, command)
    return page(
        "Commands",
        "`eectl` prints data on stdout, as `-o` and `--query` say; everything else goes to stderr.",
        *parts,
    )


def _describe(path: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=path)
    parts = [f"## {path}", markdown(inspect.cleandoc(command.help or ""))]
    if path == "eectl":
        parts[1] = markdown(
            inspect.cleandoc(command.help or "").partition("\n\n")[0]
        )  # exit codes have a table
    parts.append("```text\n" + path + " " + " ".join(command.collect_usage_pieces(context)) + "\n```")
    if isinstance(command, click.Group):
        rows = [
            (f"[`{path} {name}`](#{f'{path} {name}'.replace(' ', '-')})", inner.get_short_help_str(200))
            for name in command.list_commands(context)
            if (inner := command.get_command(context, name)) is not None
        ]
        parts.append(table(("command", "does"), rows))
    options = [one for one in command.params if isinstance(one, click.Option)]
    if options:
        parts.append(table(("option", "meaning", "default"), [_option(one, context) for one in options]))
    return parts


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    names = ", ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag or option.count else " " + option.make_metavar(context)
    text = option.help or ""
    if option.multiple:
        text += " May be given several times."
    if option.envvar:
        text += f" Also by the variable `{option.envvar}`."
    shown = "" if not option.show_default else str(option.get_default(context))
    return code(names + value), text, code(shown)
