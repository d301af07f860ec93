"""Says that a bot or worker is there: `bots.hello`, and `bots.heartbeat.<bot>` every few seconds.

It also listens to the others, because two processes under one id are the one thing that nobody else may notice.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.outage import level_of
from ee_core.errors import BrokerError, MessageError
from ee_core.messages.bots import BotHello, BotsCall
from ee_core.model.ids import Fence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ee_core.bot.profile import Profile
    from ee_core.contracts.broker import Broker, Delivery
    from ee_core.messages.activity import RunningAttempt
    from ee_core.messages.subjects import Subjects

_LOG: Final = logging.getLogger(__name__)
HEARTBEAT_S: Final = 5.0
NO_FENCE: Final = Fence(0, 0)  # nothing was started or claimed


@dataclass(frozen=True, slots=True)
class Status:
    """What changes while it lives."""

    highest: Fence = NO_FENCE
    running: RunningAttempt | None = None
    leaving: bool = False


class Presence:
    """What a bot or worker broadcasts of itself."""

    def __init__(
        self,
        profile: Profile,
        *,
        broker: Broker,
        subjects: Subjects,
        instance: str,
        ledger_id: str | None,
        status: Callable[[], Status],
    ) -> None:
        """Bind it.

        Args:
            instance: New at each start of the process.
            ledger_id: None for a worker, which has no memory.
            status: Asked for each broadcast.
        """
        self._profile = profile
        self._broker = broker
        self._subjects = subjects
        self._instance = instance
        self._ledger_id = ledger_id
        self._status = status
        self._twins: set[str] = set()  # other processes of this id, each told of once

    async def say_hello(self) -> None:
        """Broadcast everything, schemas too; and a heartbeat: where a bot may speak on its own subjects alone, that is heard."""
        schemas = {
            name: dict(item.input_schema)
            for name, item in self._profile.activities.items()
            if item.input_schema is not None
        }
        await self._send(self._subjects.bots_hello, self._message(schemas))
        await self._send(self._subjects.bot_heartbeat(self._profile.id), self._message({}))

    async def beat(self) -> None:
        """Say hello, then send heartbeats until cancelled."""
        await self.say_hello()
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self._send(self._subjects.bot_heartbeat(self._profile.id), self._message({}))

    async def answer_calls(self, calls: AsyncIterator[Delivery]) -> None:
        """Answer each `bots.call` with hello."""
        async for delivery in calls:
            try:
                BotsCall.from_bytes(delivery.body)
            except MessageError as error:
                _LOG.warning("a call for bots is ignored: %s", error, extra={"action": "message_rejected"})
            else:
                await self.say_hello()

    async def watch_others(self, hellos: AsyncIterator[Delivery]) -> None:
        """Log an error for each other process that goes by the same id."""
        async for delivery in hellos:
            try:
                other = BotHello.from_bytes(delivery.body)
            except MessageError as error:
                _LOG.warning("a bot's hello is ignored: %s", error, extra={"action": "message_rejected"})
            else:
                if self._is_twin(other):
                    self._twins.add(other.instance)
                    self._complain(other)
                    await self.say_hello()  # the other one came later, and has not heard of this one

    def _is_twin(self, other: BotHello) -> bool:
        is_me = other.bot != self._profile.id or other.instance == self._instance
        return not (is_me or other.leaving or other.instance in self._twins)

    def _complain(self, other: BotHello) -> None:
        ledgers = "a copy of its ledger" if other.ledger == self._ledger_id else "another ledger"
        _LOG.error(
            "another process runs as bot %r, with %s (instance %s, this one is %s); stop one of them",
            other.bot,
            ledgers,
            other.instance,
            self._instance,
            extra={"action": "bot_twice", "bot": other.bot},
        )

    def _message(self, schemas: dict[str, dict[str, Any]]) -> BotHello:
        status = self._status()
        return BotHello(
            bot=self._profile.id,
            instance=self._instance,
            ledger=self._ledger_id or "",
            activities=tuple(sorted(self._profile.activities)),
            labels=dict(self._profile.labels),
            stateless=self._ledger_id is None,
            schemas=schemas,
            interval_ms=round(HEARTBEAT_S * 1000),
            running=status.running,
            highest=status.highest,
            leaving=status.leaving,
        )

    async def _send(self, subject: str, message: BotHello) -> None:
        try:
            await self._broker.publish(Channel(ChannelKind.BROADCAST, subject), message.to_bytes())
        except BrokerError as error:
            # best effort, and the next one is due soon
            _LOG.log(
                level_of(error),
                "bot %r was not heard: %s",
                message.bot,
                error,
                extra={"action": "hello_failed"},
            )
