"""Words for the person at the terminal, on stderr; and the one way onto stdout.

What a command prints as its data goes through `formats`, which decides how it looks.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import click


class PipeClosedError(Exception):
    """Nobody reads stdout any more, as with ``| head``; no error of EE's, so it is none of its tree."""


def say(text: str) -> None:
    """Tell the person at the terminal something."""
    with suppress(BrokenPipeError):  # nobody listens; the work is done all the same
        click.echo(text, err=True)


def put(text: str) -> None:
    """Print a line on stdout.

    Raises:
        PipeClosedError: Whoever read it has gone.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        raise PipeClosedError from None


def is_terminal() -> bool:
    """Say whether a person reads stdout."""
    return sys.stdout.isatty()
