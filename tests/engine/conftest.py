"""A world for engine tests: real engines, bots and clients on one memory broker, in virtual time.

What outlives a process stands in the world: the broker, the journal's store, the lock's table, each bot's ledger. A
process is a `Life`: everything it can touch is handed to it behind a gate, and `kill` shuts the gate before it cancels
its tasks, so a dying process leaves nothing behind that a power cut would not.

Rules that hold in every test are held here: nothing is sent before the record that it follows from (`Wire`), and at
the end of each test `World.check` looks for what is left over.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import sys
import textwrap
from collections import Counter, defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from ee_core.bot.host import BotHost
from ee_core.bot.ledger import IN_MEMORY, open_ledger
from ee_core.bot.lifetime import HostSettings
from ee_core.bot.profile import Profile
from ee_core.bot.secrets import Secrets
from ee_core.bot.worker import WorkerHost
from ee_core.client import Client
from ee_core.config import Settings
from ee_core.contracts.activity import ActivityTraits
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.catalogue import CatalogueEntry
from ee_core.engine import Parts, open_engine
from ee_core.errors import (
    BrokerUnavailableError,
    JournalUnavailableError,
    LedgerError,
    LockUnavailableError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)
from ee_core.local.broker import MemoryBroker
from ee_core.local.lock import MemoryLock
from ee_core.local.lock_table import LockTable
from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.local.policies import CorePolicies
from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest, ActivityResponse, BotQuery
from ee_core.messages.bots import BotHello
from ee_core.messages.jobs import CancelJob, CommandReply, ExecuteJob, JobEvent, OperateJob, QueryJobs
from ee_core.messages.subjects import Subjects
from ee_core.model.evolve import apply
from ee_core.model.ids import Fence
from ee_core.model.job import Job
from ee_core.model.oracle import recompute_waits
from ee_core.model.record import decode_record, unframe
from ee_core.registry import Registry
from ee_core.registry.listing import list_entries
from ee_core.simulation import VirtualEnv
from ee_core.workflows import Workflows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

_LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("life", default=None)
_STEP_S = 0.05
_ENDS = {"AttemptSucceeded", "AttemptFailed", "AttemptLost", "AssignmentVoided", "LateResponse", "BotDrained"}
_FREE = ActivityTraits(stateless=True, idempotent=True)
_ONCE = ActivityTraits(stateless=True, idempotent=False)


# -- processes -----------------------------------------------------------------------------------------------


class Life:
    """A process: its tasks, and whether what it does still reaches anybody."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.tasks: list[asyncio.Task[Any]] = []
        self.main: asyncio.Task[Any] | None = None

    def start(self, work: Any) -> asyncio.Task[Any]:
        context = contextvars.copy_context()
        context.run(_LIFE.set, self)
        self.main = context.run(asyncio.get_running_loop().create_task, work)
        return self.main

    async def kill(self) -> None:
        """Let it die: what it does from now on reaches nobody, and it does nothing for long."""
        self.is_dead = True
        for _ in range(300):
            alive = [task for task in self.tasks if not task.done()]
            if not alive:
                break
            for task in alive:
                task.cancel()
            await asyncio.sleep(0)
        else:
            raise AssertionError(f"{self.name} does not die: {alive}")
        if self.main is not None and not self.main.cancelled():
            self.main.exception()  # whatever it died of

    @property
    def is_running(self) -> bool:
        return self.main is not None and not self.main.done()


class Gate:
    """Something that a process touches; after its death, or while it is down, every call raises."""

    def __init__(
        self, part: Any, life: Life, error: type[Exception], is_down: Callable[[str], bool] | None = None
    ) -> None:
        self._part = part
        self._life = life
        self._error = error
        self._is_down = is_down or (lambda name: False)

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._part, name)
        if not callable(member):
            return member

        def call(*args: Any, **named: Any) -> Any:
            if self._life.is_dead or self._is_down(name):
                raise self._error(f"{name} does not get through")
            return member(*args, **named)

        return call


class Disk(Gate):
    """The journal as one engine sees it; `World.disk` says how it fares."""

    def __init__(self, world: World, life: Life) -> None:
        super().__init__(MemoryJournal(world.store), life, JournalUnavailableError)
        self._world = world

    async def commit(self, head: Any, entries: Any) -> Any:
        disk = self._world.disk
        disk.tries.append(tuple(entry.body for entry in entries))
        if disk.latency_s:
            await asyncio.sleep(disk.latency_s)
        if disk.full:
            raise JournalUnavailableError("no space left")
        if self._life.is_dead:
            raise JournalUnavailableError("dead")
        following = await self._part.commit(head, entries)
        self._world.note("commit", self._life.name, tuple((entry.job, entry.index) for entry in entries))
        if disk.forgetful:
            raise JournalUnavailableError("written, and nobody said so")
        return following

    async def history(self, job: Any) -> AsyncIterator[bytes]:
        await asyncio.sleep(self._world.disk.read_latency_s)
        async for body in self.__getattr__("history")(job):
            yield body


class Wire:
    """The broker as one process sees it; `World.net` says how it fares."""

    def __init__(self, world: World, life: Life) -> None:
        self.traits = world.broker.traits
        self._world = world
        self._life = life

    def _check(self) -> None:
        if self._life.is_dead or self._world.net.down:
            raise BrokerUnavailableError("the network is down")

    async def publish(self, channel: Channel, body: bytes, **named: Any) -> None:
        self._check()
        world = self._world
        world.note("publish", self._life.name, channel.subject, body)
        if self._life.name.startswith("engine"):
            world.check_order(channel.subject, body)
        for _ in range(world.net.copies(channel.subject, body)):
            await world.broker.publish(channel, body, **named)

    @asynccontextmanager
    async def consume(self, channel: Channel, **named: Any) -> AsyncIterator[AsyncIterator[Any]]:
        self._check()
        async with self._world.broker.consume(channel, **named) as deliveries:
            yield self._read(deliveries)

    async def _read(self, deliveries: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for delivery in deliveries:
            await self._world.until(lambda: not self._world.net.down, within_s=3600)
            yield _Delivery(delivery, self._world, self._life, self._check)

    async def request(self, subject: str, body: bytes, *, timeout_s: float) -> bytes:
        self._check()
        return await self._world.broker.request(subject, body, timeout_s=timeout_s)

    def respond(self, subject: str, answer: Any) -> Any:
        self._check()
        return self._world.broker.respond(subject, answer)


class _Delivery:
    def __init__(self, delivery: Any, world: World, life: Life, check: Callable[[], None]) -> None:
        self._delivery, self._world, self._life, self._check = delivery, world, life, check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._delivery, name)

    async def ack(self) -> None:
        self._check()
        self._world.note("ack", self._life.name, self._delivery.subject, self._delivery.body)
        await self._delivery.ack()

    async def retry(self, *, delay_s: float = 0.0) -> None:
        self._check()
        self._world.note("retry", self._life.name, self._delivery.subject, self._delivery.body)
        await self._delivery.retry(delay_s=delay_s)

    async def reject(self, reason: str) -> None:
        self._check()
        self._world.note("reject", self._life.name, self._delivery.subject, self._delivery.body)
        await self._delivery.reject(reason)


class Catalogue:
    """Workflows by name; the folder's own reads files in threads, which the virtual loop has not."""

    def __init__(self) -> None:
        self.entries: list[CatalogueEntry] = []

    def add(self, workflow: dict[str, Any]) -> None:
        name = workflow["name"]
        self.entries = [entry for entry in self.entries if entry.name != name]
        self.entries.append(CatalogueEntry(name, "", f"{name}.ee.yaml", json.dumps(workflow).encode()))

    async def find(self, name: str, version: str = "") -> CatalogueEntry | None:
        found = [entry for entry in self.entries if entry.name == name and entry.version == version]
        return found[0] if found else None

    async def list(self) -> list[CatalogueEntry]:
        return list(self.entries)


# -- what bots do ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """Something that an attempt really did."""

    at_s: float
    where: str
    job: str
    visit: str
    attempt: int
    what: str  # start, done, failed, stopped, died


class Script:
    """An activity type that does what its input says.

    Input: ``seconds`` (how long), ``output`` or ``bytes`` (a text of that many), ``fail`` (so many attempts, with ``advice`` permanent, transient or
    lost), ``hang``, ``stubborn`` (finishes so many seconds after it was asked to stop, all the same).
    """

    input_schema = None
    output_schema = None

    def __init__(
        self, name: str, world: World, where: str = "", traits: ActivityTraits | None = None
    ) -> None:
        self.name = name
        self._world = world
        self._where = where
        self._traits = traits or ActivityTraits()

    def traits_for(self, template: Any) -> ActivityTraits:
        return self._traits

    async def run(self, context: Any, value: Any) -> Any:
        script = value or {}
        note = self._note(context)
        note("start")
        try:
            await self._spend(context, script)
        except asyncio.CancelledError:
            life = _LIFE.get()
            note("died" if life is not None and life.is_dead else "stopped")
            raise
        if context.attempt <= script.get("fail", 0):
            note("failed")
            raise _error(script.get("advice", ""), context.attempt)
        note("done")
        if "bytes" in script:
            return "x" * script["bytes"]
        return script.get("output", {"visit": context.visit, "input": value})

    async def _spend(self, context: Any, script: dict[str, Any]) -> None:
        if "progress" in script:
            context.progress(script["progress"], "on the way")
        try:
            if script.get("hang"):
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(script.get("seconds", 0))
        except asyncio.CancelledError:
            if "stubborn" not in script:
                raise
            await asyncio.sleep(script["stubborn"])

    def _note(self, context: Any) -> Callable[[str], None]:
        life = _LIFE.get()
        where = self._where or (life.name if life else "?")

        def note(what: str) -> None:
            now_s = asyncio.get_running_loop().time()
            self._world.effects.append(
                Effect(now_s, where, context.job, context.visit, context.attempt, what)
            )

        return note


def _error(advice: str, attempt: int) -> Exception:
    text = f"try {attempt} failed"
    match advice:
        case "permanent":
            return PermanentActivityError(text, code="no_use")
        case "transient":
            return TransientActivityError(text, code="soon", retry_after_s=7.0)
        case "lost":
            return LostActivityError(text)
    return ValueError(text)


class BotLife:
    """A bot that can be killed and started again; its ledger stays."""

    def __init__(self, world: World, bot: str, activities: tuple[str, ...], labels: dict[str, str]) -> None:
        self.world, self.id = world, bot
        self.activities, self.labels = activities, labels
        self.ledger = open_ledger(IN_MEMORY, bot=bot, env=world.make_env())
        self.life = Life(bot)
        self.host: BotHost | WorkerHost | None = None

    async def start(self) -> BotLife:
        self.life = life = Life(self.id)
        types = {name: Script(name, self.world) for name in self.activities}
        host = self.host = self._make_host(life, Profile(self.id, types, self.labels))
        life.start(host.run())
        await self.world.until(lambda: host._is_ready)
        return self

    def _make_host(self, life: Life, profile: Profile) -> BotHost | WorkerHost:
        common = {
            "broker": Wire(self.world, life),
            "subjects": self.world.subjects,
            "env": self.world.make_env(),
            "settings": HostSettings(stop_grace_s=60.0),
        }
        return BotHost(profile, Gate(self.ledger, life, LedgerError), **common)

    async def kill(self) -> None:
        """The process dies; what it had begun it will not end."""
        await self.life.kill()

    async def lose_disk(self) -> None:
        """The process dies and its ledger with it."""
        await self.kill()
        self.ledger.close()
        self.ledger = open_ledger(IN_MEMORY, bot=self.id, env=self.world.make_env())

    async def stop(self) -> None:
        """End it as a service is ended."""
        if self.life.is_running:
            self.host.stop()
            await self.life.main


class WorkerLife(BotLife):
    """A worker for stateless work."""

    def _make_host(self, life: Life, profile: Profile) -> WorkerHost:
        wire = Wire(self.world, life)
        return WorkerHost(profile, broker=wire, subjects=self.world.subjects, env=self.world.make_env())


class Puppet:
    """A bot played by hand: it says hello and answers claims, the test says the rest."""

    def __init__(self, world: World, bot: str, activities: tuple[str, ...], labels: dict[str, str]) -> None:
        self.world, self.id = world, bot
        self.activities, self.labels = activities, labels
        self.ledger = f"ledger-{bot}"
        self.requests: list[ActivityRequest] = []
        self.cancels: list[ActivityCancel] = []
        self.acks: list[ActivityAck] = []
        self.claims: list[BotQuery] = []
        self.answers_claims = True
        self.works_on: ActivityRequest | None = None  # what it is busy with when it is claimed
        self.highest = Fence(0, 0)
        self.life = Life(bot)

    async def start(self) -> Puppet:
        s = self.world.subjects
        for subject, kind, take in (
            (s.execute(self.id), ActivityRequest, self._on_request),
            (s.cancel(self.id), ActivityCancel, self._on_cancel),
            (s.ack(self.id), ActivityAck, self._on_ack),
            (s.query_bot(self.id), BotQuery, self._on_claim),
        ):
            self.life.start(self._listen(subject, kind, take))
        self.life.start(self._beat())
        await asyncio.sleep(0)
        return self

    async def _listen(self, subject: str, kind: Any, take: Any) -> None:
        async with self.world.broker.consume(
            Channel(ChannelKind.INBOX, subject), group=self.id
        ) as deliveries:
            async for delivery in deliveries:
                await delivery.ack()
                await take(kind.from_bytes(delivery.body))

    async def _on_request(self, request: ActivityRequest) -> None:
        self.requests.append(request)
        self.highest = max(self.highest, request.fence)

    async def _on_cancel(self, cancel: ActivityCancel) -> None:
        self.cancels.append(cancel)

    async def _on_ack(self, ack: ActivityAck) -> None:
        self.acks.append(ack)

    async def _on_claim(self, query: BotQuery) -> None:
        self.claims.append(query)
        if not self.answers_claims:
            return
        self.highest = max(self.highest, Fence(query.lease, 0))
        if self.works_on is None:
            await self._send(query.reply_to, kind="idle", lease=query.lease)
        else:
            running = {name: getattr(self.works_on, name) for name in ("job", "visit", "attempt", "fence")}
            await self._send(query.reply_to, kind="busy", lease=query.lease, running=running)

    async def _beat(self) -> None:
        while True:
            await self.say_hello()
            await asyncio.sleep(1.0)

    async def say_hello(self, **changes: Any) -> None:
        hello = BotHello(
            bot=self.id,
            instance="one",
            ledger=self.ledger,
            activities=self.activities,
            labels=self.labels,
            highest=self.highest,
            interval_ms=1000,
        )
        body = hello.model_copy(update=changes).to_bytes()
        await self.world.broker.publish(Channel(ChannelKind.BROADCAST, self.world.subjects.bots_hello), body)

    async def request(self, nth: int = 1) -> ActivityRequest:
        """Wait for the nth different request."""
        await self.world.until(lambda: len(self.distinct()) >= nth, within_s=60)
        return self.distinct()[nth - 1]

    def distinct(self) -> list[ActivityRequest]:
        return list({(r.job, r.visit, r.attempt): r for r in self.requests}.values())

    async def answer(self, request: Any, kind: str, *, as_bot: str = "", **fields: Any) -> None:
        """Say something about an attempt."""
        own = {name: getattr(request, name) for name in ("job", "visit", "attempt", "fence")} | fields
        reply_to = request.reply_to
        if as_bot:
            reply_to = f"{reply_to.rsplit('.', 1)[0]}.{as_bot}"
        await self._send(reply_to, kind=kind, **own)

    async def _send(self, reply_to: str, **fields: Any) -> None:
        common = {"ledger": self.ledger, "instance": "one", "highest": self.highest}
        await self.send_bytes(reply_to, ActivityResponse(**common | fields).to_bytes())

    async def send_bytes(self, reply_to: str, body: bytes) -> None:
        await self.world.broker.publish(Channel(ChannelKind.REPLY, reply_to), body)


# -- the world ---------------------------------------------------------------------------------------------------


@dataclass
class DiskFate:
    latency_s: float = 0.0
    read_latency_s: float = 0.0  # before the records of a job
    full: bool = False  # nothing is written
    forgetful: bool = False  # it is written, and the writer is not told
    tries: list[tuple[bytes, ...]] = field(default_factory=list)  # bodies of each commit that was tried


@dataclass
class NetFate:
    down: bool = False
    copies: Callable[[str, bytes], int] = lambda subject, body: 1


@dataclass(frozen=True)
class Happening:
    """What a process did to the outside, in order."""

    at_s: float
    what: str  # commit, publish, ack, retry, reject
    who: str
    about: Any  # subject, or the records of a commit
    body: bytes = b""


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
            life = _LIFE.get()
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
                self.check()
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

    # -- rules that always hold --------------------------------------------------------------------------------

    def check_order(self, subject: str, body: bytes) -> None:
        """Durable before act: what an engine sends follows from a record that stands."""
        message = json.loads(body)
        if subject.startswith("activity.execute."):
            sent = (message["visit"], message["attempt"])
            known = {(each.visit, each.attempt) for each in self.find(message["job"], "AttemptAssigned")}
            self._demand(sent in known, f"{subject}: {sent} was sent before it was recorded")
        elif subject.startswith("activity.ack.") and message["verdict"] == "recorded":
            about = (message["visit"], message["attempt"])
            known = {_attempt_of(each) for each in self.recorded(message["job"])}
            self._demand(about in known, f"{subject}: {about} was acknowledged before it was recorded")
        elif subject.startswith("jobs.events."):
            count = len(self.store.records.get(message["subject"], ()))
            self._demand(
                message["record"] < count, f"{subject}: {message['id']} was told before it was recorded"
            )
        elif subject.startswith("_INBOX.") and message.get("status") in {"accepted", "known", "cancelled"}:
            self._demand(
                message["job"] in self.store.summaries, f"{message} was answered before it was recorded"
            )

    def _demand(self, holds: bool, text: str) -> None:
        if not holds:
            self.violations.append(text)

    def check(self) -> None:
        """Look for what must not be at the end of any test."""
        assert not self.violations
        self._check_effects()
        if self.engine is not None and self.engine.life.is_running:
            self._check_engine(self.engine.engine)

    def _check_effects(self) -> None:
        starts = Counter(self.started())
        assert not [start for start, times in starts.items() if times > 1], "an attempt was begun twice"
        running: dict[str, str] = {}
        for effect in self.effects:
            bot = self.crew.get(effect.where)
            if not isinstance(bot, BotLife) or isinstance(bot, WorkerLife):
                continue
            name = f"{effect.job}/{effect.visit}/{effect.attempt}"
            if effect.what == "start":
                assert effect.where not in running, f"{effect.where} does {running[effect.where]} and {name}"
                running[effect.where] = name
            else:
                assert running.pop(effect.where) == name

    def _check_engine(self, engine: Any) -> None:
        """What is armed is what open jobs wait for, and of jobs that are over nothing is left anywhere."""
        jobs = {driver.job.id: driver.job for driver in engine.jobs}
        jobs |= {job: self._recalled(engine, job) for job in engine.jobs._resting}
        assert {
            job for job, row in self.store.summaries.items() if row.open
        } <= jobs.keys() | engine.jobs.parked.keys()
        for job in jobs.values():
            self._check_job(job)
        reactor, fleet = engine.reactor, engine.fleet
        armed = {(job, key) for job, waits in reactor._armed.items() for key in waits}
        wanted = {(job.id, key) for job in jobs.values() for key in job.waits}
        parked = engine.jobs.parked
        assert {each for each in armed if each[0] not in parked} == wanted
        kinds = Counter(key.partition(":")[0] for _, key in wanted)
        assert len(reactor.requests) + len(reactor._inhouse) <= kinds["response"]
        assert len(reactor._drains) == kinds["drain"]
        assert len(fleet._lines) == kinds["lease"]
        seats = fleet._seats.values()
        occupants = {occupant for seat in seats for occupant in seat.occupants}
        assert {occupant[0] for occupant in occupants} <= jobs.keys() | parked.keys()
        assert not [seat.bot for seat in seats if seat.granting]
        assert not reactor.outbox._letters
        assert not engine.spawner._commands._chains
        if not wanted:
            assert not len(reactor._timers), list(reactor._timers._due)
            assert not occupants
            assert not len(reactor.requests), "requests are left"
            assert not reactor.requests._any
            assert not engine.spawner.admission._held

    def _recalled(self, engine: Any, job: str) -> Job:
        """Return a job that is not in memory as its engine would bring it back."""
        records = self.records(job)
        twin = Job.blank(job, engine.workflows._compiled[records[0].events[0].workflow])
        for record in records:
            apply(twin, record)
        return twin

    def _check_job(self, job: Job) -> None:
        twin = Job.blank(job.id, job.workflow)
        for record in self.records(job.id):
            apply(twin, record)
        assert twin == job, f"job {job.id} is not what its records say"
        assert dict(job.waits) == dict(recompute_waits(job))
        assert job.waits, f"job {job.id} waits for nothing"


def _attempt_of(event: Any) -> tuple[Any, Any] | None:
    """Return the attempt that an event ended or asks about."""
    if type(event).__name__ == "IncidentOpened":
        return event.visit, event.detail.get("attempt")
    return (event.visit, event.attempt) if type(event).__name__ in _ENDS else None


class EngineLife:
    """An engine as a process."""

    def __init__(self, world: World, name: str, settings: dict[str, Any]) -> None:
        self.world = world
        self.life = Life(name)
        self.engine: Any = None
        self._despite_poison = settings.pop("despite_poison", False)
        self._settings = settings
        self._stop = asyncio.Event()

    async def start(self, *, wait: bool = True) -> None:
        ready = asyncio.Event()
        main = self.life.start(self._run(ready))
        if not wait:
            return
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({main, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if main.done():
            main.result()

    async def _run(self, ready: asyncio.Event) -> None:
        parts = self._make_parts()
        driving = open_engine(parts, despite_poison=self._despite_poison)
        async with parts.journal, parts.lock, driving as self.engine:
            ready.set()
            await self.engine.until_stopped(self._stop.wait())

    def _make_parts(self) -> Parts:
        world = self.world
        env = world.make_env()
        options = dict(self._settings)
        disabled = ("ee-example", "ee-activity-http", "ee-nats", *options.pop("disabled", ()))
        types = ("fetch", "post", "spare")
        settings = Settings.model_validate(
            {
                "engine": {"grace_s": 1.0} | options,
                "plugins": {"disabled": disabled},
                "activities": {name: {"make": self._make_type} for name in types},
            }
        )
        policies = CorePolicies(env, max_open_jobs=settings.engine.max_open_jobs)
        return Parts(
            settings=settings,
            env=env,
            registry=Registry(settings, env, core=policies),
            policies=policies,
            subjects=world.subjects,
            broker=Wire(world, self.life),
            lock=_Opened(
                MemoryLock(env, table=world.table),
                self.life,
                LockUnavailableError,
                lambda name: name in world.lock_down,
            ),
            journal=_OpenedDisk(world, self.life),
            catalogue=world.catalogue,
            secrets=world.secrets,
        )

    def _make_type(self, name: str) -> Script:
        return Script(name, self.world, traits=_ONCE if name == "post" else _FREE)

    async def stop(self) -> None:
        """Stop it cleanly, if it runs."""
        self._stop.set()
        if self.life.is_running:
            await self.life.main

    async def ended(self) -> BaseException | None:
        """Wait until it has ended by itself, and return why."""
        await self.world.until(lambda: not self.life.is_running)
        return self.life.main.exception()


class _Opened(Gate):
    """A part that is opened with its engine, and closed without anybody noticing when that is dead."""

    async def __aenter__(self) -> _Opened:
        await self._part.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._part.close()


class _OpenedDisk(Disk, _Opened):
    pass


# -- fixtures ------------------------------------------------------------------------------------------------------

_PLUGIN = """
    from ee_core.hookspecs import hookimpl

    EE_API = 1

    @hookimpl
    def ee_open_activity(name, settings):
        return settings["make"](name)
"""

_HOOKS = """
    from ee_core.hookspecs import hookimpl

    EE_API = 1
    ears = {}  # by hook; a test puts functions there

    def _ask(hook, **arguments):
        return ears[hook](**arguments) if hook in ears else None

    @hookimpl
    def ee_choose_retry(visit, attempt, error):
        return _ask("ee_choose_retry", visit=visit, attempt=attempt, error=error)

    @hookimpl
    def ee_on_event(job_id, event, summary):
        _ask("ee_on_event", job_id=job_id, event=event, summary=summary)

    @hookimpl
    def ee_choose_bot(visit, candidates):
        return _ask("ee_choose_bot", visit=visit, candidates=candidates)

    @hookimpl
    def ee_on_wait(job, wait, armed, reason):
        _ask("ee_on_wait", job=job, wait=wait, armed=armed, reason=reason)

    @hookimpl
    def ee_on_incident(job, incident):
        _ask("ee_on_incident", job=job, incident=incident)

    @hookimpl
    def ee_admit_job(request, load):
        return _ask("ee_admit_job", request=request, load=load)

    @hookimpl
    def ee_add_headers(subject, job, visit):
        return _ask("ee_add_headers", subject=subject, job=job, visit=visit)

    @hookimpl
    def ee_on_message(direction, subject, size, headers, outcome):
        _ask("ee_on_message", direction=direction, subject=subject, size=size, headers=headers, outcome=outcome)
"""

_ENTRY_POINTS = """
    [ee.activities]
    fetch = ee_world_types
    post = ee_world_types
    spare = ee_world_types

    [ee.hooks]
    ee-world = ee_world_hooks
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder with one distribution: stateless activity types, and hooks that a test can listen at."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "ee_world-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ee-world\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(_ENTRY_POINTS))
    (folder / "ee_world_types.py").write_text(textwrap.dedent(_PLUGIN))
    (folder / "ee_world_hooks.py").write_text(textwrap.dedent(_HOOKS))
    return folder


@pytest.fixture(scope="session")
def installed(site):
    """Every entry point that is installed, the site's too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(site), *sys.path])
        return list_entries()


@pytest.fixture
def world(site, installed, monkeypatch) -> Iterator[Callable[..., Any]]:
    """Make the world inside the test: ``async with world() as w``; an engine runs, unless ``engine=False``."""
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    import ee_world_hooks  # the test's own distribution

    # what is installed does not change while tests run, and reading it takes longer than most of them
    monkeypatch.setattr("ee_core.registry.plugins.list_entries", lambda: installed)
    ee_world_hooks.ears.clear()

    @asynccontextmanager
    async def make(*, engine: bool = True, seed: int = 1, **settings: Any) -> AsyncIterator[World]:
        async with World(ee_world_hooks.ears, seed) as made:
            if engine:
                await made.start(**settings)
            yield made

    yield make
    ee_world_hooks.ears.clear()


@pytest.fixture
def flow():
    """Write a workflow: nodes by name, the first is the start."""

    def make(name: str = "flow", /, **nodes: Any) -> dict[str, Any]:
        head = {key: nodes.pop(key) for key in ("inputs", "on_failure", "start") if key in nodes}
        return {"ee": 1, "name": name, "start": next(iter(nodes)), "nodes": nodes} | head

    return make


@pytest.fixture
def work():
    """Write a node: an activity, by default of the type ``work`` that a bot must do; keywords are its script."""

    def make(
        to: str = "end", *, kind: str = "work", node: dict[str, Any] | None = None, **script: Any
    ) -> Any:
        return {"activity": kind, "with": script, "next": to} | (node or {})

    return make


END = {"end": "succeeded"}


@pytest.fixture
def end() -> dict[str, Any]:
    return END


@pytest.fixture
def tries(monkeypatch):
    """Let the handling of each command of the owner `bad` crash; the ids of those that were tried are in the list."""
    resolve, tried = Workflows.resolve, []

    async def resolve_or_crash(self, command):
        if command.owner == "bad":
            tried.append(command.id)
            raise ZeroDivisionError("planted")
        return await resolve(self, command)

    monkeypatch.setattr(Workflows, "resolve", resolve_or_crash)
    return tried
