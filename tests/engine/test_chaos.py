"""Everything at once, from a seed: processes die, messages get lost and doubled, disks fill; all jobs end well.

What must hold is checked by the world at the end of each run: see `World.check`.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from ee_core.errors import EngineError
from ee_core.simulation.loop import run

BOTS = ("a", "b", "c")


class Chaos:
    """Plays havoc for a while, then lets everything heal."""

    def __init__(self, w, chance: random.Random) -> None:
        self.w, self.chance = w, chance

    def copies(self, subject: str, body: bytes) -> int:
        if subject.startswith(("jobs.execute", "jobs.cancel", "jobs.operate", "jobs.command", "_INBOX")):
            return 1  # the broker keeps these
        return self.chance.choices((0, 1, 2), (1, 8, 1))[0]

    async def rage(self, steps: int) -> None:
        w, chance = self.w, self.chance
        w.net.copies = self.copies
        for _ in range(steps):
            await asyncio.sleep(chance.uniform(0.01, 6))
            await chance.choice(
                (self.crash, self.kill, self.revive, self.fill, self.cut, self.cancel, self.forget)
            )()
        w.net.copies = lambda subject, body: 1
        w.net.down = w.disk.full = w.disk.forgetful = False

    async def crash(self) -> None:
        self.w.disk.full = self.w.disk.forgetful = False
        self.w.net.down = False
        # crashes close together look like a poisoned partition, which would be left alone (R27)
        await self.w.restart(despite_poison=True)

    async def kill(self) -> None:
        await self.w.crew[self.chance.choice(BOTS)].kill()

    async def revive(self) -> None:
        for bot in BOTS:
            life = self.w.crew[bot]
            if not life.life.is_running and not self.w.net.down:
                if self.chance.random() < 0.2:
                    await life.lose_disk()
                await life.start()

    async def fill(self) -> None:
        self.w.disk.full = True
        await asyncio.sleep(self.chance.uniform(0, 8))
        self.w.disk.full = False

    async def forget(self) -> None:
        self.w.disk.forgetful = True
        await asyncio.sleep(self.chance.uniform(0, 3))
        self.w.disk.forgetful = False

    async def cut(self) -> None:
        self.w.net.down = True
        await asyncio.sleep(self.chance.uniform(0, 8))
        self.w.net.down = False

    async def cancel(self) -> None:
        jobs = [job for job, row in self.w.store.summaries.items() if not row.outcome]
        if jobs and self.chance.random() < 0.3:
            await self.w.send("jobs.cancel", f'"{self.chance.choice(jobs)}"')

    async def heal(self) -> None:
        """Let every bot be there and every incident be answered, until all jobs are over."""
        w = self.w
        if not w.engine.life.is_running:
            await w.start(despite_poison=True)
        for bot in BOTS:
            if not w.crew[bot].life.is_running:
                await w.crew[bot].start()
        deadline = w.loop.time() + 3000
        while any(row.open for row in w.store.summaries.values()):
            assert w.loop.time() < deadline, {
                job: (w.events(job)[-3:], w.engine.engine.reactor.waits_of(job))
                for job, row in w.store.summaries.items()
                if row.open
            }
            await self.answer()
            await asyncio.sleep(5)

    async def answer(self) -> None:
        jobs = self.w.engine.engine.jobs
        for name in [*(driver.job.id for driver in jobs), *jobs._resting]:
            job = await jobs.find_job(name)
            for incident in list(job.incidents.values()):
                choices = [choice.value for choice in incident.choices if choice.value != "fail"]
                if incident.kind.value == "NoBot":
                    continue
                try:
                    await self.w.operate(name, self.chance.choice(choices), incident.id, output="by hand")
                except EngineError:
                    continue  # it closed meanwhile


def any_flow(chance, flow, work, end):
    """Write a workflow of some steps side by side and one after the other."""
    nodes = {}
    names = [f"n{n}" for n in range(chance.randint(1, 4))]
    for name in names:
        script = {"seconds": chance.choice((0, 0, 1, 5, 20))}
        keys = {}
        if chance.random() < 0.3:
            script["fail"] = 1
            keys["retry"] = {"attempts": 3, "delay": "2s"}
        if chance.random() < 0.2:
            script["stubborn"] = 4
        if chance.random() < 0.2:
            keys["timeout"] = {"run": "10s", "heartbeat": "6s"}
        kind = chance.choice(("work", "work", "fetch", "post"))
        nodes[name] = work("all", kind=kind, node=keys, **script)
        nodes[name]["with"].setdefault("output", name)
    last = chance.choice(
        ({"join": "all", "next": "last"}, {"join": "reachable", "next": "last"}, {"join": 1, "next": "last"})
    )
    return flow(fork={"parallel": names}, **nodes, all=last, last=work(seconds=1), end=end)


async def play(world, flow, work, end, seed):
    chance = random.Random(seed)
    async with world(seed=seed) as w:
        for bot in BOTS:
            await w.bot(bot)
        chaos = Chaos(w, chance)
        raging = asyncio.create_task(chaos.rage(chance.randint(3, 15)))
        for n in range(chance.randint(2, 6)):
            await w.send("jobs.execute", w.command(any_flow(chance, flow, work, end), f"j{n}"))
            await asyncio.sleep(chance.uniform(0, 5))
        await raging
        await w.until(lambda: len(w.store.summaries) >= n + 1, within_s=60)
        await chaos.heal()
        finals = [w.events(job).count("JobFinished") for job in w.store.summaries]
        assert finals == [1] * len(finals)
        for job in w.store.summaries:
            after = w.events(job)[w.events(job).index("JobFinished") + 1 :]
            assert set(after) <= {"LateResponse", "BotDrained"}


@pytest.mark.parametrize("seed", range(12))
def test_all_jobs_end_and_nothing_is_done_twice_whatever_dies_meanwhile(world, flow, work, end, seed):
    run(play(world, flow, work, end, seed), seed=seed)
