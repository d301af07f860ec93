"""One SQLite connection with the one thread that uses it.

Calls are carried out one after the other, in the order they were made. A caller that is cancelled only stops waiting:
what was begun or queued is carried out, so a commit is never cut in two, and the next call finds the connection whole.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ee_core.errors import JournalUnavailableError
from ee_core.local.sqlite_errors import translate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_T = TypeVar("_T")


class SqliteThread:
    """Opens a connection on a thread of its own; `run` hands work to it."""

    def __init__(self, path: Path, name: str, *, state: str = "is not open yet") -> None:
        """Begin nothing yet; `state` is what is said of it until `open` is done."""
        self._path = path
        self._state = state
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._database: sqlite3.Connection | None = None
        self._closing: asyncio.Future[None] | None = None

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Make the connection. Raises what `connect` raises, SQLite's errors translated."""
        await self._await(partial(self._connect, connect))

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Carry out work with the connection, and return its result.

        Raises:
            JournalUnavailableError: Closed, or SQLite cannot do it now.
            JournalCorruptError: SQLite found damage.
        """
        self.check_open()
        return await self._await(partial(self._work, work))

    def check_open(self) -> None:
        """Refuse what comes after `close`, or before `open` is done."""
        if self._database is None or self._closing is not None:
            state = self._state if self._closing is None else "is closed"
            raise JournalUnavailableError(f"journal {str(self._path)!r} {state}")

    async def close(self) -> None:
        """Finish all that was handed over, and close; every call waits until that is done."""
        if self._closing is None:
            loop = asyncio.get_running_loop()
            self._closing = loop.run_in_executor(self._executor, self._close)
            self._executor.shutdown(wait=False)
        await asyncio.wait([self._closing])
        self._closing.result()

    async def _await(self, call: Callable[[], _T]) -> _T:
        future = asyncio.get_running_loop().run_in_executor(self._executor, call)
        future.add_done_callback(_retrieve)
        await asyncio.wait([future])  # unlike the future itself, waiting for it can be cancelled alone
        return future.result()

    def _connect(self, connect: Callable[[], sqlite3.Connection]) -> None:
        try:
            self._database = connect()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def _work(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._database is None:
            raise JournalUnavailableError(f"journal {str(self._path)!r} is closed")
        try:
            return work(self._database)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()


def _retrieve(future: asyncio.Future[_T]) -> None:
    """Look at the outcome, so that asyncio does not report one that a cancelled caller left."""
    if not future.cancelled():
        future.exception()
