"""The command `eectl`: a table of commands, loaded when they are called.

Nothing heavy is imported here: ``eectl --version`` and completion stay quick. A command is a click command named by
``module:attribute``; its module lives in this package.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
import sys
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli.exits import Exit, exit_of
from ee_core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("ee_core.cli.run:run", "Run a workflow here, with bots of this process, and watch it."),
    "up": ("ee_core.cli.up:up", "Start a NATS server, an engine and a bot on this machine."),
    "job": ("ee_core.cli.job:job", "Submit jobs, look at them, cancel them, answer incidents."),
    "workflow": ("ee_core.cli.workflow:workflow", "Check workflow files."),
    "bot": ("ee_core.cli.bot:bot", "Run bots, and see which are there."),
    "engine": ("ee_core.cli.engine:engine", "Run an engine."),
    "plugin": ("ee_core.cli.plugin:plugin", "See which plugins are installed, and in which state."),
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are called or their help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # the texts stand in the table, so that help imports no command
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "--config",
    type=click.Path(dir_okay=False),
    help="Settings file; without it ./ee.toml, if there is one.",
)
@click.option("-v", "--verbose", count=True, help="Say more: -v what the engine does, -vv everything.")
@click.version_option(
    version("ee-core"), "-V", "--version", prog_name="eectl", message="%(prog)s %(version)s"
)
@click.pass_context
def cli(context: click.Context, config: str | None, verbose: int) -> None:
    """Run workflows whose steps are done by bots.

    Exit codes: 0 job succeeded, 1 unexpected, 2 usage, 3 invalid input, 4 not found, 5 job failed, 6 job cancelled,
    7 time-out (the job goes on), 8 engine or broker unreachable, 9 not allowed, 10 conflict, 11 checks found
    something, 12 an incident is open, 130 interrupted, 143 terminated.
    """
    context.obj = {"config": config}
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `eectl` and end the process with its exit code."""
    sys.exit(run_command(arguments))


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run `eectl` and return its exit code."""
    try:
        result: Any = cli.main(args=arguments, prog_name="eectl", standalone_mode=False)
    except click.exceptions.Abort:
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except EngineError as error:
        click.echo(f"error: {error}", err=True)
        return exit_of(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return Exit.INTERRUPTED
    except Exception as error:
        logging.getLogger(__name__).debug("unexpected", exc_info=error)
        click.echo(
            f"error: unexpected {type(error).__name__}: {error}; `eectl -vv ...` shows where; please report it",
            err=True,
        )
        return Exit.UNEXPECTED
    return int(result) if isinstance(result, int) else Exit.OK


def run_async(work: Any) -> int:
    """Run a command's coroutine; SIGTERM ends it as Ctrl-C does, with its own code."""

    async def guarded() -> int:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None, "inside a coroutine"
        terminated = False

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        with suppress(NotImplementedError):  # Windows has no signal handlers in its loop; Ctrl-C works there
            loop.add_signal_handler(signal.SIGTERM, terminate)
        try:
            return int(await work)
        except asyncio.CancelledError:
            if terminated:
                return Exit.TERMINATED
            raise

    return asyncio.run(guarded())
