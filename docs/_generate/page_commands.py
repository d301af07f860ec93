"""The page of commands, from the tree of click commands."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click
from source import code, markdown, page, table

from ee_core.cli.exits import MEANINGS
from ee_core.cli.root import cli

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        table(("code", "meaning"), [(str(int(one)), text) for one, text in MEANINGS.items()]),
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
