"""The real clocks and the operating system's chance: `ee_core.contracts.env.Env` outside tests."""

from __future__ import annotations

import base64
import os
import random
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_ID_BYTES: Final = 16
# Linux's monotonic clock stands still in suspend and its boot clock runs on. Elsewhere there is no boot clock: macOS's
# CLOCK_MONOTONIC runs on (`time.monotonic` does not), and Windows has no clock_gettime but a monotonic that runs on.
_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class SystemEnv:
    """Keeps the contract `Env` with what this machine offers."""

    def __init__(self) -> None:
        self._chance = random.SystemRandom()

    def now(self) -> int:
        return time.time_ns() // 1_000

    def boottime_s(self) -> float:
        return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)

    def randbits(self, n: int) -> int:
        if n < 1:
            raise ValueError(f"randbits needs 1 bit or more, not {n!r}")
        return self._chance.getrandbits(n)

    def uniform(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)

    def new_id(self) -> str:
        return make_id(os.urandom)


def make_id(random_bytes: Callable[[int], bytes]) -> str:
    """Write 16 random bytes as 22 characters, of which the first is a letter or a digit.

    Args:
        random_bytes: Gives as many bytes as it is asked for; asked again (1 time in 32) when the first character would
            be ``_``, which is reserved, or ``-``, which a command line takes for an option.
    """
    while True:
        text = base64.urlsafe_b64encode(random_bytes(_ID_BYTES)).decode("ascii").rstrip("=")
        if text[0] not in "-_":
            return text
