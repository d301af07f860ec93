"""The memory broker's stored channels: messages of work, inbox and reply wait here until somebody settles them.

A `Shelf` keeps one kind of channel. Messages that no open pattern matches lie by subject; those of a pattern that is
being read stand in one queue, and each of its readers holds a part.

The rule for an editor: while a queue has messages waiting, none of its readers has room. Whatever makes room or brings
messages must fill the readers before it returns.
"""

from __future__ import annotations

import asyncio
import bisect
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from ee_core.contracts.envelope import is_pattern, make_matcher, overlap
from ee_core.errors import BrokerError
from ee_core.local.reader import MemoryDelivery, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.local.reader import Message

_BY_NUMBER: Final = attrgetter("number")


class QueueReader(Reader):
    """A consumer of a shelf: what it holds is its own until settled or given back."""

    def __init__(self, pattern: str, shelf: Shelf, prefetch: int) -> None:
        super().__init__(pattern)
        self.held: dict[int, MemoryDelivery] = {}  # in the user's hands, by the message's number
        self._shelf = shelf
        self._queue: _Queue | None = None
        self._prefetch = prefetch

    @property
    def has_room(self) -> bool:
        return len(self.ready) + len(self.held) < self._prefetch

    def join(self) -> None:
        self._shelf.check_open()
        self._queue = self._shelf.open_queue(self.pattern)
        self._queue.readers.append(self)
        self._queue.fill(self)

    def part(self) -> None:
        if self._queue is not None:
            self._queue.readers.remove(self)
            self._queue.put_back([*(delivery.message for delivery in self.held.values()), *self.ready])
            self.held.clear()
            self._shelf.close_queue(self._queue)

    def hand_out(self, message: Message) -> MemoryDelivery:
        message.attempt += 1
        delivery = self.held[message.number] = MemoryDelivery(message, self)
        return delivery

    def settle(self, delivery: MemoryDelivery) -> None:
        self._shelf.check_open()
        self._let_go(delivery)

    def retry(self, delivery: MemoryDelivery, delay_s: float) -> None:
        self._shelf.check_open()
        if self._let_go(delivery):
            self._shelf.return_later(delivery.message, delay_s)

    def _let_go(self, delivery: MemoryDelivery) -> bool:
        number = delivery.message.number
        if self.held.get(number) is not delivery:  # settled, given back, or with us once more
            return False
        del self.held[number]
        if self._queue is not None and self._queue.waiting:
            self._queue.fill(self)
        return True


class _Queue:
    """The messages that match one pattern, and who reads them."""

    __slots__ = ("matches", "pattern", "readers", "waiting")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.matches = make_matcher(pattern)
        self.waiting: deque[Message] = deque()  # by number
        self.readers: deque[QueueReader] = deque()

    def put(self, message: Message) -> None:
        for _ in range(len(self.readers)):
            reader = self.readers[0]
            self.readers.rotate(-1)  # each in turn, so that each gets a part
            if reader.has_room:
                reader.push(message)
                return
        self.waiting.append(message)

    def put_back(self, messages: list[Message]) -> None:
        """Return messages to before all that came after them."""
        messages.sort(key=_BY_NUMBER)
        if messages and self.waiting and messages[-1].number > self.waiting[0].number:
            self.waiting = deque(sorted([*messages, *self.waiting], key=_BY_NUMBER))
        else:
            self.waiting.extendleft(reversed(messages))
        for reader in tuple(self.readers):
            self.fill(reader)

    def fill(self, reader: QueueReader) -> None:
        while self.waiting and reader.has_room:
            reader.push(self.waiting.popleft())


class Shelf:
    """The messages of one kind of channel that nobody has settled."""

    def __init__(self, check_open: Callable[[], None]) -> None:
        self.check_open = check_open
        self._exact: dict[str, _Queue] = {}
        self._wild: dict[str, _Queue] = {}
        self._unread: dict[str, list[Message]] = {}  # by subject, then by number
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def put(self, message: Message) -> None:
        """Keep a new message, or hand it on."""
        queue = self._find_queue(message.subject)
        if queue is None:
            self._unread.setdefault(message.subject, []).append(message)
        else:
            queue.put(message)

    def return_later(self, message: Message, delay_s: float) -> None:
        """Put a message back after a delay; one of 0 takes a turn of the loop, or its reader could starve all else."""
        loop = asyncio.get_running_loop()
        self._timers[message.number] = loop.call_at(loop.time() + max(delay_s, 0.0), self._put_back, message)

    def open_queue(self, pattern: str) -> _Queue:
        """Return the queue of a pattern; a new one takes over what lies here for it.

        Raises:
            BrokerError: The pattern overlaps another that is being read.
        """
        queue = self._queues(pattern).get(pattern)
        if queue is None:
            self._check_disjoint(pattern)
            queue = self._queues(pattern)[pattern] = _Queue(pattern)
            subjects = [subject for subject in self._unread if queue.matches(subject)]
            found = [message for subject in subjects for message in self._unread.pop(subject)]
            queue.waiting.extend(sorted(found, key=_BY_NUMBER))
        return queue

    def close_queue(self, queue: _Queue) -> None:
        """Let the messages of a queue lie by subject again, if nobody reads it any more."""
        if not queue.readers:
            del self._queues(queue.pattern)[queue.pattern]
            for message in queue.waiting:
                self._unread.setdefault(message.subject, []).append(message)

    def close(self) -> None:
        """End all readers, forget the delays."""
        for queue in [*self._exact.values(), *self._wild.values()]:
            for reader in tuple(queue.readers):
                reader.leave()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _put_back(self, message: Message) -> None:
        del self._timers[message.number]
        queue = self._find_queue(message.subject)
        if queue is None:
            bisect.insort(self._unread.setdefault(message.subject, []), message, key=_BY_NUMBER)
        else:
            queue.put_back([message])

    def _find_queue(self, subject: str) -> _Queue | None:
        queue = self._exact.get(subject)
        if queue is None:
            queue = next((other for other in self._wild.values() if other.matches(subject)), None)
        return queue

    def _queues(self, pattern: str) -> dict[str, _Queue]:
        return self._wild if is_pattern(pattern) else self._exact

    def _check_disjoint(self, pattern: str) -> None:
        rivals = [*self._wild, *self._exact] if is_pattern(pattern) else [*self._wild]
        for other in rivals:
            if overlap(pattern, other):
                raise BrokerError(
                    f"{pattern!r} overlaps {other!r}, which is being read; use equal or disjoint patterns"
                )
