"""`eectl down`: ends what `eectl up` started."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

import click

from ee_core.cli.exits import Exit
from ee_core.cli.output import say
from ee_core.cli.place import data_option, find_near_folder
from ee_core.cli.site import find_site, is_up

if TYPE_CHECKING:
    from pathlib import Path

_POLL_S: Final = 0.1


@click.command()
@data_option("The folder that `eectl up` was given.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="How long to wait for its end.",
)
def down(data: Path, timeout: float) -> int:
    """End what `eectl up` runs: it stops in order, and jobs go on at the next `eectl up`.

    What its own bots are doing right then is stopped, and counts as lost; bots with a process of their own work on.
    Nothing running is no error. Exit code 7: it was told to end, and has not within the time-out.
    """
    site = find_site(data)
    if site is None:
        near = "" if data.is_dir() else find_near_folder(data)
        say(
            f"nothing runs on {data}" + (f"; {near}" if near else "")
            if not is_up(data)
            else f"what runs on {data} is about to come up or to end"
        )
        return Exit.OK if not is_up(data) else Exit.CONFLICT
    os.kill(site.pid, signal.SIGTERM)
    until = time.monotonic() + timeout
    while is_up(data):
        if time.monotonic() > until:
            say(
                f"process {site.pid} was told to end, and still runs after {timeout:g} s; look again, or kill it"
            )
            return Exit.TIMED_OUT
        time.sleep(_POLL_S)
    say(f"down: process {site.pid} on {data} ended; jobs go on at the next `eectl up`")
    return Exit.OK
