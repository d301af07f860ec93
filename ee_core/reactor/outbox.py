"""Messages on their way to bots: sent soon, in the order they were posted, and given up when they fail.

What must arrive is repeated by whoever waits for the answer; nothing here is a promise. So a broker that is down
costs a log line, not an engine.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ee_core.contracts.broker import ChannelKind
from ee_core.contracts.outage import level_of
from ee_core.errors import BrokerError, MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.broker import Broker, Channel
    from ee_core.model.ids import JobId, VisitId

_log = logging.getLogger(__name__)
_AT_ONCE = 256  # publishes under way together
_LATE = 2_000  # more than this are waiting: the broker is down or slow, and repeating adds nothing


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be sent."""

    channel: Channel
    body: bytes
    job: JobId | None = None
    visit: VisitId | None = None
    dedupe: str | None = None


class AddHeaders(Protocol):
    """Asks the hooks for the headers of a message."""

    def __call__(self, subject: str, job: JobId | None, visit: VisitId | None) -> Mapping[str, str]: ...


class Outbox:
    """One queue and one task for everything the Reactor sends."""

    def __init__(self, broker: Broker, *, headers: AddHeaders) -> None:
        self._broker = broker
        self._headers = headers
        self._letters: deque[Letter] = deque()
        self._wake = asyncio.Event()

    def post(self, letter: Letter) -> None:
        """Queue a message; never waits."""
        self._letters.append(letter)
        self._wake.set()

    @property
    def is_late(self) -> bool:
        """True while so much is queued that a repeat would only lengthen the queue."""
        return len(self._letters) > _LATE

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._letters:
                await self._send_some()

    async def _send_some(self) -> None:
        """Send what costs no waiting one by one; wait together for what the broker must acknowledge."""
        acknowledged = []
        for _ in range(min(_AT_ONCE, len(self._letters))):
            letter = self._letters.popleft()
            if self._broker.traits.shared and letter.channel.kind is not ChannelKind.BROADCAST:
                acknowledged.append(letter)
            else:
                await self._send(letter)
        if len(acknowledged) == 1:
            await self._send(acknowledged[0])
        elif acknowledged:
            await asyncio.gather(*(self._send(letter) for letter in acknowledged))

    async def _send(self, letter: Letter) -> None:
        headers = self._headers(letter.channel.subject, letter.job, letter.visit)
        try:
            try:
                await self._publish(letter, headers)
            except MessageError as error:
                # a plugin's headers, too many or not usable: the message goes without them
                _log.warning("%s goes without headers: %s", letter.channel.subject, error)
                await self._publish(letter, {})
        except (BrokerError, MessageError) as error:
            _log.log(
                level_of(error),
                "%s was not sent: %s",
                letter.channel.subject,
                error,
                extra={"action": "send_failed"},
            )

    async def _publish(self, letter: Letter, headers: Mapping[str, str]) -> None:
        await self._broker.publish(letter.channel, letter.body, headers=headers, dedupe=letter.dedupe)
