"""The command `eectl`: runs what is asked, and turns whatever comes of it into an exit code.

Nothing heavy is imported here: ``eectl --version`` and completion stay quick. What is imported at all is imported within
functions: Ctrl-C in the first moments meets an import, and is to end the command as it does later.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from ee_core.cli.problem import Problem
    from ee_core.errors import ConfigError, PluginNotFoundError

_HELP: Final = frozenset({"-h", "--help"})
_COMPLETES: Final = "_EECTL_COMPLETE"  # set by the script of `eectl completion`
_INTERRUPTED: Final = 130  # `Exit.INTERRUPTED`, which may not be imported yet


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `eectl` and end the process with its exit code."""
    try:
        code = run_command(arguments)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run `eectl` and return its exit code."""
    import asyncio

    import click

    from ee_core.cli.exits import Exit
    from ee_core.cli.output import PipeClosedError

    asked = sys.argv[1:] if arguments is None else arguments
    is_completing = _COMPLETES in os.environ  # noqa: TID251 - click's variable, which is no setting
    if (not asked and not is_completing) or _HELP & set(asked):
        _make_help_rich()
    from ee_core.cli.root import cli

    shared: dict[str, Any] = {}  # what the command line said so far, also when it then went wrong
    try:
        result: Any = cli.main(args=arguments, prog_name="eectl", standalone_mode=False, obj=shared)
    except PipeClosedError:
        _leave_stdout()
        return Exit.PIPE_CLOSED
    except (KeyboardInterrupt, asyncio.CancelledError, click.exceptions.Abort):
        return Exit.INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends as words and an exit code
        return _tell(error, asked, shared)
    return int(result) if isinstance(result, int) else Exit.OK


def _tell(error: Exception, asked: Sequence[str], shared: dict[str, Any]) -> int:
    """Say on stderr what went wrong, as an object to whoever asked for objects."""
    import logging

    import click

    from ee_core.cli import problem
    from ee_core.cli.formats import FOR_PROGRAMS, find_form
    from ee_core.cli.output import say
    from ee_core.errors import BrokerUnavailableError, ConfigError, EngineError, PluginNotFoundError

    match error:
        case ConfigError():
            found = problem.of_error(_located(error, shared))
        case PluginNotFoundError():
            found = _chosen(problem.of_error(error), error, shared)
        case BrokerUnavailableError():
            found = _traced(problem.of_error(error), shared)
        case EngineError():
            found = problem.of_error(error)
        case click.ClickException():
            found = problem.of_usage(error)
        case _:
            logging.getLogger(__name__).debug("unexpected", exc_info=error)
            found = problem.of_anything(error)
    say(found.to_json() if find_form(asked, shared) in FOR_PROGRAMS else found.to_text())
    return found.exit


def _located(error: ConfigError, shared: dict[str, Any]) -> ConfigError:
    """Say where a setting stands that a plugin refused."""
    from pathlib import Path

    from ee_core.config import locate

    file = shared.get("config")
    return locate(
        error, shared.get("flags"), file=Path(file) if file else None, context=shared.get("context")
    )


def _chosen(found: Problem, error: PluginNotFoundError, shared: dict[str, Any]) -> Problem:
    """Say which setting names a plugin that is not there."""
    from dataclasses import replace
    from pathlib import Path

    from ee_core.config import find_choice_of_plugin

    file = shared.get("config")
    chosen = find_choice_of_plugin(
        error.group,
        error.name,
        shared.get("flags"),
        file=Path(file) if file else None,
        context=shared.get("context"),
    )
    if chosen is None:
        return found
    where, within, place = chosen
    at = {"file": within, "line": place.line, "column": place.column} if place else None
    return replace(found, message=f"{where}: {found.message}", place=at)


def _traced(found: Problem, shared: dict[str, Any]) -> Problem:
    """Say where the address comes from at which nobody answers."""
    from dataclasses import replace

    from ee_core.cli.address import trace_address

    message, hint = trace_address(found.message, found.hint, shared)
    return replace(found, message=message, hint=hint)


def _leave_stdout() -> None:
    """Keep Python from writing the rest of its buffer into a pipe that nobody reads, and complaining of it."""
    from contextlib import suppress

    with suppress(OSError, ValueError):  # a stdout of tests is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _make_help_rich() -> None:
    """Let click print help in colours and boxes; before the commands are made, and only for help: it takes time."""
    from rich_click.patch import patch

    patch()


def run_async(work: Coroutine[Any, Any, int]) -> int:
    """Run a command's coroutine; SIGTERM ends it as Ctrl-C does, with its own code."""
    try:
        return _run_guarded(work)
    finally:
        _abandon(work)


def _abandon(work: Coroutine[Any, Any, int]) -> None:
    """Keep Python from complaining of a coroutine that Ctrl-C kept from beginning."""
    import inspect

    if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
        work.close()


def _run_guarded(work: Coroutine[Any, Any, int]) -> int:
    import asyncio
    import signal
    from contextlib import suppress

    from ee_core.bot.ending import run_to_end
    from ee_core.cli.exits import Exit

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

    guard = guarded()
    try:
        return run_to_end(guard)
    finally:
        _abandon(guard)
