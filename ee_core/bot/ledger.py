"""A bot's memory: what it has started, what came of it, and the highest fence; one small SQLite file.

It makes a bot the fence: an attempt is written before its effect and a response before it is sent, so that neither
a restart nor a request that comes twice starts anything a second time. Commits are made on the loop's thread, with
an fsync each (`synchronous=FULL`): a bot makes two per attempt, and nothing can come between a judgement and its
writing. That blocks the loop for the time of an fsync, 0.3 ms on an ordinary disk of a server.

The file is locked as long as it is open: a second process with the same bot is refused. ":memory:" gives a ledger
that ends with its process, for `eectl run` without a journal and for simulation. Whoever opens a ledger closes it.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from ee_core.bot.entry import AttemptKey, Entry
from ee_core.errors import LedgerConflictError, LedgerError
from ee_core.model.ids import Fence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from ee_core.contracts.env import Env

IN_MEMORY: Final = ":memory:"
KEEP_US: Final = 24 * 3600 * 1_000_000  # how long an acknowledged attempt is kept
KEEP_COUNT: Final = 10_000  # of acknowledged ones, if more came within that time
_FORMAT: Final = "1"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (
    job TEXT NOT NULL, visit TEXT NOT NULL, attempt INTEGER NOT NULL,
    lease INTEGER, n INTEGER, digest TEXT NOT NULL, reply_to TEXT NOT NULL,
    bound_lease INTEGER NOT NULL, bound_n INTEGER NOT NULL,
    response BLOB, acked INTEGER NOT NULL, finished_us INTEGER NOT NULL,
    PRIMARY KEY (job, visit, attempt)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attempt_open ON attempt (job, visit, attempt) WHERE acked = 0;
CREATE INDEX IF NOT EXISTS attempt_age ON attempt (finished_us) WHERE acked = 1;
"""
_COLUMNS: Final = (
    "job, visit, attempt, lease, n, digest, reply_to, bound_lease, bound_n, response, acked, finished_us"
)


class Ledger:
    """An open ledger; used from the thread that opened it.

    Every write but `set_acked` is durable when its method returns; one that raised left everything as it was.

    Raises:
        LedgerError: Not readable or writable, as on a full disk. A write may be repeated.
    """

    def __init__(self, connection: sqlite3.Connection, place: str) -> None:
        self._connection = connection
        self._place = place
        self._ledger_id = ""
        self._highest = Fence(0, 0)
        self._acked: set[AttemptKey] = set()  # not written yet

    @property
    def ledger_id(self) -> str:
        """Random, made with the file: another one means that the memory was lost."""
        return self._ledger_id

    @property
    def highest(self) -> Fence:
        """The highest fence of anything started or claimed."""
        return self._highest

    def find(self, key: AttemptKey) -> Entry | None:
        """Return what is known of an attempt."""
        rows = self._select("job = ? AND visit = ? AND attempt = ?", key)
        if not rows:
            return None
        return replace(rows[0], acked=True) if key in self._acked else rows[0]

    def put(self, entry: Entry) -> None:
        """Write an entry, over an older one of the same attempt; a started one raises the highest fence."""
        highest = self._highest
        if not entry.is_finished and entry.fence is not None:
            highest = max(highest, entry.fence)
        with self._commit():
            self._connection.execute(
                f"INSERT OR REPLACE INTO attempt ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constant names
                _to_row(entry),
            )
            self._write_highest(highest)
        self._highest = highest

    def claim(self, lease: int) -> None:
        """Raise the highest fence to the begin of a lease, so that no request of an earlier one is started."""
        highest = max(self._highest, Fence(lease, 0))
        with self._commit():
            self._write_highest(highest)
        self._highest = highest

    def set_acked(self, key: AttemptKey) -> None:
        """Note that the engine has the response of a finished attempt.

        Written with the next commit or at the end: if that is lost, the response is sent once more, and no harm done.
        """
        self._acked.add(key)

    def open_entries(self) -> list[Entry]:
        """List the attempts that are not finished, or whose response is not acknowledged."""
        rows = self._select("acked = 0 ORDER BY finished_us, job, visit, attempt", ())
        return [entry for entry in rows if entry.key not in self._acked]

    def compact(self, now_us: int, *, keep_us: int = KEEP_US, keep_count: int = KEEP_COUNT) -> int:
        """Forget old attempts, and return how many.

        Only one that is acknowledged, and for which any further request would be stale, is forgotten.
        """
        with self._commit():
            count = self._connection.execute("SELECT count(*) FROM attempt WHERE acked = 1").fetchone()[0]
            gone = self._connection.execute(
                "DELETE FROM attempt WHERE (job, visit, attempt) IN (SELECT job, visit, attempt FROM attempt"
                " WHERE acked = 1 AND (bound_lease, bound_n) <= (?, ?) ORDER BY finished_us LIMIT ?)"
                " OR (acked = 1 AND (bound_lease, bound_n) <= (?, ?) AND finished_us < ?)",
                (*self._highest, max(0, count - keep_count), *self._highest, now_us - keep_us),
            )
        return gone.rowcount

    def close(self) -> None:
        """Close the file and its lock; idempotent."""
        try:
            if self._acked:
                with self._commit():
                    pass
        finally:
            self._acked.clear()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, bot: str, new_id: str) -> None:
        with self._commit():
            meta = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
            if not meta:
                meta = {"format": _FORMAT, "bot": bot, "ledger": new_id, "lease": "0", "n": "0"}
                self._connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        if meta["format"] != _FORMAT:
            raise LedgerError(
                f"ledger {self._place} has format {meta['format']!r}, this EE knows {_FORMAT!r}; upgrade"
            )
        if meta["bot"] != bot:
            raise LedgerConflictError(
                f"ledger {self._place} is the memory of bot {meta['bot']!r}, not of {bot!r}; give each bot its own file"
            )
        self._ledger_id = meta["ledger"]
        self._highest = Fence(int(meta["lease"]), int(meta["n"]))

    def _write_highest(self, highest: Fence) -> None:
        if highest != self._highest:
            self._connection.executemany(
                "UPDATE meta SET value = ? WHERE key = ?",
                [(str(highest.lease), "lease"), (str(highest.n), "n")],
            )

    def _select(self, where: str, values: tuple[object, ...]) -> list[Entry]:
        with self._named():
            rows = self._connection.execute(f"SELECT {_COLUMNS} FROM attempt WHERE {where}", values)  # noqa: S608 - constant text
            return [_from_row(row) for row in rows]

    @contextmanager
    def _commit(self) -> Iterator[None]:
        with self._named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "UPDATE attempt SET acked = 1 WHERE job = ? AND visit = ? AND attempt = ? AND response NOT NULL",
                    self._acked,
                )
                yield
                self._connection.execute("COMMIT")
                self._acked.clear()
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerError(f"ledger {self._place} cannot be used: {error}") from error


AnyLedger = TypeVar("AnyLedger", bound=Ledger)


def open_ledger(place: str | Path, *, bot: str, env: Env, kind: type[AnyLedger] = Ledger) -> AnyLedger:  # type: ignore[assignment]  # a default for a type variable
    """Open a bot's ledger, made if it is not there.

    Args:
        place: A file on a local disk, whose folder exists, or `IN_MEMORY`.
        kind: What to make: a class of its own in a simulation.

    Raises:
        LedgerConflictError: Another process has it open, or it belongs to another bot.
        LedgerError: It is damaged, or cannot be read or written.
    """
    ledger = kind(_connect(str(place), bot), f"{str(place)!r}")
    try:
        ledger._prepare(bot, env.new_id())
    except BaseException:
        ledger.close()
        raise
    return ledger


def _connect(place: str, bot: str) -> sqlite3.Connection:
    try:
        # transactions are begun by hand; a lock that is held is held for long, so there is nothing to wait for
        connection = sqlite3.connect(place, isolation_level=None, timeout=0.0)
    except sqlite3.Error as error:
        raise LedgerError(f"ledger {place!r} of bot {bot!r} cannot be opened: {error}") from error
    try:
        # before the first access: the lock that it takes then is kept until the file is closed
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise LedgerConflictError(
                f"bot {bot!r} runs already: another process has its ledger {place!r} open;"
                " stop that one, or start this one under another id: `eectl bot run FILE --id ID`"
            ) from error
        raise LedgerError(f"ledger {place!r} of bot {bot!r} cannot be opened: {error}") from error
    return connection


def _to_row(entry: Entry) -> tuple[object, ...]:
    return (
        *entry.key,
        *(entry.fence or (None, None)),
        entry.digest,
        entry.reply_to,
        *entry.bound,
        entry.response,
        int(entry.acked),
        entry.finished_us,
    )


def _from_row(row: tuple[Any, ...]) -> Entry:
    job, visit, attempt, lease, n, digest, reply_to, bound_lease, bound_n, response, acked, finished_us = row
    return Entry(
        key=AttemptKey(job, visit, attempt),
        fence=None if lease is None else Fence(lease, n),
        digest=digest,
        reply_to=reply_to,
        bound=Fence(bound_lease, bound_n),
        response=response,
        acked=bool(acked),
        finished_us=finished_us,
    )
