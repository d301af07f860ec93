"""The way of a command: from ``jobs.execute``, ``jobs.cancel``, ``jobs.operate`` to the owner of its job, and the answer.

Any engine takes a command up, derives the job's id, sends it on to ``jobs.command.<partition>`` and acknowledges. The
owner acknowledges, and answers the sender, only when its first record is durable, or when it is refused. Commands
about one job are handled in the order they came; about different jobs, side by side.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.errors import BrokerError, BrokerUnavailableError, EngineError, JournalError, MessageError
from ee_core.messages.jobs import CancelJob, Command, CommandReply, ExecuteJob, OperateJob
from ee_core.messages.wire import read_json, to_error_body
from ee_core.tasks import begin

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ee_core.contracts.broker import Broker, Delivery
    from ee_core.messages.subjects import Subjects

_log = logging.getLogger(__name__)
_AT_ONCE = 256  # commands in hand; the others stay in the broker
_MAX_CRASHES = 3  # of one command, then it is set aside
_PRIVATE = "_INBOX."  # an answer may only go to a client's own subject, never to one of ours


class CarryOut(Protocol):
    """Carries out one command at its owner."""

    async def __call__(self, command: Command) -> str:
        """Return the status to answer; raises `EngineError` to refuse, `JournalError` when nothing is durable."""


class Commands:
    """Takes commands from the broker; the commands of one partition end here."""

    def __init__(self, broker: Broker, *, partition: int, subjects: Subjects, carry_out: CarryOut) -> None:
        self._broker = broker
        self._partition = partition
        self._subjects = subjects
        self._carry_out = carry_out
        self._crashes: dict[str, int] = {}  # by the message's place in the broker
        self._chains: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Take commands until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            for kind, subject in (
                ("execute", self._subjects.execute_job),
                ("cancel", self._subjects.cancel_job),
                ("operate", self._subjects.operate_job),
            ):
                self._tasks.create_task(self._route(kind, subject), name=f"commands-{kind}")
            self._tasks.create_task(self._take(), name="commands")

    # -- to the owner ----------------------------------------------------------------------------------------

    async def _route(self, kind: str, subject: str) -> None:
        channel = Channel(ChannelKind.WORK, subject)
        async with self._broker.consume(channel, group="engines") as deliveries:
            async for delivery in deliveries:
                await self._route_one(kind, delivery)
        raise BrokerUnavailableError("the broker was closed while commands were taken from it")

    async def _route_one(self, kind: str, delivery: Delivery) -> None:
        value: Any = None
        try:
            value = read_json(delivery.body, f"jobs.{kind}")
            job, body = _address(kind, value, delivery.origin)
            command = Command.from_json({"v": 1, "job": job, "kind": kind, "body": body}).to_bytes()
        except MessageError as error:
            _log.warning("a command is refused: %s", error, extra={"action": "command_refused"})
            await self._answer(_reply_to(value), CommandReply(error=to_error_body(error)))
            await _settle(delivery.reject(str(error)))
            return
        target = Channel(ChannelKind.WORK, self._subjects.command(self._partition))
        try:
            await self._broker.publish(target, command, dedupe=f"{kind}/{job}/{delivery.origin}")
        except BrokerError as error:
            _log.warning("a command waits: %s", error, extra={"action": "command_late"})
            await _settle(delivery.retry(delay_s=1.0))
        else:
            await _settle(delivery.ack())

    # -- at the owner ----------------------------------------------------------------------------------------

    async def _take(self) -> None:
        channel = Channel(ChannelKind.WORK, self._subjects.command(self._partition))
        async with self._broker.consume(channel, group="owner", prefetch=_AT_ONCE) as deliveries:
            async for delivery in deliveries:
                try:
                    command = Command.from_bytes(delivery.body)
                except MessageError as error:
                    _log.warning("a command is refused: %s", error, extra={"action": "command_refused"})
                    await _settle(delivery.reject(str(error)))
                    continue
                await self._room.acquire()
                self._chain(command, delivery)
        raise BrokerUnavailableError("the broker was closed while commands were taken from it")

    def _chain(self, command: Command, delivery: Delivery) -> None:
        """Handle a command after what is under way for the same job."""
        job = command.job
        before = self._chains.get(job)

        async def follow() -> None:
            try:
                if before is not None:
                    await asyncio.wait({before})
                await self._handle(command, delivery)
            finally:
                self._room.release()
                if self._chains.get(job) is task:
                    del self._chains[job]

        task = begin(self._tasks, follow(), name=f"command-{job}")
        if task is not None:  # else the engine ends, and the command comes again
            self._chains[job] = task

    async def _handle(self, command: Command, delivery: Delivery) -> None:
        try:
            reply = CommandReply(job=command.job, status=await self._carry_out(command))
        except JournalError as error:
            # nothing durable came of it: whoever owns the partition next takes it up
            _log.error(
                "a command is given back: %s", error, extra={"action": "command_back", "job": command.job}
            )
            await _settle(delivery.retry(delay_s=1.0))
            return
        except EngineError as error:
            reply = CommandReply(job=command.job, error=to_error_body(error))
        except Exception as error:  # noqa: BLE001 - a command that breaks its handling may not end the engine (R27)
            await self._crashed(command, delivery, error)
            return
        self._crashes.pop(delivery.origin, None)
        await self._answer(_reply_to(command.body), reply)
        await _settle(delivery.ack())

    async def _crashed(self, command: Command, delivery: Delivery, error: Exception) -> None:
        """Try a command again that broke its handling; set it aside when it did so too often."""
        what = {"action": "command_crashed", "job": command.job}
        _log.error("a command broke its handling: %r", error, exc_info=error, extra=what)
        self._crashes[delivery.origin] = tries = self._crashes.get(delivery.origin, 0) + 1
        if tries < _MAX_CRASHES:
            await _settle(delivery.retry(delay_s=1.0))
            return
        del self._crashes[delivery.origin]
        text = f"the command about job {command.job!r} cannot be handled: {error!r}; please report this"
        await self._answer(
            _reply_to(command.body), CommandReply(job=command.job, error=to_error_body(EngineError(text)))
        )
        await _settle(delivery.reject(text))

    async def _answer(self, reply_to: str | None, reply: CommandReply) -> None:
        if reply_to is None:
            return
        if not reply_to.startswith(_PRIVATE):
            _log.warning(
                "no answer to %r, it must begin with %s",
                reply_to,
                _PRIVATE,
                extra={"action": "reply_refused"},
            )
            return
        try:
            await self._broker.publish(Channel(ChannelKind.BROADCAST, reply_to), reply.to_bytes())
        except (BrokerError, MessageError) as error:  # the sender's word for where it waits may be no subject
            _log.warning("an answer was not sent: %s", error, extra={"action": "reply_failed"})


def _address(kind: str, value: Any, origin: str) -> tuple[str, dict[str, Any]]:
    """Return the job a command is about, and the command as an object; a bare string is short for one."""
    if isinstance(value, str):
        value = {"workflow": value} if kind == "execute" else {"job": value}
    if kind == "execute":
        command = ExecuteJob.from_json(value)
        # from where the message stands in the broker: the same for every delivery of it, never drawn
        job = command.id or f"j{hashlib.sha256(origin.encode()).hexdigest()[:23]}"
        return job, value
    message = CancelJob.from_json(value) if kind == "cancel" else OperateJob.from_json(value)
    return message.job, value


def _reply_to(value: Any) -> str | None:
    reply_to = value.get("reply_to") if isinstance(value, dict) else None
    return reply_to if isinstance(reply_to, str) else None


async def _settle(settling: Awaitable[None]) -> None:
    try:
        await settling
    except BrokerError as error:
        # it comes again, and is answered as known
        _log.warning("a command was not settled: %s", error, extra={"action": "settle_failed"})
