"""What `eectl up` says of itself in its folder, so that `down` and `status` find it."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ee_core.cli.place import DATA, JOURNAL
from ee_core.config import Nearby
from ee_core.errors import ConfigError, ConflictError
from ee_core.local.holding import hold, is_held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.config import Settings

_NOTE: Final = "up.json"
_HOLD: Final = "up.lock"  # held by the process as long as it lives: a note alone may be of a dead one
_PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Site:
    """A running `eectl up`."""

    pid: int
    url: str  # of its nats-server
    engine: str
    since_us: int


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Have the folder for this process alone, and leave no note behind.

    Raises:
        ConflictError: Another one has it.
        ConfigError: The folder takes no file.
    """
    try:
        holding = hold(folder / _HOLD, within_s=_PATIENCE_S)
    except sqlite3.Error as error:
        raise ConfigError(
            f"{folder / _HOLD} cannot be locked: {error}; use another folder with --data"
        ) from error
    if holding is None:
        raise ConflictError(
            f"`eectl up` runs on {folder} already; `eectl down` ends it, and --data names another folder"
        )
    with closing(holding):
        try:
            yield
        finally:
            (folder / _NOTE).unlink(missing_ok=True)


def announce(folder: Path, *, url: str, engine: str, now_us: int) -> None:
    """Leave a note about this process; `held` removes it."""
    site = Site(os.getpid(), url, engine, now_us)
    following = folder / f"{_NOTE}.new"
    following.write_text(json.dumps(asdict(site)) + "\n", encoding="utf-8")
    following.replace(folder / _NOTE)


def find_site(folder: Path) -> Site | None:
    """Return what runs on the folder, None when nothing does or it has not come up yet."""
    try:
        if not is_held(folder / _HOLD):
            return None
        return Site(**json.loads((folder / _NOTE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{folder / _NOTE} cannot be read: {error}") from error


def find_nearby() -> Nearby | None:
    """Return the address of the server of an `eectl up` in this folder, as a setting; None when none runs here."""
    if not (DATA / _NOTE).exists():  # to look at its lock would be in the way of one that begins
        return None
    site = find_site(DATA)
    return None if site is None else Nearby({"broker.servers": site.url}, f"`eectl up` of {DATA}")


def is_up(folder: Path) -> bool:
    """Say whether a process has the folder, come up or not."""
    return is_held(folder / _HOLD)


def keep_off(settings: Settings) -> None:
    """Make sure that the journal is not that of an `eectl up`: its engine would lose it, and take server and bots along.

    Raises:
        ConflictError: It is.
    """
    path = Path(str(settings.journal.settings.get("path", "")))
    if settings.journal.name != "sqlite" or path.name != JOURNAL or not is_up(path.parent):
        return
    site = find_site(path.parent)
    process = f" (process {site.pid})" if site is not None else ""
    of = "" if path.parent == DATA else f" --data {shlex.quote(str(path.parent))}"
    raise ConflictError(
        f"`eectl up`{process} runs an engine on journal {str(path)!r};"
        f" give your commands to that one, or end it first by `eectl down{of}`"
    )
