"""`eectl up --detach`: the same command once more, in a process of its own that outlives the terminal."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from ee_core.cli.exits import Exit
from ee_core.cli.output import say
from ee_core.cli.place import DATA
from ee_core.cli.site import Site, find_site

if TYPE_CHECKING:
    from pathlib import Path

_LOG: Final = "up.log"
_WITHIN_S: Final = 60.0
_POLL_S: Final = 0.1


def start_detached(folder: Path) -> int:
    """Start it, wait until it is up, and say where it is; when it ended instead, say what it said."""
    log = folder / _LOG
    began = log.stat().st_size if log.exists() else 0
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "ee_core.cli", *sys.argv[1:], "--detached"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            **_alone(),
        )
    site = _wait(process, folder)
    if site is not None:
        say(f"up: process {site.pid}, {site.url}, engine {site.engine}, log in {log}")
        of = "" if folder == DATA else f" --data {shlex.quote(str(folder))}"
        say(f"`eectl status{of}` shows it, `eectl down{of}` ends it")
        return Exit.OK
    with log.open("rb") as file:
        file.seek(began)
        say(file.read().decode(errors="replace").rstrip())
    if process.poll() is None:
        say(
            f"it has not come up within {_WITHIN_S:.0f} s, and goes on trying as process {process.pid}; log in {log}"
        )
        return Exit.TIMED_OUT
    return process.returncode or Exit.UNEXPECTED


def _wait(process: subprocess.Popen[bytes], folder: Path) -> Site | None:
    until = time.monotonic() + _WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        site = find_site(folder)
        if site is not None and site.pid == process.pid:
            return site
        time.sleep(_POLL_S)
    return None


def _alone() -> dict[str, Any]:
    """Keep the terminal's Ctrl-C and its end away from the process."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}
