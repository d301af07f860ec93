"""The writer of one partition: everything that is ready goes into one commit.

There is no timer: the commit in progress is the window for the next. A commit whose outcome is unknown is never
decided anew; the identical entries are repeated until the journal accepts or refuses them. When it refuses,
somebody else drives this partition: every open `write` raises, and so does every later one. A writer that has nothing
to write asks now and then whether it still is the writer: jobs would wait for an engine that has lost them.

It also knows which commits all observers have heard of, and has that written with the next commit: an engine that dies
between a commit and its observers leaves the next one something to tell.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from ee_core.errors import EngineError, JournalConflictError, JournalUnavailableError
from ee_core.model.limits import MAX_COMMIT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ee_core.contracts.journal import Entry, Journal, PartitionHead, Pruned, Pruning

_log = logging.getLogger(__name__)
_REPEAT_S = (0.05, 0.2, 1.0, 5.0)  # the last one for ever


class Partition:
    """Collects entries of all jobs and commits them in the order they were written.

    Args:
        journal: Open; this object is its only writer for `number`.
        on_lost: Called once when the partition was lost to another engine.
        confirm_after_s: Without a commit, after which the journal is asked who writes.
    """

    def __init__(
        self, journal: Journal, number: int, *, on_lost: Callable[[EngineError], None], confirm_after_s: float
    ) -> None:
        self.number = number
        self.commits = 0
        self._journal = journal
        self._on_lost = on_lost
        self._confirm_after_s = confirm_after_s
        self._head: PartitionHead | None = None
        self._waiting: deque[tuple[Sequence[Entry], asyncio.Future[int]]] = deque()
        self._wake = asyncio.Event()
        self._lost: EngineError | None = None
        self._untold: dict[int, int] = {}  # by position, oldest first: how many writers have not told yet
        self._has_told_again = False  # what an engine before this one left untold

    async def open(self) -> PartitionHead:
        """Become the partition's writer: the journal raises its epoch."""
        self._head = await self._journal.open_partition(self.number)
        return self._head

    async def close(self) -> None:
        """Leave the mark of a clean stop, once nothing is written any more; what was told is written with it."""
        if self._head is not None and self._lost is None:
            await self._journal.close_partition(replace(self._head, told=self.told))

    async def prune(self, pruning: Pruning) -> Pruned:
        """Prune some jobs. Raises as the journal's `prune`."""
        assert self._head is not None, "open() comes first"
        return await self._journal.prune(replace(self._head, told=self.told), pruning)

    @property
    def told(self) -> int:
        """The last commit of which all observers have heard."""
        assert self._head is not None, "open() comes first"
        if not self._has_told_again:
            return self._head.told
        return next(iter(self._untold)) - 1 if self._untold else self._head.position

    def note_told_again(self) -> None:
        """All that stood in the journal when it was opened has been told."""
        self._has_told_again = True

    def note_told(self, position: int) -> None:
        """One writer has told its observers what it has in the commit at a position."""
        left = self._untold[position] - 1
        if left:
            self._untold[position] = left
        else:
            del self._untold[position]

    def write(self, entries: Sequence[Entry]) -> asyncio.Future[int]:
        """Queue entries of one job; they go into one commit together.

        Returns:
            A future that is done when they are durable, with the position for `note_told`; or that raises
            `JournalConflictError` when the partition is lost. Cancelling it does not take the entries back.
        """
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_retrieve)
        if self._lost is not None:
            done.set_exception(self._lost)
            return done
        self._waiting.append((entries, done))
        self._wake.set()
        return done

    async def run(self) -> None:
        """Commit until cancelled; returns when the partition is lost."""
        while self._lost is None:
            try:
                async with asyncio.timeout(self._confirm_after_s):
                    await self._wake.wait()
            except TimeoutError:
                await self._confirm()
            self._wake.clear()
            while self._waiting and self._lost is None:
                await self._commit(self._take())

    async def _confirm(self) -> None:
        """Lose the partition if another engine has opened it; what cannot be known now is asked again."""
        assert self._head is not None, "open() comes first"
        try:
            await self._journal.confirm_partition(self._head)
        except JournalConflictError as error:
            self._lose(error, [])
        except EngineError as error:
            _log.info(
                "the journal does not say who writes partition %s: %s",
                self.number,
                error,
                extra={"action": "confirm_late", "partition": self.number},
            )

    def _take(self) -> list[tuple[Sequence[Entry], asyncio.Future[int]]]:
        taken: list[tuple[Sequence[Entry], asyncio.Future[int]]] = []
        size = 0
        while self._waiting:
            entries = self._waiting[0][0]
            size += sum(len(entry.body) for entry in entries)
            if taken and size > MAX_COMMIT_BYTES:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _commit(self, taken: list[tuple[Sequence[Entry], asyncio.Future[int]]]) -> None:
        flat = [entry for entries, _ in taken for entry in entries]
        try:
            head = await self._repeat(flat)
        except EngineError as error:
            self._lose(error, taken)
            return
        self.commits += 1
        self._head = head
        # a writer that was cancelled meanwhile counts too: nobody tells for it, so the next engine does
        self._untold[head.position] = len(taken)
        for _, done in taken:
            if not done.done():
                done.set_result(head.position)

    async def _repeat(self, entries: list[Entry]) -> PartitionHead:
        assert self._head is not None, "open() comes first"
        head = replace(self._head, told=self.told)
        tries = 0
        while True:
            try:
                following = await self._journal.commit(head, entries)
            except JournalUnavailableError as error:
                if not tries:
                    _log.warning(
                        "the journal does not take a commit of %s records, repeating it: %s",
                        len(entries),
                        error,
                        extra={"action": "commit_late", "partition": self.number},
                    )
                await asyncio.sleep(_REPEAT_S[min(tries, len(_REPEAT_S) - 1)])
                tries += 1
            else:
                return following

    def _lose(self, error: EngineError, taken: list[tuple[Sequence[Entry], asyncio.Future[int]]]) -> None:
        if not isinstance(error, JournalConflictError):
            _log.error("the journal refuses a commit: %s", error, extra={"action": "commit_refused"})
        self._lost = error
        for _, done in (*taken, *self._waiting):
            if not done.done():
                done.set_exception(error)
        self._waiting.clear()
        self._on_lost(error)


def _retrieve(done: asyncio.Future[int]) -> None:
    """Look at the error of a future whose caller may be gone: `on_lost` has told of it."""
    if not done.cancelled():
        done.exception()
