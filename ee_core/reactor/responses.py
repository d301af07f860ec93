"""What bots say, from the broker to the job that waits for it.

A response is acknowledged, to the broker and to the bot, only after what came of it is durable; also when it came
too late or for a job that nobody knows, so that the bot stops repeating it. Who says it stands in the subject; what
the body says of job, visit, attempt and fence is matched by the model.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.errors import BrokerError, BrokerUnavailableError, EngineError, MessageError, NotFoundError
from ee_core.messages.activity import ActivityAck, ActivityResponse
from ee_core.messages.subjects import check_token
from ee_core.model.decide import Ignored
from ee_core.model.events import Error
from ee_core.model.facts import IdleProved, ResponseKind, ResponseReceived
from ee_core.model.ids import BotId, Fence, JobId, VisitId
from ee_core.model.waits import WaitKey
from ee_core.reactor.outbox import Letter
from ee_core.tasks import begin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from ee_core.contracts.broker import Broker, Delivery
    from ee_core.contracts.env import Env
    from ee_core.messages.subjects import Subjects
    from ee_core.model.facts import AnyFact
    from ee_core.reactor.outbox import Outbox
    from ee_core.reactor.requests import Requests

_log = logging.getLogger(__name__)
_SIGNS_OF_LIFE = frozenset({ResponseKind.ACCEPTED, ResponseKind.HEARTBEAT, ResponseKind.BUSY})
Verdict = Literal["recorded", "late", "unknown"]


class TellAnyJob(Protocol):
    """Tells a fact to a job, whether it is in memory or has to be read first."""

    def __call__(self, job: JobId, fact: AnyFact) -> Awaitable[object]:
        """Raises `NotFoundError` for a job that was never accepted."""


class HearsBots(Protocol):
    """Hears what a bot says of itself, not of an attempt."""

    def claim_answered(self, bot: BotId, response: ActivityResponse) -> None:
        """It has answered a claim."""

    def saw_fence(self, bot: BotId, highest: Fence) -> None:
        """It has refused a request, and says the highest fence that it has seen."""


class Responses:
    """The one consumer of all responses of a partition."""

    def __init__(
        self,
        broker: Broker,
        *,
        partition: int,
        subjects: Subjects,
        outbox: Outbox,
        requests: Requests,
        env: Env,
        tell: TellAnyJob,
        fleet: HearsBots,
    ) -> None:
        self._broker = broker
        self._partition = partition
        self._subjects = subjects
        self._outbox = outbox
        self._requests = requests
        self._env = env
        self._tell = tell
        self._fleet = fleet

    async def run(self) -> None:
        """Take responses until cancelled."""
        pattern = Channel(ChannelKind.REPLY, self._subjects.response(self._partition, "*"))
        async with (
            asyncio.TaskGroup() as tasks,
            self._broker.consume(pattern, group=f"engine-{self._partition}") as deliveries,
        ):
            async for delivery in deliveries:
                work = self._take(delivery)
                if work is not None:
                    begin(tasks, work, name="response")
            raise BrokerUnavailableError("the broker was closed while responses were taken from it")

    def _take(self, delivery: Delivery) -> Coroutine[Any, Any, None] | None:
        """Handle what needs no commit at once; return the rest as work."""
        try:
            bot = BotId(check_token(delivery.subject.rsplit(".", 1)[1], "bot"))
            response = ActivityResponse.from_bytes(delivery.body)
        except MessageError as error:
            _log.warning("a response is set aside: %s", error, extra={"action": "response_refused"})
            return delivery.reject(str(error))
        if response.job is None or response.visit is None or response.attempt is None:
            self._fleet.claim_answered(bot, response)
            return delivery.ack()
        kind = ResponseKind(response.kind)
        if kind is ResponseKind.STALE:
            # before the visit waits for a bot again: it would be given this one once more, and so on for ever
            self._fleet.saw_fence(bot, Fence(*response.highest))
        if kind in _SIGNS_OF_LIFE:
            self._note(bot, response, kind)
            return delivery.ack()
        return self._decide(delivery, bot, response, kind)

    def _note(self, bot: BotId, response: ActivityResponse, kind: ResponseKind) -> None:
        armed = self._requests.find(JobId(str(response.job)), _key(response))
        if armed is None or armed.wait.fence != response.fence or (armed.wait.bot or bot) != bot:
            return
        if kind is ResponseKind.ACCEPTED:
            self._requests.accepted(armed)
        elif kind is ResponseKind.HEARTBEAT:
            self._requests.heartbeat(armed, response.progress, response.text)
        else:
            self._requests.busy(armed)

    async def _decide(
        self, delivery: Delivery, bot: BotId, response: ActivityResponse, kind: ResponseKind
    ) -> None:
        job = JobId(str(response.job))
        armed = self._requests.find(job, _key(response))
        if armed is not None and armed.wait.fence == response.fence:
            armed.is_answered = True
        try:
            told = await self._tell(job, self._to_fact(bot, response, kind))
        except NotFoundError:
            verdict: Verdict = "unknown"
        except EngineError as error:
            # not durable: another engine, or this one after a restart, gets it again
            _log.warning("a response is given back: %s", error, extra={"action": "response_back", "job": job})
            await _settle(delivery.retry(delay_s=1.0))
            return
        else:
            verdict = "late" if isinstance(told, Ignored) else "recorded"
        await _settle(delivery.ack())
        self._acknowledge(bot, response, verdict)

    def _to_fact(self, bot: BotId, response: ActivityResponse, kind: ResponseKind) -> AnyFact:
        visit = VisitId(str(response.visit))
        attempt = int(response.attempt or 0)
        at_us = self._env.now()
        if kind is ResponseKind.IDLE:
            return IdleProved(at_us=at_us, bot=bot, visit=visit, attempt=attempt, fence=response.fence)
        error = response.error
        return ResponseReceived(
            at_us=at_us,
            bot=bot,
            visit=visit,
            attempt=attempt,
            fence=response.fence,
            kind=kind,
            output=response.output,
            error=Error(error.code, error.text) if error is not None else None,
            retryable=response.retryable,
            retry_after_ms=response.retry_after_ms,
        )

    def _acknowledge(self, bot: BotId, response: ActivityResponse, verdict: Verdict) -> None:
        ack = ActivityAck(
            job=str(response.job),
            visit=str(response.visit),
            attempt=int(response.attempt or 0),
            fence=response.fence,
            verdict=verdict,
        )
        channel = Channel(ChannelKind.INBOX, self._subjects.ack(bot))
        self._outbox.post(Letter(channel, ack.to_bytes(), JobId(ack.job), VisitId(ack.visit)))


def _key(response: ActivityResponse) -> WaitKey:
    return WaitKey(f"response:{response.visit}/{response.attempt}")


async def _settle(settling: Awaitable[None]) -> None:
    try:
        await settling
    except BrokerError as error:
        # it comes again, and is ignored as a duplicate
        _log.warning("a response was not settled: %s", error, extra={"action": "settle_failed"})
