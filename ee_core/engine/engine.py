"""One engine: the parts wired together, their tasks started in order and ended in reverse.

What goes where: the Spawner gets a way to make an Executor, the Executor gets the Reactor's `reconcile`, the Reactor
and the Fleet get a `tell`. None of them knows another.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ee_core.bot.profile import Profile
from ee_core.bot.secrets import remembering
from ee_core.bot.worker import WorkerHost
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.outage import level_of
from ee_core.definitions import expand_with
from ee_core.engine.adoption import check_poison, leave_mark, tell_again
from ee_core.engine.events import encode_events
from ee_core.engine.hooks import EngineHooks
from ee_core.engine.pruning import prune_jobs
from ee_core.engine.queries import Queries
from ee_core.errors import EngineError, EngineStoppedError, JournalConflictError, MessageError
from ee_core.executor import Executor, summarize
from ee_core.fleet import Fleet
from ee_core.messages.bots import BotHello, BotsCall
from ee_core.messages.instants import to_text
from ee_core.model.ids import EngineId
from ee_core.partition import Partition
from ee_core.reactor import Reactor, Surroundings
from ee_core.reactor.outbox import Letter
from ee_core.spawner import Jobs, Spawner
from ee_core.workflows import Workflows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

    from ee_core.engine.parts import Parts
    from ee_core.model.events import Record
    from ee_core.model.facts import AnyFact
    from ee_core.model.ids import BotId, JobId
    from ee_core.model.job import Job
    from ee_core.model.waits import WaitDelta, WaitingJob

T = TypeVar("T")
_log = logging.getLogger(__name__)
PARTITION = 0
_WORKER_PARALLEL = 256  # attempts of stateless work at a time in this process


class _Address:
    """A bot's subjects, as the Fleet uses them."""

    def __init__(self, parts: Parts) -> None:
        self._subjects = parts.subjects

    def query(self, bot: BotId) -> str:
        return self._subjects.query_bot(bot)

    def cancel(self, bot: BotId) -> str:
        return self._subjects.cancel(bot)

    def reply_to(self, bot: BotId) -> str:
        return self._subjects.response(PARTITION, bot)


class Engine:
    """An engine of one partition; made by `open_engine`.

    Attributes:
        id: New at each start.
        adopted: The jobs that were open when it started, and go on.
    """

    def __init__(self, parts: Parts, *, despite_poison: bool = False) -> None:
        self._despite_poison = despite_poison
        self.id = EngineId(parts.env.new_id())
        self.adopted: list[JobId] = []
        self.hooks = EngineHooks(parts.registry.hooks)
        self._parts = parts
        self._broker = self.hooks.watch(parts.broker, parts.subjects)
        self._secrets = remembering(parts.secrets)  # one for all work of this process: it is the same code
        self._lost: asyncio.Future[EngineError] | None = None
        self.partition = Partition(
            parts.journal,
            PARTITION,
            on_lost=self._partition_lost,
            confirm_after_s=parts.settings.engine.confirm_after_s,
        )
        self.fleet = self._make_fleet()
        self.reactor = self._make_reactor()
        self.workflows = Workflows(
            parts.journal,
            parts.catalogue,
            activities=parts.registry.installed_activities,
            open_language=parts.registry.open_expressions,
            expand=expand_with(parts.registry.hooks),
        )
        self.jobs = Jobs(
            parts.journal,
            partition=PARTITION,
            env=parts.env,
            workflows=self.workflows,
            make_driver=self._make_executor,
            adopted=self._arm_adopted,
            forsaken=self.reactor.forsake,
            passivate_after_s=parts.settings.engine.passivate_after_s,
        )
        self.hooks.attach(self.jobs)
        self.spawner = Spawner(
            self._broker,
            self.jobs,
            partition=PARTITION,
            subjects=parts.subjects,
            env=parts.env,
            workflows=self.workflows,
            admit=self.hooks.admit,
            waiting_visits=lambda: self.fleet.waiting,
        )

    # -- wiring ------------------------------------------------------------------------------------------------

    def _make_fleet(self) -> Fleet:
        return Fleet(
            self._parts.lock,
            self.id,
            env=self._parts.env,
            send=self._send_to_bot,
            address=_Address(self._parts),
            tell=self._tell,
            choose=self.hooks.choose_bot,
            view=self.hooks.view_waiting,
        )

    def _make_reactor(self) -> Reactor:
        parts = self._parts
        surroundings = Surroundings(
            tell=self._tell,
            find_activity=parts.registry.open_activity,
            headers=self.hooks.headers,
            on_wait=self.hooks.saw_wait,
            on_admission=self._note_admission,
            secrets=self._secrets,
        )
        return Reactor(
            self._broker,
            self.fleet,
            partition=PARTITION,
            subjects=parts.subjects,
            env=parts.env,
            surroundings=surroundings,
            grace_s=parts.settings.engine.grace_s,
            drain_timeout_s=parts.settings.engine.drain_timeout_s,
        )

    def _make_executor(self, job: Job) -> Executor:
        return Executor(
            job,
            self.partition,
            reconcile=self.reactor.reconcile,
            observe=self._observe,
            advise_retry=self.hooks.advise_retry,
        )

    async def _tell(self, job: JobId, fact: AnyFact) -> object:
        return await self.jobs.tell(job, fact)

    def _note_admission(self, job: JobId, is_held: bool) -> None:
        self.spawner.admission.note(job, is_held)

    def _arm_adopted(self, job: WaitingJob, delta: WaitDelta) -> None:
        self.reactor.reconcile(job, delta, adopted=True)

    async def _send_to_bot(self, subject: str, body: bytes) -> None:
        await self._broker.publish(Channel(ChannelKind.INBOX, subject), body)

    # -- what is committed -------------------------------------------------------------------------------------

    def _observe(self, job: Job, records: Sequence[Record]) -> None:
        self.hooks.saw_records(job.id, records, summarize(job))
        channel = Channel(ChannelKind.BROADCAST, self._parts.subjects.job_events(job.id))
        for record in records:
            for body in encode_events(record, self._parts.settings.namespace):
                self.reactor.outbox.post(Letter(channel, body, job.id))

    # -- life --------------------------------------------------------------------------------------------------

    def _partition_lost(self, error: EngineError) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(error)

    async def wait_stopped(self) -> None:
        """Wait until the engine cannot go on.

        Raises:
            EngineStoppedError: With the reason.
        """
        assert self._lost is not None, "the engine is open"
        error = await self._lost
        raise EngineStoppedError(
            "another engine has taken over the journal and drives its jobs now, so this one has ended;"
            " let it be so, or end the other one and start this one again"
            if isinstance(error, JournalConflictError)
            else f"the engine stops: {error}"
        ) from error

    async def until_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work that needs the engine; cancelled when that cannot go on. Raises as `wait_stopped`."""
        watch = asyncio.create_task(self.wait_stopped(), name="engine-stopped")
        task = asyncio.create_task(work, name="engine-work")
        try:
            await asyncio.wait({watch, task}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await watch
            return await task
        finally:
            for each in (watch, task):
                each.cancel()
            await asyncio.wait({watch, task})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        """Drive jobs while the context is open."""
        self._lost = asyncio.get_running_loop().create_future()
        head = await self.partition.open()
        if not self._despite_poison:
            await check_poison(self._parts.journal, head)
        try:
            self.adopted = await self.jobs.adopt()
            await tell_again(self._parts.journal, head, self.hooks.saw_records)
            self.partition.note_told_again()
            async with self._driving():
                yield self
        except Exception as error:
            # what nobody expected may be a job's fault, and counts as a death of the engine (R27)
            if all(isinstance(leaf, EngineError) for leaf in _leaves(error)):
                await leave_mark(self.partition)
            raise
        except BaseException:
            await leave_mark(self.partition)
            raise
        else:
            await leave_mark(self.partition)

    @asynccontextmanager
    async def _driving(self) -> AsyncIterator[None]:
        queries = Queries(
            self._broker,
            self._parts.subjects,
            jobs=self.jobs,
            journal=self._parts.journal,
            fleet=self.fleet,
            reactor=self.reactor,
            about=self._about,
            prune=functools.partial(prune_jobs, self.partition, self._parts.journal),
        )
        async with asyncio.TaskGroup() as tasks:
            services = [
                tasks.create_task(self.partition.run(), name="partition"),
                tasks.create_task(self.fleet.run(), name="fleet"),
                tasks.create_task(self.reactor.run(), name="reactor"),
                tasks.create_task(self._listen(), name="roster"),
            ]
            await self.fleet.started.wait()
            await self.reactor.wait_started()
            async with self._worker(), queries:
                with self.fleet.forming():
                    await self.jobs.arm_adopted()
                services.append(tasks.create_task(self.spawner.run(), name="spawner"))
                self._call_bots()
                try:
                    yield
                finally:
                    await self._stop(services)

    async def _stop(self, services: list[asyncio.Task[None]]) -> None:
        for service in reversed(services):
            service.cancel()
        await asyncio.wait(services)
        await self.fleet.give_back()
        try:
            await self._parts.lock.retire(self.id)
        except EngineError as error:
            _log.log(
                level_of(error),
                "the engine's key stays until it expires: %s",
                error,
                extra={"action": "retire_failed"},
            )

    def _worker(self) -> WorkerHost:
        """Stateless work is done here too: this process is a worker for the types it has."""
        profile = Profile(f"engine-{self.id[:12]}", self._parts.registry.installed_activities())
        return WorkerHost(
            profile,
            broker=self._broker,
            subjects=self._parts.subjects,
            env=self._parts.env,
            max_parallel=_WORKER_PARALLEL,
            secrets=self._secrets,
        )

    def _about(self) -> dict[str, Any]:
        journal = self._parts.journal
        about = {"engine": self.id, "store": journal.store_id, "commits": self.partition.commits}
        return about | {"now": to_text(self._parts.env.now())} | self._parts.policies.snapshot()

    def _call_bots(self) -> None:
        channel = Channel(ChannelKind.BROADCAST, self._parts.subjects.bots_call)
        self.reactor.outbox.post(Letter(channel, BotsCall().to_bytes()))

    async def _listen(self) -> None:
        """Hear bots; a broadcast that is no hello is ignored."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(self._parts.subjects.bots_hello, self.fleet.saw), name="hear-hellos")
            tasks.create_task(
                self._hear(self._parts.subjects.bot_heartbeat("*"), self._heartbeat), name="hear-heartbeats"
            )

    def _heartbeat(self, heartbeat: BotHello) -> None:
        self.fleet.saw(heartbeat)
        self.reactor.heard(heartbeat)

    async def _hear(self, subject: str, take: Callable[[BotHello], None]) -> None:
        channel = Channel(ChannelKind.BROADCAST, subject)
        async with self._parts.broker.consume(channel, group=self.id) as deliveries:
            async for delivery in deliveries:
                try:
                    hello = BotHello.from_bytes(delivery.body)
                    _check_identity(hello, self._parts.subjects.tail(delivery.subject))
                    take(hello)
                except MessageError as error:
                    _log.warning("a bot's word is ignored: %s", error, extra={"action": "hello_refused"})


def _check_identity(hello: BotHello, subject: str) -> None:
    """Refuse a heartbeat whose body names another bot than its subject, which the server can enforce."""
    if subject not in {"bots.hello", f"bots.heartbeat.{hello.bot}"}:
        raise MessageError(f"BotHello: it is of {hello.bot!r} and came on {subject!r}; they must be equal")


@asynccontextmanager
async def open_engine(parts: Parts, *, despite_poison: bool = False) -> AsyncIterator[Engine]:
    """Run an engine over open parts until the context is left.

    Args:
        parts: Open.
        despite_poison: Drive jobs that seem to have ended engine after engine.

    Raises:
        PartitionQuarantinedError: They did, and nobody said to try again.
        JournalError: The journal cannot be read.
        BrokerError: The broker is out of reach.
    """
    engine = Engine(parts, despite_poison=despite_poison)
    try:
        async with engine.running():
            yield engine
    except BaseExceptionGroup as group:
        # a group is how the tasks inside report; who uses an engine catches one error
        raise _first_of(group) from group


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the most telling of a group's exceptions: one of ours, else the first."""
    leaves = list(_leaves(group))
    return next((leaf for leaf in leaves if isinstance(leaf, EngineError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
