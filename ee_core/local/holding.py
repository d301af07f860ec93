"""Keeps a file to one process at a time; whoever dies lets go of it.

SQLite does the locking, because it knows how on every system.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def hold(path: Path, *, within_s: float = 0.0) -> sqlite3.Connection | None:
    """Hold the file until what is returned is closed, or the process ends; None when another one holds it.

    Args:
        within_s: How long to try. Whoever only looks, by `is_held`, has the file for a moment too.

    Raises:
        sqlite3.Error: The file cannot be made or locked.
    """
    held: sqlite3.Connection | None = None
    try:
        held = sqlite3.connect(path, isolation_level=None, timeout=within_s)
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if held is not None:
            held.close()
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
            return None
        raise
    return held


def is_held(path: Path) -> bool:
    """Say whether a process holds the file, which need not be there.

    Raises:
        sqlite3.Error: It cannot be told.
    """
    if not path.exists():
        return False
    held = hold(path)
    if held is None:
        return True
    with closing(held):
        return False
