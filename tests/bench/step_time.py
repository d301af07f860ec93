"""What one noop step costs: in memory, on SQLite and over NATS, alone and with many jobs in flight.

Beside each stands its limit, measured in the same run: a bare hop of asyncio, a bare append with an fsync, a bare
request-reply of NATS. The ratio is what to hold; the times move with the machine's mood.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

from ee_nats.server import ServerProcess, find_server

from ee_core import Client, SystemEnv, load_settings, open_engine, open_parts
from ee_core.messages.jobs import ExecuteJob

STEPS = 10
ROUNDS = 3
IN_FLIGHT = (1, 300)


def workflow() -> dict[str, object]:
    """Return a chain of noop steps."""
    nodes: dict[str, object] = {
        f"n{i}": {"activity": "noop", "next": f"n{i + 1}" if i < STEPS - 1 else "done"} for i in range(STEPS)
    }
    return {"ee": 1, "name": "bench", "start": "n0", "nodes": {**nodes, "done": {"end": "succeeded"}}}


def measure() -> list[dict[str, object]]:
    """Return one row per case: microseconds a step, and how many times its limit that is."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with ServerProcess(folder / "nats", find_server()) as server:
            return asyncio.run(_measure(folder, server.url))


async def _measure(folder: Path, url: str) -> list[dict[str, object]]:
    limits = {
        "memory": ("asyncio hop", await _hop_us()),
        "sqlite": ("append + fsync", _fsync_us(folder / "bare")),
        "nats": ("NATS request-reply", await _request_us(url)),
    }
    cases = {
        "memory": {"broker.name": "memory", "journal.name": "memory"},
        "sqlite": {
            "broker.name": "memory",
            "journal.name": "sqlite",
            "journal.path": str(folder / "a.sqlite"),
        },
        "nats": {
            "broker.name": "nats",
            "broker.servers": url,
            "journal.name": "sqlite",
            "journal.path": str(folder / "b.sqlite"),
        },
    }
    rows = []
    for name, flags in cases.items():
        limit, limit_us = limits[name]
        async with _client(flags) as (client, jobs):
            for in_flight in IN_FLIGHT:
                step_us = await _step_us(client, jobs, in_flight)
                rows.append(
                    {
                        "case": name,
                        "in flight": in_flight,
                        "step us": round(step_us, 1),
                        "steps/s": round(1e6 / step_us),
                        "limit": limit,
                        "limit us": round(limit_us, 1),
                        "ratio": round(step_us / limit_us, 1),
                    }
                )
    return rows


@asynccontextmanager
async def _client(flags):
    settings = load_settings(flags, environ={})
    env = SystemEnv()
    async with open_parts(settings, env) as parts, open_engine(parts) as engine:
        yield Client(parts.broker, parts.subjects, env=env, timeout_s=60), engine.jobs


async def _step_us(client, jobs, in_flight: int) -> float:
    """Return the best of some rounds: what the code costs when nobody else has the machine."""
    asked = workflow()
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        await asyncio.gather(*(client.execute(ExecuteJob(workflow=asked)) for _ in range(in_flight)))
        while len(jobs):  # noqa: ASYNC110 - an engine does not tell when it has nothing to do
            await asyncio.sleep(0.001)
        best = min(best, (time.perf_counter() - begin) / (in_flight * STEPS) * 1e6)
    return best


async def _hop_us(times: int = 20_000) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        await asyncio.sleep(0)
    return (time.perf_counter() - begin) / times * 1e6


def _fsync_us(path: Path, times: int = 300) -> float:
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    begin = time.perf_counter()
    for _ in range(times):
        os.write(file, b"x" * 200)
        os.fsync(file)
    os.close(file)
    return (time.perf_counter() - begin) / times * 1e6


async def _request_us(url: str, times: int = 500) -> float:
    import nats

    connection = await nats.connect(url)

    async def echo(message) -> None:
        await message.respond(message.data)

    await connection.subscribe("bench.echo", cb=echo)
    begin = time.perf_counter()
    for _ in range(times):
        await connection.request("bench.echo", b"x" * 200, timeout=5)
    taken = time.perf_counter() - begin
    await connection.close()
    return taken / times * 1e6
