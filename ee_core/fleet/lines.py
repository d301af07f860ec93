"""Who waits for a bot, in order: priority, then age, then job and visit (R9).

Visits with the same requirement stand in one line, so that a bot that comes free is offered to the first of each
line it fits, and nothing looks at all visits. The lines are rebuilt from lease waits, never stored.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ee_core.fleet.roster import Requirement, to_requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ee_core.model.ids import JobId
    from ee_core.model.waits import LeaseWait, WaitKey

Rank = tuple[int, int, str, str]  # (-priority, since, job, visit): the least is first


@dataclass(slots=True)
class Want:
    """A visit that waits for a bot."""

    job: JobId
    wait: LeaseWait
    rank: Rank
    needs: Requirement
    since_s: float  # loop time of its arming: when asking for a bot began here
    missing_told: bool


class Lines:
    """All wants; one entry per job and wait key."""

    def __init__(self) -> None:
        self._wants: dict[tuple[JobId, WaitKey], Want] = {}
        self._lines: dict[Requirement, list[tuple[Rank, int, Want]]] = {}
        self._serial = 0  # equal ranks: a want and the one that replaced it

    def __len__(self) -> int:
        return len(self._wants)

    def add(self, job: JobId, priority: int, wait: LeaseWait, now_s: float) -> None:
        """Put a visit into its line; the same key again replaces it."""
        rank = (-priority, wait.since_us, job, wait.visit)
        needs = to_requirement(wait.activity, wait.selector, wait.same_as)
        want = Want(job, wait, rank, needs, now_s, wait.no_bot)
        self._wants[job, wait.key] = want
        self._serial += 1
        heapq.heappush(self._lines.setdefault(needs, []), (rank, self._serial, want))

    def remove(self, job: JobId, key: WaitKey) -> None:
        """Take a visit out, if it is there; its place in the heap is skipped later."""
        self._wants.pop((job, key), None)

    def __iter__(self) -> Iterator[Want]:
        return iter(self._wants.values())

    def first(self, fits: Callable[[Requirement], bool]) -> Want | None:
        """Return the first want of all lines whose requirement `fits`; it stays in its line."""
        best: Want | None = None
        for needs in list(self._lines):
            head = self._head(needs)
            if head is not None and (best is None or head.rank < best.rank) and fits(needs):
                best = head
        return best

    def requirements(self) -> list[Requirement]:
        """Return the requirements somebody waits with."""
        return [needs for needs in list(self._lines) if self._head(needs) is not None]

    def _head(self, needs: Requirement) -> Want | None:
        line = self._lines[needs]
        while line:
            want = line[0][2]
            if self._wants.get((want.job, want.wait.key)) is want:
                return want
            heapq.heappop(line)
        del self._lines[needs]
        return None
