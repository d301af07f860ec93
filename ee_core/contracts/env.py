"""Where the engine gets instants, chance and ids: all that would differ between two runs of the same code.

The engine reads no clock and no random source but this one, and takes delays from the running loop (`asyncio.timeout`,
`loop.call_at`). So a simulation that replaces loop and env decides everything. What was read here enters the model
inside facts and is recorded: a replay never asks again.

The real one is `ee_core.local.env.SystemEnv`, the one for tests `ee_core.simulation.VirtualEnv`. Each sentence marked
[En] has a test in `tests/conformance/test_env.py`; change both together.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Env(Protocol):
    """The engine's clocks, chance and ids.

    [E1] `now` is the wall clock: whole microseconds since 1970-01-01 UTC, above 0 and below 2**53. It may jump both
    ways when somebody sets the clock, so the difference of two readings is no duration.
    [E2] `boottime_s` never falls, whatever the wall clock does, and counts the time that the machine was suspended.
    [E3] `randbits(n)` is a whole number from 0 to 2**n - 1, each equally likely; n below 1 is a ValueError.
    [E4] `uniform(low, high)` lies between `low` and `high`, both possible, whichever is the larger.
    [E5] `new_id` gives 22-64 characters of ``[A-Za-z0-9_-]``, the first one a letter or a digit.
    [E6] No two calls of `new_id` give the same id: it carries more than 120 bits of chance.

    No method waits or is cancelled; all may be called as often as wished, from any task of the loop's thread.
    """

    def now(self) -> int:
        """Tell the instant [E1]. Names of what holds it end in ``_us``."""
        ...

    def boottime_s(self) -> float:
        """Tell seconds since an unnamed moment [E2]; for deadlines that others count too, such as a lease's.

        The loop's own clock may stand still in suspend, therefore no lease deadline is left to a timer alone.
        Readings compare only within one process.
        """
        ...

    def randbits(self, n: int) -> int:
        """Draw n bits [E3], as a seed for a fact."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """Draw a number in a range [E4], as jitter for a delay."""
        ...

    def new_id(self) -> str:
        """Make an id [E5] that nobody else has [E6]; it tells nothing about when or where it was made."""
        ...
