"""The group `eectl` and the table of its commands, each imported when it is called.

A command is a click command named by ``module:attribute``; its module lives in this package. Plugins add theirs by the
hook `ee_open_command`. `main` imports this
module only after it has chosen how help is printed.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

_COMMANDS: Final[Mapping[str, str]] = {
    "init": "ee_core.cli.init:init",
    "run": "ee_core.cli.run:run",
    "test": "ee_core.cli.test:test",
    "up": "ee_core.cli.up:up",
    "down": "ee_core.cli.down:down",
    "status": "ee_core.cli.status:status",
    "doctor": "ee_core.cli.doctor:doctor",
    "job": "ee_core.cli.job:job",
    "workflow": "ee_core.cli.workflow:workflow",
    "bot": "ee_core.cli.bot:bot",
    "engine": "ee_core.cli.engine:engine",
    "secret": "ee_core.cli.secret:secret",
    "plugin": "ee_core.cli.plugin:plugin",
    "config": "ee_core.cli.config:config",
    "context": "ee_core.cli.context:context",
    "completion": "ee_core.cli.completion:completion",
    "explain": "ee_core.cli.explain:explain",
    "demo": "ee_core.cli.demo:demo",
}


class _Lazy(click.Group):
    """A group whose commands, the core's and those of plugins, are imported when they are called or their help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from ee_core.cli.extensions import list_names

        return [*_COMMANDS, *(name for name in list_names() if name not in _COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            from ee_core.cli.extensions import open_command

            return open_command(cmd_name, ctx.params.get("config"), ctx.params.get("context"))
        module, attribute = _COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if ctx.resilient_parsing:  # a shell completes
            from ee_core.cli.candidates import offer_names

            offer_names(command, cmd_name)
        return command


def _offer_contexts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from ee_core.cli.candidates import Names, list_contexts

    return Names(list_contexts).offer(ctx, incomplete)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "--config",
    type=click.Path(dir_okay=False),
    help="Settings file; without it ./ee.toml, if there is one.",
)
@click.option(
    "--context",
    metavar="NAME",
    shell_complete=_offer_contexts,
    help="Use the settings of [contexts.NAME]; without it EE_CONTEXT, else what `eectl context use` has noted.",
)
@click.option(
    "-v", "--verbose", count=True, metavar="", help="Say more: -v what the engine does, -vv everything."
)
@click.version_option(
    version("ee-core"), "-V", "--version", prog_name="eectl", message="%(prog)s %(version)s"
)
@click.pass_context
def cli(ctx: click.Context, config: str | None, context: str | None, verbose: int) -> None:
    """Run workflows whose steps are done by bots.

    Exit codes: 0 job succeeded, 1 unexpected, 2 usage, 3 invalid input, 4 not found, 5 job failed, 6 job cancelled,
    7 time-out (the job goes on), 8 engine or broker unreachable, 9 not allowed, 10 conflict, 11 checks found
    something, 12 an incident is open, 130 interrupted, 141 nobody read on,
    143 terminated.
    """
    ctx.ensure_object(dict).update(config=config, context=context)
    if os.environ.get("NO_COLOR"):  # noqa: TID251 - a custom of all programs, https://no-color.org, and no setting
        ctx.color = False
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
