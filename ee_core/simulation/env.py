"""Clocks that follow the virtual loop, and chance that follows a seed: `ee_core.contracts.env.Env` in simulation."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from ee_core.local.env import make_id

if TYPE_CHECKING:
    import asyncio

START_US: Final = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


class VirtualEnv:
    """Keeps the contract `Env` on a `VirtualLoop`.

    Two with the same seed give the same ids: one that stands for another process, or for the same one after a restart,
    needs a seed of its own. Several may share a loop; then each has its own wall clock.

    Attributes:
        wall_offset_us: Added to `now` alone; set it to let the wall clock jump, or to let two engines' clocks differ.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seed: int, start_us: int = START_US) -> None:
        self.wall_offset_us = 0
        self._loop = loop
        self._start_us = start_us
        self._suspended_s = 0.0
        # a label, so that the loop's choices with the same seed are not the same numbers again
        self._chance = random.Random(f"env:{seed}")  # noqa: S311 - a simulation must repeat, not be unguessable

    def now(self) -> int:
        # rounded, not cut: after a sleep until an instant, the instant must have come
        return self._start_us + self.wall_offset_us + round(self.boottime_s() * 1_000_000)

    def boottime_s(self) -> float:
        return self._loop.time() + self._suspended_s

    def randbits(self, n: int) -> int:
        if n < 1:
            raise ValueError(f"randbits needs 1 bit or more, not {n!r}")
        return self._chance.getrandbits(n)

    def uniform(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)

    def new_id(self) -> str:
        return make_id(self._chance.randbytes)

    def suspend(self, duration_s: float) -> None:
        """Let the machine have slept for some seconds: both clocks go on, the loop's timers do not."""
        self._suspended_s += duration_s
