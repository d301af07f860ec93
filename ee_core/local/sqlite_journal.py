"""The journal in one SQLite file: the default, for one machine.

A thread writes and another reads, each with its own connection, so a slow disk never stops the loop. This module only
hands work to them; what is in the file says `sqlite_schema`.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias, TypeVar

from ee_core.contracts.journal import JournalTraits
from ee_core.errors import ConfigError, JournalCorruptError, JournalUnavailableError
from ee_core.hookspecs import hookimpl
from ee_core.local import sqlite_index, sqlite_pruning, sqlite_reader, sqlite_schema
from ee_core.local.entries import check_partition, check_sizes
from ee_core.local.sqlite_thread import SqliteThread
from ee_core.local.sqlite_writer import SqliteWriter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from ee_core.contracts.env import Env
    from ee_core.contracts.journal import (
        Entry,
        JobFilter,
        JobSummary,
        Journal,
        PartitionHead,
        Pruned,
        Pruning,
        StoredCommit,
    )
    from ee_core.model.ids import JobId, WorkflowHash

_TRAITS: Final = JournalTraits(durable=True, partitions=1, shared=False)
_SETTINGS: Final = frozenset({"path", "busy_timeout_s"})
_Identity: TypeAlias = tuple[
    tuple[int, int] | None, ...
]  # of each file its device and number, if it is there
_Item_co = TypeVar("_Item_co", covariant=True)


class _Pages(Protocol[_Item_co]):
    """Something that is read page by page."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing after the last page, so that nobody need ask for the next."""

    def next_page(self, database: sqlite3.Connection) -> Sequence[_Item_co]:
        """Return the next items, none at the end."""


class SqliteJournal:
    """Keeps the contract `ee_core.contracts.journal.Journal` in a file."""

    def __init__(
        self, path: Path, *, new_store_id: str, busy_timeout_s: float = 5.0, read_only: bool = False
    ) -> None:
        """Touch nothing yet.

        Args:
            path: The file; its folder must be there, the file need not.
            new_store_id: The name of the store if the file is made now.
            busy_timeout_s: How long to wait while another process writes.
            read_only: Make and change nothing; every write raises `JournalUnavailableError`. The file may be another
                engine's, at work.
        """
        self._path = path.resolve()
        self._new_store_id = new_store_id
        self._busy_timeout_s = busy_timeout_s
        self._read_only = read_only
        self._files: _Identity = ()  # that were opened
        self._store_id = ""
        state = "is open for reading only" if read_only else "is not open yet"
        self._writing = SqliteThread(self._path, "ee-journal-writer", state=state)
        self._reading = SqliteThread(self._path, "ee-journal-reader")
        self._writer = SqliteWriter("")
        self._was_entered = False

    async def __aenter__(self) -> Self:
        if self._was_entered:
            raise JournalUnavailableError(
                f"journal {str(self._path)!r} was opened before; make another object"
            )
        self._was_entered = True
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def traits(self) -> JournalTraits:
        return _TRAITS

    @property
    def store_id(self) -> str:
        self._reading.check_open()
        return self._store_id

    async def open_partition(self, partition: int) -> PartitionHead:
        check_partition(partition, _TRAITS.partitions)
        return await self._writing.run(self._writer.open_partition)

    async def commit(self, head: PartitionHead, entries: Sequence[Entry]) -> PartitionHead:
        check_partition(head.partition, _TRAITS.partitions)
        check_sizes(entries)
        ours = tuple(entries)  # the caller may go away, and do with his own what he likes
        return await self._writing.run(lambda database: self._commit(database, head, ours))

    async def confirm_partition(self, head: PartitionHead) -> None:
        check_partition(head.partition, _TRAITS.partitions)
        # not on the reader's thread: commits wait for this, and a reader may be at it for long
        await self._writing.run(lambda database: self._writer.place_of(database, head))

    async def close_partition(self, head: PartitionHead) -> None:
        check_partition(head.partition, _TRAITS.partitions)
        await self._writing.run(lambda database: self._writer.close_partition(database, head))

    async def prune(self, head: PartitionHead, pruning: Pruning) -> Pruned:
        check_partition(head.partition, _TRAITS.partitions)
        return await self._writing.run(
            lambda database: sqlite_pruning.prune(database, self._writer, head, pruning)
        )

    async def rebuild(self, head: PartitionHead, summaries: Sequence[JobSummary]) -> None:
        check_partition(head.partition, _TRAITS.partitions)
        ours = tuple(summaries)
        await self._writing.run(lambda database: sqlite_index.rebuild(database, self._writer, head, ours))

    async def read(self, partition: int, *, after: int = 0) -> AsyncIterator[StoredCommit]:
        check_partition(partition, _TRAITS.partitions)
        async for commit in self._iterate(sqlite_reader.CommitPages(self.store_id, after)):
            yield commit

    def history(self, job: JobId) -> AsyncIterator[bytes]:
        return self._iterate(sqlite_reader.HistoryPages(job))

    async def open_jobs(self, partition: int) -> AsyncIterator[JobId]:
        check_partition(partition, _TRAITS.partitions)
        async for job in self._iterate(sqlite_reader.OpenJobPages()):
            yield job

    async def find_job(self, job: JobId) -> JobSummary | None:
        return await self._reading.run(lambda database: sqlite_reader.find_job(database, job))

    async def list_jobs(self, wanted: JobFilter) -> list[JobSummary]:
        return await self._reading.run(lambda database: sqlite_reader.list_jobs(database, wanted))

    async def put_content(self, name: WorkflowHash, content: bytes) -> None:
        await self._writing.run(lambda database: self._writer.put_content(database, name, content))

    async def get_content(self, name: WorkflowHash) -> bytes:
        return await self._reading.run(lambda database: sqlite_reader.get_content(database, name))

    async def find_faults(self) -> list[str]:
        """Let SQLite look for damage in its own structures, which `read` does not see; an empty list: none."""
        return await self._reading.run(sqlite_reader.find_faults)

    async def close(self) -> None:
        await self._reading.close()
        await self._writing.close()  # last: it copies the log to the file

    def _commit(
        self, database: sqlite3.Connection, head: PartitionHead, entries: Sequence[Entry]
    ) -> PartitionHead:
        following = self._writer.commit(database, head, entries)
        # after the commit, before anybody is told: a file that has no name any more is gone with this process
        if _identify(self._path) != self._files:
            raise JournalCorruptError(
                f"journal {str(self._path)!r}, or a file of SQLite beside it, was deleted or replaced while it was open,"
                " and what is written now would be lost; stop the engine, put the file back or `eectl engine restore` a"
                " backup, and start again",
                position=following.position,
            )
        return following

    async def _open(self) -> None:
        if not self._read_only:
            await self._open_for_writing()
        await self._reading.open(
            functools.partial(sqlite_schema.open_for_reading, self._path, busy_timeout_s=self._busy_timeout_s)
        )
        self._store_id = await self._reading.run(sqlite_schema.read_store_id)
        self._writer = SqliteWriter(self._store_id)

    async def _open_for_writing(self) -> None:
        await self._writing.open(
            functools.partial(
                sqlite_schema.open_for_writing,
                self._path,
                store_id=self._new_store_id,
                busy_timeout_s=self._busy_timeout_s,
            )
        )
        await self._writing.run(sqlite_schema.read_store_id)  # with the first read SQLite makes its log
        self._files = _identify(self._path)

    async def _iterate(self, pages: _Pages[_Item_co]) -> AsyncIterator[_Item_co]:
        while not pages.is_over and (page := await self._reading.run(pages.next_page)):
            for item in page:
                self._reading.check_open()
                yield item


def _identify(path: Path) -> _Identity:
    """Return which files lie there: the journal, its log, and the log's index that all who have it open share."""
    return tuple(_number(f"{path}{suffix}") for suffix in ("", "-wal", "-shm"))


def _number(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a microsecond in the way of each commit; Path's takes three
    except OSError:
        return None
    return found.st_dev, found.st_ino


@hookimpl
def ee_open_journal(settings: Mapping[str, Any], env: Env) -> Journal:
    """Make a journal in the file that the setting `path` names; `busy_timeout_s` is how long to wait for other writers."""
    unknown = sorted(settings.keys() - _SETTINGS)
    if unknown:
        raise ConfigError(
            f"journal.{unknown[0]} is no setting of the sqlite journal; it has: {', '.join(sorted(_SETTINGS))}"
        )
    path = settings.get("path")
    if not isinstance(path, str | Path) or not str(path):
        raise ConfigError(f"journal.path is {path!r}; give the path of a file")
    timeout_s = settings.get("busy_timeout_s", 5.0)
    if not isinstance(timeout_s, int | float) or not 0 <= timeout_s <= 3600:
        raise ConfigError(f"journal.busy_timeout_s is {timeout_s!r}; give seconds from 0 to 3600")
    return SqliteJournal(Path(path), new_store_id=env.new_id(), busy_timeout_s=timeout_s)
