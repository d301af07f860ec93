"""How fast the SQLite journal commits, against bare appends with an fsync each, in the same minute on the same disk.

Absolute numbers move by a factor of two with the machine's mood; the ratio is what to hold. A record has 200 bytes; 1,000
jobs are at work, each of 20 records, so rows of the index come and go as in an engine.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

from ee_core.contracts.journal import Entry
from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.testing.journal_store import entry, last_entry

BODY = b"x" * 200
JOBS = 1_000
RECORDS = 20  # of a job
GROUPS = {1: 500, 100: 100, 1_000: 20}  # records in a commit: commits in a turn
TURNS = 3


def measure(folder: Path | None = None) -> dict[str, dict[str, float]]:
    """Return rates by name of the case: commits and records a second, bare appends a second, and the ratio.

    Args:
        folder: On the disk to measure; the system's temporary one by default.
    """
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return asyncio.run(_measure(Path(place)))


async def _measure(folder: Path) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    work = _endless_work()
    async with SqliteJournal(folder / "journal.db", new_store_id="a-store-for-a-bench") as journal:
        head = await journal.open_partition(0)
        for group, commits in GROUPS.items():
            journal_s = bare_s = 0.0
            for _ in range(TURNS):
                batches = [[next(work) for _ in range(group)] for _ in range(commits)]
                begin = time.perf_counter()
                for batch in batches:
                    head = await journal.commit(head, batch)
                journal_s += time.perf_counter() - begin
                bare_s += _append(folder / "bare", [BODY * group] * commits)
            rate, bare = TURNS * commits / journal_s, TURNS * commits / bare_s
            results[f"group {group}"] = {
                "commits_per_s": round(rate),
                "records_per_s": round(rate * group),
                "bare_per_s": round(bare),
                "ratio": round(rate / bare, 3),
            }
        results["history"] = {"records_per_s": round(await _read_histories(journal))}
    return results


def _endless_work():
    """Yield entries of jobs that take turns; one that is over makes room for the next."""
    number = 0
    while True:
        names = [f"job-{number + place}-of-the-bench" for place in range(JOBS)]
        entries = [entry(name, 0, BODY) for name in names]
        lasts = [last_entry(name, RECORDS - 1) for name in names]
        for index in range(RECORDS):
            for first, last in zip(entries, lasts, strict=True):
                is_last = index == RECORDS - 1
                yield Entry(first.job, index, BODY, last.summary if is_last else first.summary)
        number += JOBS


def _append(path: Path, blocks: list[bytes]) -> float:
    """Append blocks to a file, each with an fsync; return the seconds it took."""
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    begin = time.perf_counter()
    for block in blocks:
        os.write(file, block)
        os.fsync(file)
    taken_s = time.perf_counter() - begin
    os.close(file)
    return taken_s


async def _read_histories(journal: SqliteJournal) -> float:
    """Return the records a second that come from histories of 500 jobs."""
    count, begin = 0, time.perf_counter()
    for number in range(500):
        async for _ in journal.history(f"job-{number}-of-the-bench"):
            count += 1
    return count / (time.perf_counter() - begin)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
