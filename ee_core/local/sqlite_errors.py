"""What SQLite's errors mean for a journal: not now, or damaged."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from ee_core.errors import JournalCorruptError, JournalUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

_LOCKED: Final = ("another process holds it locked", "end that process, or wait for it")
_CLOSED: Final = "make the disk writable, and let this user write the file and its folder"
_CAUSES: Final = {  # and what cures them
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened, or the files beside it cannot", _CLOSED),
    sqlite3.SQLITE_FULL: ("the disk is full", "make room"),
    sqlite3.SQLITE_IOERR: (
        "the disk does not read or write",
        "look at the disk, and make room if it is full",
    ),
    sqlite3.SQLITE_NOMEM: ("there is no memory left", "end what takes it"),
    sqlite3.SQLITE_PERM: ("permission is denied", _CLOSED),
    sqlite3.SQLITE_READONLY: ("it is read-only", _CLOSED),
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
    cause, cure = _CAUSES.get(code, ("sqlite refuses", "look at the file and its disk"))
    return JournalUnavailableError(f"journal {str(path)!r}: {cause} ({error}); {cure}")
