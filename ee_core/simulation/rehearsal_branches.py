"""One run that branches at every place: the way to a place is gone once, not once for each.

The trunk is the undisturbed run once more, in a process of its own. At each place it forks, and in the branch something
goes wrong there; the trunk goes on as if nothing were. So half of the work is spared, and as many branches run at a
time as there are processors. Where processes cannot fork, each run is made from its beginning, one after the other.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ee_core.simulation.loop import VirtualLoop
from ee_core.simulation.rehearsal import Category, Verdict, make_run, rehearse_place

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from multiprocessing.connection import Connection

    from ee_core.simulation.rehearsal import Base
    from ee_core.simulation.rehearsal_cast import Rehearsal
    from ee_core.simulation.rehearsal_places import Kind, Place

_DIED: Final = "the process that rehearsed it ended without a word"


def rehearse_places(
    rehearsal: Rehearsal, base: Base, places: Sequence[Place], processes: int
) -> Generator[Verdict]:
    """Yield the verdict of each place as it comes; closing the iterator ends what runs."""
    if not _can_fork():
        yield from (rehearse_place(rehearsal, base, place) for place in places)
        return
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    lock = fork.Lock()
    trunk = fork.Process(target=_grow, args=(_Trunk(rehearsal, base, places, processes, theirs, lock),))
    trunk.start()
    theirs.close()
    try:
        with suppress(EOFError):
            while True:
                yield ours.recv()
        trunk.join()
        assert trunk.exitcode == 0, "the undisturbed run failed the second time"
    finally:
        ours.close()
        trunk.terminate()
        trunk.join()


def _can_fork() -> bool:
    # a thread may hold a lock that nobody releases in a branch
    return hasattr(os, "fork") and threading.active_count() == 1


def _grow(trunk: _Trunk) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it and its branches without a word
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()
    gc.disable()  # a branch is over before it has made much
    trunk.grow()


class _Trunk:
    """The run that branches, and its branches."""

    def __init__(
        self,
        rehearsal: Rehearsal,
        base: Base,
        places: Sequence[Place],
        processes: int,
        results: Connection[Any, Any],
        lock: Any,
    ) -> None:
        self._rehearsal = rehearsal
        self._base = base
        self._wanted = {(place.kind, place.where): place for place in places}
        self._processes = processes
        self._results = results
        self._lock = lock
        self._branches: dict[int, Place] = {}  # by process
        self._here: Place | None = None  # in a branch: its place

    def grow(self) -> None:
        """Make the run; in the branches, judge it."""
        try:
            verdict = make_run(self._rehearsal, self._base, self._take, lambda: self._here)
        except Exception as error:
            if self._here is None:
                raise
            verdict = Verdict(
                self._here, Category.VIOLATES, texts=(f"the rehearsal itself failed: {error!r}",)
            )
        if verdict is not None:
            self._tell(verdict)
            os._exit(0)
        while self._branches:
            self._reap()
        for place in self._wanted.values():
            self._tell(Verdict(place, Category.VIOLATES, texts=("the run did not come by this place again",)))

    def _take(self, kind: Kind, where: str) -> bool:
        if self._here is not None:
            return False
        place = self._wanted.pop((kind, where), None)
        if place is None:
            return False
        while len(self._branches) >= self._processes:
            self._reap()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop), "a run is made on one"
        child = loop.fork()
        if child:
            self._branches[child] = place
            return False
        self._here = place
        return True

    def _reap(self) -> None:
        child, status = os.wait()
        place = self._branches.pop(child, None)
        if place is not None and status:
            self._tell(Verdict(place, Category.VIOLATES, texts=(_DIED,)))

    def _tell(self, verdict: Verdict) -> None:
        with self._lock:
            self._results.send(verdict)
