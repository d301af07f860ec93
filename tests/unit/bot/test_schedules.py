"""The promises of one bot under many schedules: cancels, stops, restarts and repeats at moments that a seed chooses."""

from __future__ import annotations

import asyncio
import random

import pytest

from ee_core.bot.lifetime import HostSettings
from ee_core.simulation import run


async def live(world, sleeper, chance: random.Random) -> None:
    sleeper.stop_s = chance.choice([0, 0, 1, 8])
    sleeper.stubborn = chance.random() < 0.3
    async with world() as w:
        w.acks = chance.random() < 0.7
        asked = asyncio.create_task(ask(w, chance))
        for _ in range(3):
            host = w.host(settings=HostSettings(stop_grace_s=10, ack_grace_s=1))
            running = asyncio.create_task(host.run())
            await asyncio.sleep(chance.uniform(0, 12))
            leave = chance.choice([host.drain, host.stop, running.cancel])
            leave()
            await asyncio.wait({running})
        asked.cancel()
        await asyncio.wait({asked})
        async with w.host():
            await asyncio.sleep(120)
            check(w, sleeper)


async def ask(w, chance: random.Random) -> None:
    n = 0
    while True:
        n += 1
        request = w.request(f"v#{n}", n=n, input={"seconds": chance.uniform(0, 5)})
        for _ in range(chance.randint(1, 3)):
            await w.send(request)
            await asyncio.sleep(chance.uniform(0, 2))
        if chance.random() < 0.4:
            await w.cancel(request)
        if chance.random() < 0.2:
            await w.ask(request)


def check(w, sleeper) -> None:
    assert len(set(sleeper.starts)) == len(sleeper.starts), "an attempt was started twice"
    kinds = [kind for kind, _ in sleeper.log]
    assert kinds == ["start", "end"] * (len(kinds) // 2), "two at once, or one that never ended"
    numbers = [int(visit.split("#")[1]) for visit in sleeper.starts]
    assert numbers == sorted(numbers), "fences of started work fell"
    assert all(entry.is_finished for entry in w.ledger.open_entries())
    ends: dict[str, set[str]] = {}
    for answer in w.answers:
        if answer.kind in {"succeeded", "failed", "stopped", "lost"}:
            ends.setdefault(answer.visit or "", set()).add(answer.kind)
    assert all(len(kinds) == 1 for kinds in ends.values()), "an attempt had two ends"
    assert set(sleeper.starts) <= set(ends), "a started attempt was never answered"


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_bot_keeps_its_promises_under_any_schedule(world, sleeper, first):
    started = 0
    for seed in range(first, first + 20):
        sleeper.log.clear()
        run(live(world, sleeper, random.Random(seed)), seed=seed)
        started += len(sleeper.starts)
    assert started > 20
