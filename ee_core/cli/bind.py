"""`eectl workflow bind`: a bindings file to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from ee_core.cli.output import say
from ee_core.cli.session import read_settings


@click.command()
@click.argument("file")
@click.option(
    "--into",
    metavar="FILE",
    help="The bindings file, which is continued if there is one; without it stdout.",
)
@click.pass_context
def bind(context: click.Context, file: str, into: str | None) -> None:
    """Make bindings for an export FILE: an entry for each activity id that has none; - is stdin.

    Name in each the activity type that does the work, and its input. What a bindings file holds already stays as it is.
    """
    from ee_core.cli.files import load_file, read_file, write_file
    from ee_core.definitions.binding_skeleton import add_bindings
    from ee_core.errors import InputError
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    definition = load_file(file, None, Registry(read_settings(context), SystemEnv())).definition
    if definition.extras["form"] != "export":
        raise InputError(f"{file} is in the native form, which names its activity types itself")
    existing = read_file(into) if into is not None and Path(into).exists() else None
    made = add_bindings(definition.workflow, existing, into or "the bindings")
    if into is None:
        click.echo(made.text, nl=False)
    elif made.added:
        write_file(into, made.text)
    count = len(made.added)
    say(f"{count} activity id{'s' if count != 1 else ''} to bind" if count else "nothing is left to bind")
