"""The command `eectl`: runs what is asked, and turns whatever comes of it into an exit code.

Nothing heavy is imported here: ``eectl --version`` and completion stay quick.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli.exits import Exit, exit_of
from ee_core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELP: Final = frozenset({"-h", "--help"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `eectl` and end the process with its exit code."""
    sys.exit(run_command(arguments))


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run `eectl` and return its exit code."""
    asked = sys.argv[1:] if arguments is None else arguments
    if not asked or _HELP & set(asked):
        _make_help_rich()
    from ee_core.cli.root import cli

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


def _make_help_rich() -> None:
    """Let click print help in colours and boxes; before the commands are made, and only for help: it takes time."""
    from rich_click.patch import patch

    patch()


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
