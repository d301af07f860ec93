"""Copies of the SQLite journal: made while an engine writes, looked through, and put in its place again.

Everything here is plain and blocking, for commands that do nothing else. A copy is one file, of one instant: the log's
content is in it. It is made under another name and gets its own when it is whole, synced and looked through.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ee_core.errors import (
    ConfigError,
    ConflictError,
    EngineError,
    JournalCorruptError,
    JournalUnavailableError,
)
from ee_core.local.sqlite_errors import primary_code, translate
from ee_core.local.sqlite_reader import CommitPages, find_faults
from ee_core.local.sqlite_schema import (
    check_file,
    open_for_reading,
    open_for_writing,
    read_store_id,
    transaction,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TIMEOUT_S: Final = 5.0
_REPLACED: Final = ".replaced"


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy holds."""

    store_id: str
    commits: int  # position of the last one
    jobs: int  # rows of the index
    open: int  # of them


def back_up(journal: Path, target: Path, *, force: bool = False) -> Copy:
    """Copy a journal that an engine may be writing; it goes on meanwhile.

    Raises:
        ConfigError: There is no journal, or no place for the copy.
        ConflictError: The copy's file is there already, and `force` is not set.
        JournalCorruptError: The journal is damaged; no copy is made.
        JournalUnavailableError: It cannot be read, or the copy not be written.
    """
    source, place = journal.resolve(), target.resolve()
    if place.exists() and not force:
        raise ConflictError(f"{str(target)!r} is there already; name another file, or say --force")
    with _explained(source), closing(open_for_reading(source, busy_timeout_s=_TIMEOUT_S)) as database:
        return _write_copy(database, place)


def restore(backup: Path, journal: Path, *, now_us: int, force: bool = False) -> tuple[Copy, Path | None]:
    """Put a copy in the place of a journal that nobody has open.

    The epoch jumps to the clock's microseconds, so no engine that wrote to the journal before, or to another restored
    copy of it, can go on writing.

    Returns:
        What is in it, and where the journal is now that was there before.

    Raises:
        ConfigError: The copy is no journal, or the place can hold none.
        ConflictError: A journal is there and `force` is not set, or somebody has it open.
        JournalCorruptError: The copy is damaged; nothing has changed.
    """
    source, place = backup.resolve(), journal.resolve()
    if place.exists() and not force:
        raise ConflictError(
            f"journal {str(journal)!r} is there already; say --force to put the copy in its place"
        )
    part = place.with_name(f"{place.name}.part")
    _check_folder(part)
    with _explained(source), _claimed(place):
        with closing(_open_copy(source)) as database:
            _write_copy(database, part)
        try:
            _raise_epoch(part, now_us)
            copy = look_through(part)
            replaced = _put_in_place(part, place)
        except BaseException:
            _remove(part)
            raise
    return copy, replaced


def look_through(journal: Path) -> Copy:
    """Read a journal from its first commit to its last, and SQLite's own pages.

    Raises:
        JournalCorruptError: It is damaged.
    """
    with _explained(journal), closing(_open_copy(journal.resolve())) as database:
        for fault in find_faults(database):
            raise JournalCorruptError(f"journal {str(journal)!r} is damaged: {fault}; take another copy")
        store_id, position = read_store_id(database), 0
        pages = CommitPages(store_id, 0)
        while page := pages.next_page(database):
            position = page[-1].position
        jobs, still_open = database.execute(
            "SELECT count(*), count(*) FILTER (WHERE open) FROM job"
        ).fetchone()
        return Copy(store_id, position, jobs, still_open)


@contextmanager
def claimed(journal: Path) -> Iterator[None]:
    """Refuse to go on while anybody has a journal open.

    Raises:
        ConflictError: Somebody has.
    """
    with _explained(journal), _claimed(journal.resolve()):
        yield


def _open_copy(path: Path) -> sqlite3.Connection:
    """Open a file that nobody writes."""
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}; name a copy that `eectl engine backup` made")
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        if check_file(database, path) == 0:
            raise ConfigError(f"{str(path)!r} is empty; name a copy that `eectl engine backup` made")
    except BaseException:
        database.close()
        raise
    return database


def _write_copy(source: sqlite3.Connection, target: Path) -> Copy:
    _check_folder(target)
    part = target.with_name(f"{target.name}.part") if target.suffix != ".part" else target
    _remove(part)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            source.backup(copy)  # all pages in one step: one instant, however much is written meanwhile
            copy.execute("PRAGMA journal_mode = DELETE")
        found = look_through(part)
        _sync(part)
        if part != target:
            part.replace(target)
            _sync(target.parent)
    except BaseException:
        _remove(part)
        raise
    return found


def _raise_epoch(part: Path, now_us: int) -> None:
    with closing(open_for_writing(part, store_id="", busy_timeout_s=0.0)) as database:
        with transaction(database):
            (epoch, told) = database.execute(
                "SELECT max(epoch), max(told) FROM (SELECT epoch, told FROM epoch UNION ALL SELECT epoch, told FROM commits)"
            ).fetchone()
            (position,) = database.execute("SELECT coalesce(max(position), 0) FROM commits").fetchone()
            database.execute(
                "INSERT INTO epoch (epoch, after, stopped, told) VALUES (?, ?, 1, ?)",
                (max((epoch or 0) + 1, now_us), position, told or 0),
            )
        database.execute("PRAGMA journal_mode = DELETE")
    _sync(part)


def _put_in_place(part: Path, place: Path) -> Path | None:
    """Swap the files; at each instant there is a whole journal at its place, the old one or the new."""
    replaced = _free_name(place) if place.exists() else None
    if replaced is not None:
        os.link(place, replaced)
    try:
        # the log of another file, or of none, would be taken for that of the copy; a damaged journal may still need its own
        log = place.with_name(f"{place.name}-wal")
        if replaced is not None and log.exists():
            log.replace(replaced.with_name(f"{replaced.name}-wal"))
        for name in ("-wal", "-shm", "-journal"):
            _remove(place.with_name(place.name + name))
        part.replace(place)
    except BaseException:
        if replaced is not None:
            _remove(replaced)  # a second name of the journal that stays; sqlite would give each its own log
        raise
    _sync(place.parent)
    return replaced


def _free_name(place: Path) -> Path:
    """Return where the old journal is kept: never in the place of one that was kept before."""
    replaced = place.with_name(place.name + _REPLACED)
    number = 2
    while replaced.exists():
        replaced = place.with_name(f"{place.name}{_REPLACED}-{number}")
        number += 1
    return replaced


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    if not path.exists():
        yield
        return
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0.0)) as database:
        try:
            # leaving the log needs the file for oneself: whoever has it open keeps a share of it
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if primary_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise ConflictError(
                    f"journal {str(path)!r} is open in another process; stop the engine that runs on it"
                ) from error
            # it is damaged: nobody can run on it, and that is why it is to be replaced
        yield


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except EngineError:
        raise
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except OSError as error:
        raise JournalUnavailableError(
            f"{error.filename or str(path)!r}: {error.strerror or error}; make room, or mend the place"
        ) from error


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise ConfigError(f"there is no folder {str(target.parent)!r}; make it, or mend the path")


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


def _sync(path: Path) -> None:
    if os.name != "posix" and path.is_dir():
        return  # a folder cannot be synced there, and need not be
    place = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(place)
    finally:
        os.close(place)
