"""The file of the SQLite journal: what is in it, how it is made, and how one is told from other files.

`record` is the journal: frames in the order they came, each with the number of its job. A number rather than the id,
because jobs that run at the same time have neighbouring numbers: with 1,000 jobs at work the index that `history` needs
then costs commits of 100 records a quarter of their speed, where one over random ids costs four fifths. `commits` says which records belong together
and carries the chain, `epoch` who wrote when. `job` is the index of jobs; what it shows follows from the records,
but for the stubs of pruned jobs, which have none. `residue` and `told` say `ee_core.model.record` and the contract.

Every commit is synced (``synchronous=FULL``), as are the folder's entries that SQLite and we make. Nobody but the owner
may read the file; SQLite gives the files beside it the same permissions.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ee_core.errors import ConfigError, JournalCorruptError, NewerVersionError
from ee_core.local import sqlite_upgrade
from ee_core.local.place import check_place
from ee_core.local.sqlite_errors import primary_code

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION_ID: Final = 0x45454A31  # "EEJ1", in the file's header
SCHEMA_VERSION: Final = 2

_CHECKPOINT_PAGES: Final = 2_000  # of 4 kB in the log; then a commit copies them to the file and begins anew
_CACHE_KB: Final = 16_000
_RETRY_S: Final = 0.01
_LOG_LIMIT_BYTES: Final = 64 * 1024 * 1024  # a log that grew larger is cut when it begins anew

_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE record (id INTEGER PRIMARY KEY, job INTEGER NOT NULL, frame BLOB NOT NULL)",
    "CREATE INDEX record_job ON record (job)",
    # last: the id of the commit's last record; its first follows the last one of the commit before
    """CREATE TABLE commits (
        position INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, last INTEGER NOT NULL, link BLOB NOT NULL,
        told INTEGER NOT NULL DEFAULT 0, residue BLOB)""",
    # after: the position at which the epoch began; stopped: its writer ended in order, having told so much
    """CREATE TABLE epoch (
        epoch INTEGER PRIMARY KEY, after INTEGER NOT NULL, stopped INTEGER NOT NULL DEFAULT 0,
        told INTEGER NOT NULL DEFAULT 0)""",
    # records: how many the job had when the row was last written; checksum: of all before it but the number
    """CREATE TABLE job (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, workflow TEXT NOT NULL, version TEXT NOT NULL, hash TEXT,
        status TEXT NOT NULL, outcome TEXT NOT NULL, owner TEXT NOT NULL, labels TEXT NOT NULL, priority INTEGER NOT NULL,
        accepted_us INTEGER NOT NULL, finished_us INTEGER, incidents INTEGER NOT NULL, open INTEGER NOT NULL,
        digest TEXT NOT NULL DEFAULT '', pruned INTEGER NOT NULL DEFAULT 0,
        records INTEGER NOT NULL, checksum INTEGER NOT NULL)""",
    "CREATE INDEX job_accepted ON job (accepted_us, id)",
    "CREATE INDEX job_open ON job (number) WHERE open",
    "CREATE INDEX job_over ON job (pruned, finished_us) WHERE NOT open",
    "CREATE TABLE content (hash TEXT PRIMARY KEY, body BLOB NOT NULL, checksum INTEGER NOT NULL)",
    # when each schema came to this file, oldest first; by the clock of the machine, for people
    "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, since TEXT NOT NULL)",
)
_SINCE: Final = "INSERT INTO schema_version VALUES (?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"


@contextmanager
def transaction(database: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """Write all or nothing; nobody else writes meanwhile. With kind DEFERRED: read one state of the file."""
    database.execute(f"BEGIN {kind}")
    try:
        yield
        database.execute("COMMIT")
    finally:
        if database.in_transaction:  # else it is committed, or SQLite itself took it back
            database.execute("ROLLBACK")


def open_for_writing(path: Path, *, store_id: str, busy_timeout_s: float) -> sqlite3.Connection:
    """Open a journal file, making it when there is none.

    Args:
        path: Absolute, links resolved.
        store_id: The name of the store if it is made now.
        busy_timeout_s: How long to wait while another process writes.

    Raises:
        ConfigError: The place cannot hold a journal, or the file is none.
        NewerVersionError: It was made by a newer EE.
        sqlite3.Error: It cannot be read or written.
    """
    check_place(path, setting="journal.path", reason="sqlite loses data")
    _make_file(path)
    database = _connect(path, busy_timeout_s)
    try:
        with transaction(database, "DEFERRED"):  # another process may be making the tables
            version = check_file(database, path)
        _begin_log(database, path, busy_timeout_s)
        _set_up(database)
        if version == 0:
            _make_tables(database, path, store_id)
        elif version < SCHEMA_VERSION:
            _upgrade(database, path)
    except BaseException:
        database.close()
        raise
    return database


def open_for_reading(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """Open another connection to a journal file, which is there and of this schema.

    Raises:
        ConfigError, NewerVersionError: There is no journal, or not of this schema.
        sqlite3.Error: It cannot be read.
    """
    if not path.is_file():
        raise ConfigError(f"journal.path {str(path)!r}: there is no such file; give the path of a journal")
    # read-only, so that nothing is made or mended here, but SQLite still shares the log with whoever writes
    database = sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, timeout=busy_timeout_s, isolation_level=None
    )
    try:
        version = check_file(database, path)
        if version < SCHEMA_VERSION:
            raise ConfigError(
                f"journal {str(path)!r} has schema {version}, and {SCHEMA_VERSION} is needed to look at it;"
                " start an engine on it once, which upgrades it"
            )
    except BaseException:
        database.close()
        raise
    return database


def read_store_id(database: sqlite3.Connection) -> str:
    """Return the store's name.

    Raises:
        JournalCorruptError: It is not there.
    """
    row = database.execute("SELECT value FROM meta WHERE key = 'store_id'").fetchone()
    if row is None or not isinstance(row[0], str):
        raise JournalCorruptError("the journal has lost its store's name; restore it from a copy")
    return row[0]


def _connect(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    # isolation_level None: transactions are ours, the binding begins none
    return sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)


def _make_file(path: Path) -> None:
    """Make the file before SQLite does, which would let others read it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(
            f"journal.path {str(path)!r} cannot be made: {error.strerror};"
            " make its disk and folder writable for this user, or give another path"
        ) from error
    if os.name == "posix":  # elsewhere a folder cannot be synced, and need not be
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def check_file(database: sqlite3.Connection, path: Path) -> int:
    """Return the schema of a journal; 0 if the file is empty.

    Raises:
        ConfigError, NewerVersionError: It is not ours, or not yet.
    """
    try:
        (identity,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (pages,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if primary_code(error) != sqlite3.SQLITE_NOTADB:
            raise
        raise ConfigError(
            f"journal.path {str(path)!r} is no sqlite file; give the path of a journal or of a new file"
        ) from error
    if identity == 0 and pages == 0:
        return 0
    if identity != APPLICATION_ID:
        raise ConfigError(
            f"journal.path {str(path)!r} is an sqlite file, but no journal; give the path of a journal or of a new file"
        )
    if version > SCHEMA_VERSION:
        raise NewerVersionError(
            f"journal {str(path)!r} has schema {version}, this engine knows {SCHEMA_VERSION}: a newer engine is needed"
        )
    return int(version)


def _begin_log(database: sqlite3.Connection, path: Path, busy_timeout_s: float) -> None:
    mode = ""
    for left in reversed(range(1 + round(busy_timeout_s / _RETRY_S))):
        try:
            (mode,) = database.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            # this one statement does not wait for another process that opens the file too
            if primary_code(error) != sqlite3.SQLITE_BUSY or left == 0:
                raise
            time.sleep(_RETRY_S)
    if mode != "wal":
        raise ConfigError(
            f"journal.path {str(path)!r}: the file system cannot hold sqlite's log ({mode}); give a path on a local disk"
        )


def _set_up(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA fullfsync = 1")  # macOS alone needs it to reach the disk
    database.execute("PRAGMA checkpoint_fullfsync = 1")
    database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    database.execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT_BYTES}")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")


def _upgrade(database: sqlite3.Connection, path: Path) -> None:
    """Bring an older file to this schema: all steps, or none."""
    with transaction(database):
        version = check_file(database, path)  # another process may have been quicker
        for step in range(version, SCHEMA_VERSION):
            sqlite_upgrade.STEPS[step](database)
            database.execute(_SINCE, (step + 1,))
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _make_tables(database: sqlite3.Connection, path: Path, store_id: str) -> None:
    with transaction(database):
        if check_file(database, path):
            return  # another process was quicker
        for table in _TABLES:
            database.execute(table)
        database.execute(_SINCE, (SCHEMA_VERSION,))
        database.execute("INSERT INTO meta VALUES ('store_id', ?)", (store_id,))
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
