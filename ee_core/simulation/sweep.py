"""Carries out the plans of many seeds, in one process or in several, and gathers what came of them."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.checker import check
from ee_core.simulation.coverage import Coverage
from ee_core.simulation.loop import VirtualLoopError
from ee_core.simulation.plan import draw
from ee_core.simulation.shrink import STANDSTILL

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH: Final = 25


@dataclass(slots=True)
class Batch:
    """What came of some seeds."""

    coverage: Coverage = field(default_factory=Coverage)
    failures: list[tuple[int, list[str]]] = field(default_factory=list)  # seed, what it violates


def run_seeds(seeds: range) -> Batch:
    """Carry out the plans of some seeds and check each."""
    batch = Batch()
    for seed in seeds:
        try:
            run = carry_out(draw(seed))
        except VirtualLoopError as error:
            batch.failures.append((seed, [f"{STANDSTILL}: {error}"]))
            continue
        batch.coverage.add(run)
        found = [str(violation) for violation in check(run.history)]
        if found:
            batch.failures.append((seed, found))
    return batch


def sweep(first: int, count: int, jobs: int) -> Iterator[Batch]:
    """Yield what came of some seeds after the other, in any order; `jobs` is the number of processes."""
    last = first + count
    batches = [range(start, min(start + _BATCH, last)) for start in range(first, last, _BATCH)]
    if jobs == 1:
        yield from map(run_seeds, batches)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(run_seeds, batches)
