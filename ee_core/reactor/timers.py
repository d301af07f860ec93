"""All deadlines of the engine in one heap, with one timer of the loop for the nearest.

A heartbeat moves its deadline many times; what was moved stays in the heap and is skipped when its turn comes.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Timers:
    """Calls back once when a key's deadline passes; used from the engine's loop only."""

    def __init__(self) -> None:
        self._due: dict[Hashable, tuple[float, int, Callable[[], None]]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._serial = 0
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: Hashable, delay_s: float, callback: Callable[[], None]) -> None:
        """Set or move a deadline; a delay of 0 or less is due in the next turn of the loop, never at once."""
        due = asyncio.get_running_loop().time() + max(delay_s, 0.0)
        self._serial += 1
        self._due[key] = (due, self._serial, callback)
        heapq.heappush(self._heap, (due, self._serial, key))
        self._arm()

    def left_s(self, key: Hashable) -> float | None:
        """Return the time until a deadline; None when there is none."""
        due = self._due.get(key)
        return None if due is None else due[0] - asyncio.get_running_loop().time()

    def drop(self, key: Hashable) -> None:
        """Forget a deadline, if it is there."""
        self._due.pop(key, None)

    def close(self) -> None:
        """Forget all."""
        self._due.clear()
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        while self._heap and self._is_stale(self._heap[0]):
            heapq.heappop(self._heap)
        if not self._heap:
            return
        nearest = self._heap[0][0]
        if self._handle is not None:
            if self._handle.when() <= nearest and not self._handle.cancelled():
                return
            self._handle.cancel()
        self._handle = asyncio.get_running_loop().call_at(nearest, self._fire)

    def _is_stale(self, item: tuple[float, int, Hashable]) -> bool:
        current = self._due.get(item[2])
        return current is None or current[1] != item[1]

    def _fire(self) -> None:
        self._handle = None
        now = asyncio.get_running_loop().time()
        try:
            while self._heap and (self._is_stale(self._heap[0]) or self._heap[0][0] <= now):
                item = heapq.heappop(self._heap)
                if not self._is_stale(item):
                    _, _, callback = self._due.pop(item[2])
                    callback()
        finally:
            self._arm()  # one that raises may not silence the others
