"""Sends what a bot has to say, and repeats a response until the engine has acknowledged it.

The broker may lose a message and the engine may die before its commit; the ledger keeps the response, so saying it
again is all that is needed. The first time is at once, then ever more seldom, as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.outage import level_of
from ee_core.errors import BrokerError, MessageError
from ee_core.model.limits import MAX_OUTPUT_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ee_core.bot.context import Context, Progress
    from ee_core.bot.entry import AttemptKey, Entry
    from ee_core.contracts.broker import Broker
    from ee_core.contracts.env import Env
    from ee_core.messages.activity import ActivityResponse

_LOG: Final = logging.getLogger(__name__)
_FIRST_DELAY_S: Final = 1.0
_MAX_DELAY_S: Final = 60.0
_MIN_INTERVAL_S: Final = 0.2  # between two signs of life
_MAX_INTERVAL_S: Final = 5.0
_ENVELOPE_BYTES: Final = 16 * 1024  # of a response beside its output


@dataclass(slots=True)
class _Debt:
    """A response that the engine has not acknowledged."""

    entry: Entry
    due_s: float  # of the loop's time
    delay_s: float = _FIRST_DELAY_S


class Answers:
    """One bot's way out."""

    def __init__(self, broker: Broker, env: Env, stored: Callable[[Entry], ActivityResponse]) -> None:
        """Bind it.

        Args:
            stored: Makes the response of a finished attempt.
        """
        self._broker = broker
        self._env = env
        self._stored = stored
        self._debts: dict[AttemptKey, _Debt] = {}
        self._changed = asyncio.Event()

    @property
    def is_settled(self) -> bool:
        """Whether every response was acknowledged."""
        return not self._debts

    async def send(self, reply_to: str, response: ActivityResponse) -> None:
        """Publish a response.

        Raises:
            BrokerError: Not sent, or not known to be.
            MessageError: `reply_to` is no subject.
        """
        await self._broker.publish(Channel(ChannelKind.REPLY, reply_to), response.to_bytes())

    def owe(self, entry: Entry, *, at_once: bool) -> None:
        """Repeat a finished attempt's response until `settle`; it may be owed already."""
        now_s = asyncio.get_running_loop().time()
        if at_once or entry.key not in self._debts:
            self._debts[entry.key] = _Debt(entry, now_s if at_once else now_s + _FIRST_DELAY_S)
            self._changed.set()

    def settle(self, key: AttemptKey) -> None:
        """The engine has the response."""
        self._debts.pop(key, None)

    async def repeat(self) -> None:
        """Send what is owed whenever it is due, until cancelled."""
        while True:
            self._changed.clear()
            for debt in list(self._debts.values()):
                await self._pay(debt)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(
                    min((debt.due_s for debt in self._debts.values()), default=None)
                ):
                    await self._changed.wait()

    async def _pay(self, debt: _Debt) -> None:
        loop = asyncio.get_running_loop()
        entry = debt.entry
        if debt.due_s > loop.time() or entry.key not in self._debts:
            return
        # first: what fails is due again like what was sent
        debt.due_s = loop.time() + debt.delay_s * self._env.uniform(0.8, 1.2)
        debt.delay_s = min(_MAX_DELAY_S, debt.delay_s * 2)
        try:
            await self.send(entry.reply_to, self._stored(entry))
        except (BrokerError, MessageError) as error:
            _LOG.log(
                level_of(error),
                "the response of %s was not sent, it is repeated: %s",
                entry.key,
                error,
                extra={"action": "response_failed", "job": entry.key.job},
            )


async def give_signs(
    context: Context, heartbeat_ms: int, send: Callable[[Progress | None], Awaitable[None]]
) -> None:
    """Send a sign of life of an attempt several times within its heartbeat time, until cancelled."""
    interval_s = min(_MAX_INTERVAL_S, max(_MIN_INTERVAL_S, heartbeat_ms / 3000))
    while True:
        await asyncio.sleep(interval_s)
        try:
            await send(context.last_progress)
        except BrokerError as error:
            context.log.log(
                level_of(error),
                "a sign of life was not sent: %s",
                error,
                extra={"action": "heartbeat_failed"},
            )


def max_output_bytes(broker: Broker) -> int:
    """Return how large an output may be, as JSON, so that the broker takes the response."""
    return min(MAX_OUTPUT_BYTES, broker.traits.max_payload - _ENVELOPE_BYTES)
