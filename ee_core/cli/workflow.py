"""`eectl workflow`: files, without running them."""

from __future__ import annotations

from dataclasses import asdict

import click

from ee_core.cli.bind import bind
from ee_core.cli.convert import convert
from ee_core.cli.exits import Exit
from ee_core.cli.fmt import fmt
from ee_core.cli.formats import Output, output_options
from ee_core.cli.output import put, say
from ee_core.cli.rehearse import rehearse
from ee_core.cli.schema import schema
from ee_core.cli.session import read_settings
from ee_core.cli.show import graph, show


@click.group()
def workflow() -> None:
    """Check and rehearse workflow files."""


@workflow.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option(
    "--bindings", metavar="FILE", help="For a file in the export form: what its activity ids stand for."
)
@click.option(
    "--bot",
    "bot_files",
    multiple=True,
    metavar="FILE",
    help="A Python file with a bot: its functions and labels are known from it; nothing is called.",
)
@click.option("--strict", is_flag=True, default=False, help="Warnings count as findings: exit code 11.")
@output_options
@click.pass_context
def check(
    context: click.Context,
    files: tuple[str, ...],
    bindings: str | None,
    bot_files: tuple[str, ...],
    strict: bool,
    output: Output,
) -> int:
    """Find every mistake in workflow FILES before they run; - is stdin."""
    from ee_core.cli.files import load_file
    from ee_core.cli.local import load_bot, to_known
    from ee_core.errors import WorkflowError
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    registry = Registry(read_settings(context), SystemEnv())
    bots = [load_bot(path) for path in bot_files]
    served = {name: kind for bot in bots for name, kind in bot.activities.items()}
    known = tuple(to_known(bot) for bot in bots)
    worst = Exit.OK
    found = []
    for path in files:
        try:
            definition = load_file(path, bindings, registry, served=served, bots=known).definition
        except WorkflowError as error:
            worst = Exit.INVALID_INPUT
            found += [asdict(diagnostic) for diagnostic in error.diagnostics]
            say(str(error))
            continue
        found += [asdict(diagnostic) for diagnostic in definition.diagnostics]
        for diagnostic in definition.diagnostics:
            say(diagnostic.render())
        if definition.diagnostics and strict and worst is Exit.OK:
            worst = Exit.FOUND_SOMETHING
        if output.is_for_people:
            nodes = len(definition.workflow.nodes)
            put(f"{path}: {definition.workflow.name}, {nodes} nodes, {definition.hash[:12]}")
    if not output.is_for_people:
        output.rows(found, ("code",))
    return worst


workflow.add_command(schema)
workflow.add_command(convert)
workflow.add_command(show)
workflow.add_command(graph)
workflow.add_command(fmt)
workflow.add_command(bind)
workflow.add_command(rehearse)
