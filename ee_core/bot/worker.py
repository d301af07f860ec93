"""Makes a process a worker: stateless work that may be carried out more than once, many attempts at a time (R9a).

A worker has no slot, no fence and no ledger. Its safety is the broker's: a request is acknowledged only after its
response was sent, so the request of a worker that died goes to another one. A worker that is told to stop gives its
requests back in the same way. What it finished lately it answers again without doing it again; that saves work and
promises nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from ee_core.bot.answers import give_signs, max_output_bytes
from ee_core.bot.context import Context
from ee_core.bot.entry import AttemptKey
from ee_core.bot.intake import take
from ee_core.bot.lifetime import HostSettings, Lifetime
from ee_core.bot.presence import NO_FENCE, Presence, Status
from ee_core.bot.running import Attempt
from ee_core.bot.secrets import remembering
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.envelope import check_subject
from ee_core.contracts.outage import level_of
from ee_core.errors import BrokerError, BrokerUnavailableError, MessageError
from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest, ActivityResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AsyncExitStack

    from ee_core.bot.context import Progress
    from ee_core.bot.profile import Profile
    from ee_core.bot.running import Outcome
    from ee_core.bot.secrets import Resolver
    from ee_core.contracts.broker import Broker, Delivery
    from ee_core.contracts.env import Env
    from ee_core.messages.activity import ResponseKindName
    from ee_core.messages.subjects import Subjects

_LOG: Final = logging.getLogger(__name__)
_GROUP: Final = "workers"
_RETRY_S: Final = 1.0  # before work that was given back comes again
_REMEMBERED: Final = 256  # responses
_ANY: Final = "._any"
_OURS: Final = "bot_stopped"  # why an attempt stopped that nobody cancelled


class WorkerHost(Lifetime):
    """One worker."""

    def __init__(
        self,
        profile: Profile,
        *,
        broker: Broker,
        subjects: Subjects,
        env: Env,
        max_parallel: int = 16,
        settings: HostSettings | None = None,
        secrets: Resolver | None = None,
    ) -> None:
        """Bind it; nothing is touched.

        Args:
            profile: Its activities are those that the worker takes requests for; its id stands where a bot's would.
            broker: Open; the caller closes it after the host has left.
            max_parallel: Most attempts at a time.
            secrets: Puts values in the place of references; without it attempts that have some fail.
        """
        super().__init__(f"worker {profile.id}")
        self._profile = profile
        self._broker = broker
        self._subjects = subjects
        self._settings = settings or HostSettings()
        self._secrets = remembering(secrets)
        self._instance = env.new_id()
        self._presence = Presence(
            profile,
            broker=broker,
            subjects=subjects,
            instance=self._instance,
            ledger_id=None,
            status=lambda: Status(NO_FENCE, leaving=self._is_draining),
        )
        self._max_parallel = max_parallel
        self._room = asyncio.Semaphore(max_parallel)
        self._running: dict[AttemptKey, Attempt] = {}
        self._works: set[asyncio.Task[None]] = set()
        self._finished: OrderedDict[AttemptKey, ActivityResponse] = OrderedDict()

    def works_on(self) -> list[str]:
        return [f"{key.visit} of job {key.job}" for key in self._running]

    async def _serve(self, consumers: AsyncExitStack) -> None:
        subjects, broker = self._subjects, self._broker
        acks = await consumers.enter_async_context(
            broker.consume(Channel(ChannelKind.INBOX, subjects.ack(self._profile.id)), group=self._profile.id)
        )
        cancels = await consumers.enter_async_context(
            broker.consume(Channel(ChannelKind.BROADCAST, subjects.cancel_any(">")), group=_GROUP)
        )
        calls = await consumers.enter_async_context(
            broker.consume(Channel(ChannelKind.BROADCAST, subjects.bots_call), group=_GROUP)
        )
        work = {
            name: await consumers.enter_async_context(
                broker.consume(
                    Channel(ChannelKind.WORK, subjects.execute_any(name)),
                    group=_GROUP,
                    prefetch=self._max_parallel,
                )
            )
            for name in self._profile.activities
        }
        async with asyncio.TaskGroup() as tasks:
            services = [
                tasks.create_task(self._take_work(name, deliveries, tasks), name=f"{self._name} {name}")
                for name, deliveries in work.items()
            ]
            services += [
                tasks.create_task(take(acks, self._on_ack), name=f"{self._name} acks"),
                tasks.create_task(self._take_cancels(cancels), name=f"{self._name} cancels"),
                tasks.create_task(self._presence.answer_calls(calls), name=f"{self._name} calls"),
                tasks.create_task(self._presence.beat(), name=f"{self._name} presence"),
            ]
            self._set_ready()
            await self._until(lambda: self._is_draining)
            await self._leave()
            for service in services:
                service.cancel()
        await self._presence.say_hello()

    async def _leave(self) -> None:
        await self._presence.say_hello()
        await self._until(lambda: not self._works or self._is_stopping)
        for work in self._works:
            work.cancel()
        await self._until(lambda: not self._works)

    # -- messages ----------------------------------------------------------------------------------------------

    async def _take_work(
        self, name: str, deliveries: AsyncIterator[Delivery], tasks: asyncio.TaskGroup
    ) -> None:
        async for delivery in deliveries:
            await self._room.acquire()
            # in a task of its own, so that one message that is slow to settle holds up no other
            work = tasks.create_task(self._handle(name, delivery), name=f"{self._name} work")
            self._works.add(work)
            work.add_done_callback(self._done)
        if not self._is_draining:
            raise BrokerUnavailableError(f"the broker was closed while worker {self._profile.id!r} used it")

    def _done(self, work: asyncio.Task[None]) -> None:
        self._works.discard(work)
        self._room.release()
        self._changed.set()

    async def _handle(self, name: str, delivery: Delivery) -> None:
        try:
            if self._is_draining:
                await delivery.retry(delay_s=_RETRY_S)
                return
            try:
                request = _read(name, delivery.body)
            except MessageError as error:
                _LOG.warning("a request is set aside: %s", error, extra={"action": "message_rejected"})
                await delivery.reject(str(error))
                return
            if await self._answer(request):
                await delivery.ack()
            else:
                await delivery.retry(delay_s=0.0 if self._is_draining else _RETRY_S)
        except BrokerError as error:
            # it comes again, here or at another worker
            _LOG.log(
                level_of(error), "a request was not settled: %s", error, extra={"action": "settle_failed"}
            )

    async def _answer(self, request: ActivityRequest) -> bool:
        """Carry out a request unless that was done, send its response, and return whether it is done with."""
        key = AttemptKey.of(request)
        try:
            response = self._finished.get(key)
            if response is None:
                await self._send(request, self._response(request, "accepted"))
                if key in self._running:
                    return True
                response = await self._carry_out(key, request)
            if response is None:
                return False
            await self._send(request, response)
        except BrokerError as error:
            _LOG.log(
                level_of(error), "a response was not sent: %s", error, extra={"action": "response_failed"}
            )
            return False
        return True

    async def _carry_out(self, key: AttemptKey, request: ActivityRequest) -> ActivityResponse | None:
        attempt = Attempt(
            self._profile.activity(request.activity),
            Context.of(request),
            request.input,
            run_ms=request.run_ms,
            max_output_bytes=max_output_bytes(self._broker),
            references=request.references,
            secrets=self._secrets,
        )
        self._running[key] = attempt

        async def send_sign(last: Progress | None) -> None:
            sign = self._response(request, "heartbeat")
            told = {} if last is None else {"progress": last.fraction, "text": last.text}
            await self._send(request, sign.model_copy(update=told))

        beats = asyncio.create_task(
            give_signs(attempt.context, request.heartbeat_ms, send_sign), name=f"{self._name} signs of life"
        )
        try:
            outcome = await attempt.carry_out(grace_s=self._settings.stop_grace_s)
        finally:
            beats.cancel()
            del self._running[key]
            await asyncio.wait({beats})
        if outcome.kind == "stopped" and outcome.error is not None and outcome.error.code == _OURS:
            return None
        return self._remember(key, request, outcome)

    async def _take_cancels(self, deliveries: AsyncIterator[Delivery]) -> None:
        async for delivery in deliveries:
            try:
                cancel = ActivityCancel.from_bytes(delivery.body)
            except MessageError as error:
                _LOG.warning("a cancel is ignored: %s", error, extra={"action": "message_rejected"})
                continue
            attempt = self._running.get(AttemptKey.of(cancel))
            if attempt is not None:
                attempt.stop("the engine cancelled it", code="cancelled")

    async def _on_ack(self, body: bytes) -> None:
        self._finished.pop(AttemptKey.of(ActivityAck.from_bytes(body)), None)

    # -- answers -----------------------------------------------------------------------------------------------

    async def _send(self, request: ActivityRequest, response: ActivityResponse) -> None:
        reply_to = request.reply_to
        if reply_to.endswith(_ANY):
            reply_to = f"{reply_to.removesuffix(_ANY)}.{self._profile.id}"
        await self._broker.publish(Channel(ChannelKind.REPLY, reply_to), response.to_bytes())

    def _remember(self, key: AttemptKey, request: ActivityRequest, outcome: Outcome) -> ActivityResponse:
        response = self._response(request, outcome.kind).model_copy(
            update={
                "output": outcome.output,
                "error": outcome.error,
                "retryable": outcome.retryable,
                "retry_after_ms": outcome.retry_after_ms,
            }
        )
        self._finished[key] = response
        if len(self._finished) > _REMEMBERED:
            self._finished.popitem(last=False)
        return response

    def _response(self, request: ActivityRequest, kind: ResponseKindName) -> ActivityResponse:
        return ActivityResponse(
            kind=kind,
            job=request.job,
            visit=request.visit,
            attempt=request.attempt,
            ledger="",
            instance=self._instance,
            highest=NO_FENCE,
        )


def _read(name: str, body: bytes) -> ActivityRequest:
    request = ActivityRequest.from_bytes(body)
    check_subject(request.reply_to)
    if request.activity != name:
        raise MessageError(
            f"ActivityRequest: it is for {request.activity!r} and came on the subject of {name!r}; they must be equal"
        )
    return request
