"""What 10, 1,000 and 100,000 waiting jobs cost: memory, the start of an engine that recovers them, and waking one.

The journal is a SQLite file; its jobs are copies of one that a real engine brought to its wait, committed through the
contract. Recovery and waking are real: an engine in a process of its own opens the file, lets the jobs leave memory, and
a person's answer ends some of them, one after the other. Each answer is two commits' work and a read of one job, so the
time of one wake should not know how many others wait.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import msgspec

from ee_core import Client, SystemEnv, load_settings, open_engine, open_parts
from ee_core.contracts.journal import Entry
from ee_core.messages.jobs import ExecuteJob, OperateJob
from ee_core.model.ids import JobId
from ee_core.model.record import decode_record, encode_record

COUNTS = (10, 1_000, 100_000)
WAKES = 10
PASSIVATE_S = 2.0
COMMIT_RECORDS = 500
MB = 1024 * 1024

KINDS = {
    "incident": {"wait": {"exclusive": [{"when": "inputs.go", "next": "done"}]}},
    "bot": {"wait": {"activity": "delay", "bot": {"id": "nobody"}, "with": {"seconds": 1}, "next": "done"}},
}


def measure() -> list[dict[str, object]]:
    """Return one row per kind of wait and count."""
    rows = []
    for kind in KINDS:
        for count in COUNTS:
            with tempfile.TemporaryDirectory() as place:
                path = Path(place) / "journal.sqlite"
                asyncio.run(_fill(path, kind, count))
                done = subprocess.run(
                    [sys.executable, __file__, str(path)], capture_output=True, text=True, check=True
                )
                size = round(path.stat().st_size / MB, 1)
                rows.append({"waits for": kind, "jobs": count, "file MB": size} | json.loads(done.stdout))
    return rows


def _flags(path: Path) -> dict[str, object]:
    return {
        "broker.name": "memory",
        "journal.name": "sqlite",
        "journal.path": str(path),
        "engine.passivate_after_s": PASSIVATE_S,
    }


async def _fill(path: Path, kind: str, count: int) -> None:
    """Have one job come to its wait, and commit so many copies of it."""
    env = SystemEnv()
    flow = {
        "ee": 1,
        "name": "waits",
        "inputs": {"go": {"type": "boolean", "default": False}},
        "start": "wait",
        "nodes": KINDS[kind] | {"done": {"end": "succeeded"}},
    }
    async with open_parts(load_settings(_flags(path), environ={}), env) as parts:
        async with open_engine(parts) as engine:
            client = Client(parts.broker, parts.subjects, env=env, timeout_s=60)
            await client.execute(ExecuteJob(id="first", workflow=flow))
            while not engine.jobs.find(JobId("first")).job.incidents:  # noqa: ASYNC110 - nothing tells of it in here
                await asyncio.sleep(0.05)
        bodies = [decode_record(body) async for body in parts.journal.history(JobId("first"))]
        row = await parts.journal.find_job(JobId("first"))
        head = await parts.journal.open_partition(0)
        entries = []
        for number in range(1, count):
            job = JobId(f"job-{number}")
            summary = replace(row, job=job, accepted_us=row.accepted_us + number)
            for record in bodies:
                body = encode_record(msgspec.structs.replace(record, job=job))
                entries.append(Entry(job, record.index, body, summary))
            if len(entries) >= COMMIT_RECORDS or number == count - 1:
                head, entries = await parts.journal.commit(head, entries), []
        await parts.journal.close_partition(replace(head, told=head.position))


async def _wake(path: Path) -> dict[str, object]:
    """Start an engine on a journal, let the jobs rest, and answer some."""
    env, before = SystemEnv(), _rss_mb()
    began = time.perf_counter()
    async with (
        open_parts(load_settings(_flags(path), environ={}), env) as parts,
        open_engine(parts) as engine,
    ):
        started, at_start, count = time.perf_counter() - began, _rss_mb(), len(engine.jobs)
        while engine.jobs.resting < count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
        rested = time.perf_counter() - began - started
        gc.collect()
        client = Client(parts.broker, parts.subjects, env=env, timeout_s=60)
        resting, taken = _rss_mb(), []
        for number in range(1, WAKES):
            begin = time.perf_counter()
            command = {"id": env.new_id(), "action": "fail", "incident": "i1", "who": "bench"}
            await client.operate(OperateJob(job=f"job-{number}", **command))
            taken.append(time.perf_counter() - begin)
    taken.sort()
    return {
        "start s": round(started, 3),
        "start us/job": round(started / count * 1e6),
        "MB before": before,
        "MB at start": at_start,
        "MB at rest": resting,
        "kB/job": round((resting - before) * 1024 / count, 2),
        "rest after s": round(rested, 1),
        "wake ms": round(taken[len(taken) // 2] * 1000, 2),
        "slowest": round(taken[-1] * 1000, 2),
    }


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / MB, 1)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_wake(Path(sys.argv[1])))))
