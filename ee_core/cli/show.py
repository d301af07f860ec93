"""`eectl workflow show` and `graph`: a workflow file for a person to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ee_core.cli.output import say
from ee_core.cli.session import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.definitions import Definition


def _of_a_file(command: Callable[..., None]) -> Callable[..., None]:
    """Add what names the file."""
    command = click.option(
        "--bindings", metavar="FILE", help="Of an export file: what its activity ids stand for."
    )(command)
    return click.argument("file")(command)


@click.command()
@_of_a_file
@click.pass_context
def show(context: click.Context, file: str, bindings: str | None) -> None:
    """Say in words what a workflow FILE does: its inputs, and each node with all that is not usual; - is stdin."""
    from ee_core.definitions.summary import to_summary

    click.echo(to_summary(_load(context, file, bindings)), nl=False)


@click.command()
@_of_a_file
@click.option(
    "--draw",
    is_flag=True,
    default=False,
    help="Draw it here, within the terminal's width; needs pip install 'ee-core[graph]'.",
)
@click.pass_context
def graph(context: click.Context, file: str, bindings: str | None, draw: bool) -> None:
    """Draw a workflow FILE as text in Mermaid, which GitHub, GitLab and many editors show; - is stdin."""
    from ee_core.cli.drawing import draw_here
    from ee_core.definitions.drawing import to_mermaid

    workflow = _load(context, file, bindings).workflow
    click.echo(draw_here(workflow) if draw else to_mermaid(workflow), nl=False)


def _load(context: click.Context, file: str, bindings: str | None) -> Definition:
    from ee_core.cli.files import load_file
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    definition = load_file(file, bindings, Registry(read_settings(context), SystemEnv())).definition
    if definition.diagnostics:
        say(f"{len(definition.diagnostics)} warnings; see eectl workflow check {file}")
    return definition
