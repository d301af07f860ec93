"""Runs in a planted copy, as a process of its own: simulated storms from several first seeds, each until one fails.

It prints a line of JSON for each first seed: how many schedules that took, which invariant found it and in which words.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from ee_core.simulation import sweep


def run_from(first: int, limit: int) -> dict[str, object]:
    """Run schedules until one fails, at most so many."""
    began = time.monotonic()
    for count, seed in enumerate(range(first, first + limit), start=1):
        failures = sweep.run_seeds(range(seed, seed + 1)).failures
        if failures:
            found = failures[0][1][0]
            return {"first": first, "schedules": count, "found": found, "seconds": time.monotonic() - began}
    return {"first": first, "schedules": None, "found": "", "seconds": time.monotonic() - began}


def main() -> int:
    """Run from each of the seeds on the command line; the first argument is the limit."""
    root = Path(__file__).resolve().parent.parent.parent
    place = Path(str(sweep.__file__))
    assert place.is_relative_to(root), f"the simulation comes from {place}, not from {root}"
    limit, *firsts = map(int, sys.argv[1:])
    for first in firsts:
        print(json.dumps(run_from(first, limit)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
