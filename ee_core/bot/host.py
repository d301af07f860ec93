"""Makes a process a bot: takes its messages, carries out one attempt at a time, answers, and says that it is there.

What may be done is decided by `ee_core.bot.slot`; this does it. The engine's process runs in-process bots with the
same class, and `ee_core.bot.process` adds signals for a process of its own.

A bot leaves in two ways. `drain`: requests are left in the inbox for whoever comes next, the running attempt is
finished and its response sent. `stop`: the running attempt is asked to stop and given `HostSettings.stop_grace_s`; if
it does not end, it stays `started` in the ledger, and the next start answers `lost`; the process should end then,
because a thread may still work.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from ee_core.bot.answers import Answers, give_signs, max_output_bytes
from ee_core.bot.context import Context
from ee_core.bot.intake import take
from ee_core.bot.judge import Verdict
from ee_core.bot.lifetime import HostSettings, Lifetime
from ee_core.bot.presence import Presence, Status
from ee_core.bot.running import Attempt
from ee_core.bot.secrets import remembering
from ee_core.bot.slot import Slot
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.envelope import check_subject
from ee_core.errors import BrokerUnavailableError, LedgerError
from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest, BotQuery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ee_core.bot.context import Progress
    from ee_core.bot.entry import Entry
    from ee_core.bot.ledger import Ledger
    from ee_core.bot.profile import Profile
    from ee_core.bot.running import Outcome
    from ee_core.bot.secrets import Resolver
    from ee_core.bot.slot import Ruling
    from ee_core.contracts.broker import Broker, Delivery
    from ee_core.contracts.env import Env
    from ee_core.messages.subjects import Subjects

_LOG: Final = logging.getLogger(__name__)
_RETRY_S: Final = 1.0  # before a response that could not be written is written again


class BotHost(Lifetime):
    """One bot."""

    def __init__(
        self,
        profile: Profile,
        ledger: Ledger,
        *,
        broker: Broker,
        subjects: Subjects,
        env: Env,
        settings: HostSettings | None = None,
        secrets: Resolver | None = None,
    ) -> None:
        """Bind it; nothing is touched.

        Args:
            ledger: Open, of this bot; the caller closes it after the host has left.
            broker: Open; likewise.
            secrets: Puts values in the place of references; without it attempts that have some fail.
        """
        super().__init__(f"bot {profile.id}")
        self.instance = instance = env.new_id()  # new at each start of the process
        self._profile = profile
        self._broker = broker
        self._subjects = subjects
        self._settings = settings or HostSettings()
        self._secrets = remembering(secrets)
        self._slot = Slot(ledger, instance=instance, env=env)
        self._answers = Answers(broker, env, self._slot.stored)
        self._presence = Presence(
            profile,
            broker=broker,
            subjects=subjects,
            instance=instance,
            ledger_id=ledger.ledger_id,
            status=self._status,
        )
        self._attempt: Attempt | None = None
        self._work: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None

    def works_on(self) -> list[str]:
        running = self._slot.running
        return [] if running is None else [f"{running.visit} of job {running.job}"]

    @property
    def owes(self) -> bool:
        return not self._answers.is_settled

    # -- lifetime ----------------------------------------------------------------------------------------------

    async def _serve(self, consumers: AsyncExitStack) -> None:
        for entry in self._slot.recover():
            self._answers.owe(entry, at_once=True)
        subjects, bot = self._subjects, self._profile.id
        # requests last: a cancel that waits in its inbox should be known before the request it is about
        acks = await self._open(consumers, subjects.ack(bot))
        cancels = await self._open(consumers, subjects.cancel(bot))
        queries = await self._open(consumers, subjects.query_bot(bot))
        calls = await self._open(consumers, subjects.bots_call, ChannelKind.BROADCAST)
        hellos = await self._open(consumers, subjects.bots_hello, ChannelKind.BROADCAST)
        requests = AsyncExitStack()
        await consumers.enter_async_context(requests)
        executes = await self._open(requests, subjects.execute(bot))
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            taking = tasks.create_task(self._take(executes, self._on_request), name=f"bot {bot} requests")
            services = [
                tasks.create_task(self._take(acks, self._on_ack), name=f"bot {bot} acks"),
                tasks.create_task(self._take(cancels, self._on_cancel), name=f"bot {bot} cancels"),
                tasks.create_task(self._take(queries, self._on_query), name=f"bot {bot} queries"),
                tasks.create_task(self._presence.answer_calls(calls), name=f"bot {bot} calls"),
                tasks.create_task(self._presence.watch_others(hellos), name=f"bot {bot} hellos"),
                tasks.create_task(self._presence.beat(), name=f"bot {bot} presence"),
                tasks.create_task(self._answers.repeat(), name=f"bot {bot} answers"),
            ]
            self._set_ready()
            await self._until(lambda: self._is_draining)
            taking.cancel()
            await requests.aclose()
            await self._leave()
            for service in services:
                service.cancel()
        await self._presence.say_hello()

    async def _leave(self) -> None:
        _LOG.info("bot %r leaves", self._profile.id, extra={"action": "bot_leaves", "bot": self._profile.id})
        await self._presence.say_hello()
        await self._until(lambda: self._attempt is None or self._is_stopping)
        if self._work is not None:
            self._work.cancel()
            await self._until(lambda: self._attempt is None)
        was_stopping = self._is_stopping
        await self._until(
            lambda: self._answers.is_settled or (self._is_stopping and not was_stopping),
            timeout_s=self._settings.ack_grace_s,
        )

    def _status(self) -> Status:
        return Status(self._slot.highest, self._slot.running, leaving=self._is_draining)

    # -- messages ----------------------------------------------------------------------------------------------

    async def _open(
        self, stack: AsyncExitStack, subject: str, kind: ChannelKind = ChannelKind.INBOX
    ) -> AsyncIterator[Delivery]:
        group = self._profile.id if kind is ChannelKind.INBOX else "bots"
        return await stack.enter_async_context(self._broker.consume(Channel(kind, subject), group=group))

    async def _take(
        self, deliveries: AsyncIterator[Delivery], handle: Callable[[bytes], Awaitable[None]]
    ) -> None:
        await take(deliveries, handle)
        if not self._is_draining:
            raise BrokerUnavailableError(f"the broker was closed while bot {self._profile.id!r} used it")

    async def _on_request(self, body: bytes) -> None:
        request = ActivityRequest.from_bytes(body)
        check_subject(request.reply_to)
        ruling = self._slot.take_request(request)
        if ruling.verdict is Verdict.START:
            self._begin(request)
        await self._answer(request.reply_to, ruling)

    async def _on_cancel(self, body: bytes) -> None:
        cancel = ActivityCancel.from_bytes(body)
        check_subject(cancel.reply_to)
        ruling = self._slot.take_cancel(cancel)
        if ruling.verdict is Verdict.STOP and self._attempt is not None:
            self._attempt.stop("the engine cancelled it", code="cancelled")
        await self._answer(cancel.reply_to, ruling)

    async def _on_query(self, body: bytes) -> None:
        query = BotQuery.from_bytes(body)
        check_subject(query.reply_to)
        await self._answer(query.reply_to, self._slot.take_query(query))

    async def _on_ack(self, body: bytes) -> None:
        key = self._slot.take_ack(ActivityAck.from_bytes(body))
        if key is not None:
            self._answers.settle(key)
            self._changed.set()

    async def _answer(self, reply_to: str, ruling: Ruling) -> None:
        if ruling.owed is not None:
            self._answers.owe(ruling.owed, at_once=False)
        if ruling.answer is not None:
            await self._answers.send(reply_to, ruling.answer)

    # -- the attempt -------------------------------------------------------------------------------------------

    def _begin(self, request: ActivityRequest) -> None:
        attempt = Attempt(
            self._profile.activity(request.activity),
            Context.of(request),
            request.input,
            run_ms=request.run_ms,
            max_output_bytes=max_output_bytes(self._broker),
            references=request.references,
            secrets=self._secrets,
        )
        assert self._tasks is not None, "requests are taken inside the task group only"
        self._attempt = attempt
        work = self._carry_out(attempt, request.reply_to, request.heartbeat_ms)
        self._work = self._tasks.create_task(work, name=f"bot {self._profile.id} attempt")

    async def _carry_out(self, attempt: Attempt, reply_to: str, heartbeat_ms: int) -> None:
        attempt.context.log.info("begun", extra={"action": "attempt_begun", "bot": self._profile.id})
        assert self._tasks is not None, "as above"
        signs = give_signs(attempt.context, heartbeat_ms, lambda last: self._send_sign(reply_to, last))
        beats = self._tasks.create_task(signs, name=f"bot {self._profile.id} signs of life")
        try:
            outcome = await attempt.carry_out(grace_s=self._settings.stop_grace_s)
            entry = await self._write(outcome)  # at once: what is not written did not happen
            self._answers.owe(entry, at_once=True)
            attempt.context.log.info(
                "ended: %s", outcome.kind, extra={"action": "attempt_ended", "bot": self._profile.id}
            )
        finally:
            beats.cancel()
            self._attempt = self._work = None
            self._changed.set()

    async def _send_sign(self, reply_to: str, last: Progress | None) -> None:
        if self._slot.running is not None:
            await self._answers.send(reply_to, self._slot.heartbeat(last))

    async def _write(self, outcome: Outcome) -> Entry:
        while True:
            try:
                return self._slot.finish(outcome)
            except LedgerError as error:
                # the slot stays taken: a response that is not durable must not be sent
                _LOG.error("a response waits: %s", error, extra={"action": "response_waits"})
            await asyncio.sleep(_RETRY_S)
