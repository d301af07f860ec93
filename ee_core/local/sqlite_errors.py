"""What SQLite's errors mean for a journal: not now, or damaged."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from ee_core.errors import JournalCorruptError, JournalUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

_CAUSES: Final = {
    sqlite3.SQLITE_BUSY: "another process holds it locked",
    sqlite3.SQLITE_LOCKED: "another process holds it locked",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened, or the files beside it cannot",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk does not read or write",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_PERM: "permission is denied",
    sqlite3.SQLITE_READONLY: "it is read-only",
}
_DAMAGE: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_ERROR,  # our statements fit our tables, so these are no longer what they were
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_NOTADB,
    }
)


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 for an error of Python's binding, which has none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def translate(error: sqlite3.Error, path: Path) -> JournalUnavailableError | JournalCorruptError:
    """Return the journal's error for one of SQLite."""
    code = primary_code(error)
    # the binding's own complaint about text that is no text has no code: the bytes were changed
    if code in _DAMAGE or "decode to UTF-8" in str(error):
        return JournalCorruptError(f"journal {str(path)!r} is damaged: {error}; restore it from a copy")
    cause = _CAUSES.get(code, "sqlite refuses")
    return JournalUnavailableError(f"journal {str(path)!r}: {cause} ({error})")
