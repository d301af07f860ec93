"""A world for engine tests: real engines, bots and clients on one memory broker, in virtual time.

What outlives a process stands in the world: the broker, the journal's store, the lock's table, each bot's ledger. A
process is a `Life`. What holds in every test is held by `order` at each message, and by `leftovers` at the end.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ee_core.bot.secrets import Secrets
from ee_core.client import Client
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.local.broker import MemoryBroker
from ee_core.local.lock_table import LockTable
from ee_core.local.memory_journal import MemoryStore
from ee_core.messages.jobs import CancelJob, CommandReply, ExecuteJob, JobEvent, OperateJob, QueryJobs
from ee_core.messages.subjects import Subjects
from ee_core.model.record import decode_record, unframe
from ee_core.simulation import VirtualEnv
from engine_world.bots import BotLife, WorkerLife
from engine_world.catalogue import Catalogue
from engine_world.engines import EngineLife
from engine_world.fate import DiskFate, Happening, NetFate
from engine_world.leftovers import check_leftovers
from engine_world.life import LIFE, Life
from engine_world.puppet import Puppet
from engine_world.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ee_core.model.job import Job
    from engine_world.script import Effect

_STEP_S = 0.05


class World:
    """Everything in one test. See the module."""

    def __init__(self, hooks: Any, seed: int = 1) -> None:
        self.hooks = hooks
        self.loop = asyncio.get_running_loop()
        self.subjects = Subjects()
        self._seeds = iter(range(seed * 1000, seed * 1000 + 1000))
        self._envs: list[VirtualEnv] = []
        self._wall_offset_us = 0
        self.env = self.make_env()
        self.store = MemoryStore(self.env.new_id())
        self.broker = MemoryBroker(self.make_env())
        self.table = LockTable(self.env)
        self.catalogue = Catalogue()
        self.secrets = Secrets()  # of engines; without a provider until a test says otherwise
        self.disk, self.net = DiskFate(), NetFate()
        self.lock_down: set[str] = set()  # names of the lock's methods that do not get through
        self.happenings: list[Happening] = []
        self.effects: list[Effect] = []
        self.violations: list[str] = []
        self._decoded: defaultdict[str, list[Any]] = defaultdict(list)  # records that were read, by job
        self.seen: defaultdict[str, list[JobEvent]] = defaultdict(list)  # broadcasts, by job
        self.engine: Any = None  # the one started last
        self.engines: list[EngineLife] = []
        self.crew: dict[str, Any] = {}
        self.client = Client(Wire(self, Life("client")), self.subjects, env=self.make_env())
        self._own = Life("world")

    def make_env(self) -> VirtualEnv:
        env = VirtualEnv(self.loop, next(self._seeds))
        env.wall_offset_us = self._wall_offset_us
        self._envs.append(env)
        return env

    def set_clock(self, offset_s: float) -> None:
        """Let the machine's wall clock jump to so many seconds beside the true time, for whoever looks from now on."""
        self._wall_offset_us = round(offset_s * 1_000_000)
        for env in self._envs:
            env.wall_offset_us = self._wall_offset_us

    async def __aenter__(self) -> World:
        create = self.loop.create_task

        def create_task(work: Any, **named: Any) -> asyncio.Task[Any]:
            task = create(work, **named)
            life = LIFE.get()
            if life is not None:
                life.tasks.append(task)
            return task

        self.loop.create_task = create_task
        await self.broker.__aenter__()
        self._own.start(self._watch())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self.net.down = self.disk.full = False
                self.lock_down.clear()
                await asyncio.sleep(1.0)
                check_leftovers(self)
                for engine in self.engines:
                    await engine.stop()
        finally:
            for each in [*self.engines, *self.crew.values()]:
                await each.life.kill()
            await self._own.kill()
            await self.broker.close()
            for bot in self.crew.values():
                if isinstance(bot, BotLife):
                    bot.ledger.close()
            del self.loop.create_task

    async def _watch(self) -> None:
        channel = Channel(ChannelKind.BROADCAST, self.subjects.job_events("*"))
        async with self.broker.consume(channel, group="test") as deliveries:
            async for delivery in deliveries:
                event = JobEvent.from_bytes(delivery.body)
                self.seen[event.subject].append(event)

    def note(self, what: str, who: str, about: Any, body: bytes = b"") -> None:
        self.happenings.append(Happening(self.loop.time(), what, who, about, body))

    # -- engines and bots ------------------------------------------------------------------------------------

    async def start(self, *, wait: bool = True, **settings: Any) -> EngineLife:
        """Start an engine on the store; settings as ``max_open_jobs=2``, ``disabled=("activity:post",)``."""
        life = EngineLife(self, f"engine-{len(self.engines) + 1}", settings)
        self.engines.append(life)
        self.engine = life
        await life.start(wait=wait)
        return life

    async def crash(self) -> None:
        """Let the engine die at once."""
        await self.engine.life.kill()

    async def stop(self) -> None:
        """Stop the engine as a service is stopped."""
        await self.engine.stop()

    async def restart(self, **settings: Any) -> EngineLife:
        """Crash the engine and start another on the same store."""
        await self.crash()
        return await self.start(**settings)

    async def bot(self, bot: str = "pc-1", *activities: str, **labels: str) -> BotLife:
        """Start a bot; it serves ``work`` unless told otherwise."""
        self.crew[bot] = life = BotLife(self, bot, activities or ("work",), labels)
        return await life.start()

    async def worker(self, bot: str, *activities: str) -> WorkerLife:
        """Start a worker for stateless work."""
        self.crew[bot] = life = WorkerLife(self, bot, activities, {})
        return await life.start()

    async def puppet(self, bot: str = "pc-1", *activities: str, **labels: str) -> Puppet:
        """Start a bot that is played by hand."""
        self.crew[bot] = life = Puppet(self, bot, activities or ("work",), labels)
        return await life.start()

    # -- what clients do ---------------------------------------------------------------------------------------

    async def submit(self, workflow: Any, job: str | None = None, **command: Any) -> str:
        """Have a job run and return its id."""
        reply = await self.client.execute(ExecuteJob(id=job, workflow=workflow, **command))
        return str(reply.job)

    async def execute(self, workflow: Any, job: str | None = None, **command: Any) -> CommandReply:
        return await self.client.execute(ExecuteJob(id=job, workflow=workflow, **command))

    async def cancel(self, job: str, **command: Any) -> CommandReply:
        return await self.client.cancel(CancelJob(job=job, **command))

    async def operate(self, job: str, action: str, incident: str = "i1", **command: Any) -> CommandReply:
        fields = {"id": self.env.new_id(), "who": "ann", "reason": "test"} | command
        return await self.client.operate(OperateJob(job=job, action=action, incident=incident, **fields))

    async def ask(self, what: str, **question: Any) -> Any:
        return await self.client.query(QueryJobs(what=what, **question))

    async def job(self, job: str) -> dict[str, Any]:
        return await self.ask("job", job=job)

    async def bots(self) -> dict[str, str]:
        """Return the states of all bots, workers left out."""
        return {row["bot"]: row["state"] for row in await self.ask("bots") if row["kind"] == "bot"}

    def command(self, workflow: Any, job: str | None = None, **fields: Any) -> bytes:
        """Write an execute command as it travels, answered in `inbox`."""
        message = {"id": job, "workflow": workflow, "reply_to": "_INBOX.test"} | fields
        return json.dumps({name: value for name, value in message.items() if value is not None}).encode()

    async def send(self, subject: str, body: bytes | str) -> None:
        """Publish a command as it is."""
        data = body if isinstance(body, bytes) else body.encode()
        await self.broker.publish(Channel(ChannelKind.WORK, subject), data)

    @asynccontextmanager
    async def inbox(self, name: str = "_INBOX.test") -> AsyncIterator[list[CommandReply]]:
        """Collect what is answered on a subject of the test's own."""
        replies: list[CommandReply] = []

        async def read(deliveries: AsyncIterator[Any]) -> None:
            async for delivery in deliveries:
                replies.append(CommandReply.from_bytes(delivery.body))

        async with self.broker.consume(Channel(ChannelKind.BROADCAST, name), group="test") as deliveries:
            task = asyncio.create_task(read(deliveries))
            try:
                yield replies
            finally:
                task.cancel()
                await asyncio.wait({task})

    # -- what is true ------------------------------------------------------------------------------------------

    async def until(self, holds: Callable[[], Any], *, within_s: float = 30.0) -> None:
        """Wait until something holds."""
        deadline = self.loop.time() + within_s
        while not holds():
            if self.loop.time() > deadline:
                raise AssertionError(f"not within {within_s} s of virtual time")
            await asyncio.sleep(_STEP_S)

    async def finished(
        self, job: str, outcome: str = "succeeded", *, within_s: float = 60.0
    ) -> dict[str, Any]:
        """Wait until a job is finished, and return it as a query shows it."""
        try:
            await self.until(
                lambda: job in self.store.summaries and self.summary(job).outcome, within_s=within_s
            )
        except AssertionError:
            raise AssertionError(f"job {job} is not finished: {self.events(job)}") from None
        assert self.summary(job).outcome == outcome, self.events(job)
        return await self.job(job)

    async def over(self, *jobs: str, within_s: float = 60.0) -> None:
        """Wait until nothing is left of jobs, drains included."""
        wanted = jobs or tuple(self.store.summaries)
        await self.until(lambda: not any(self.summary(job).open for job in wanted), within_s=within_s)

    async def incident(self, job: str, kind: str = "", *, within_s: float = 60.0) -> dict[str, Any]:
        """Wait until a job has an open incident of a kind, and return the first."""

        def found() -> list[Any]:
            live = self.live(job)
            return [each for each in live.incidents.values() if kind in ("", each.kind.value)] if live else []

        await self.until(found, within_s=within_s)
        wanted = found()[0].id
        return next(each for each in (await self.job(job))["incidents"] if each["incident"] == wanted)

    async def awaiting(self, job: str, event: str, *, times: int = 1, within_s: float = 60.0) -> None:
        """Wait until an event of a kind is in a job's history."""
        await self.until(lambda: self.events(job).count(event) >= times, within_s=within_s)

    def live(self, job: str) -> Job | None:
        driver = self.engine.engine.jobs.find(job)
        return driver.job if driver is not None else None

    def summary(self, job: str) -> Any:
        return self.store.summaries[job]

    def records(self, job: str) -> list[Any]:
        """Return what is durable of a job."""
        known, stored = self._decoded[job], self.store.records.get(job, ())
        known += [decode_record(unframe(data).body) for data in stored[len(known) :]]
        return list(known)

    def recorded(self, job: str) -> list[Any]:
        return [event for record in self.records(job) for event in record.events]

    def events(self, job: str) -> list[str]:
        """Return the names of a job's events in order."""
        return [type(event).__name__ for event in self.recorded(job)]

    def find(self, job: str, event: str) -> list[Any]:
        return [each for each in self.recorded(job) if type(each).__name__ == event]

    @property
    def commits(self) -> int:
        return len(self.store.partitions[0].commits)

    def started(self, **wanted: Any) -> list[str]:
        """Return where attempts were really begun, as ``where:job/visit/attempt``, in order."""
        return [
            f"{effect.where}:{effect.job}/{effect.visit}/{effect.attempt}"
            for effect in self.effects
            if effect.what == "start"
            and all(getattr(effect, name) == value for name, value in wanted.items())
        ]

    def published(self, subject: str) -> list[Happening]:
        """Return what was sent on subjects that begin so."""
        return [each for each in self.happenings if each.what == "publish" and each.about.startswith(subject)]
