"""The engine's side of the talk with one bot, without an engine: what it sends, and what is heard of the bot."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.errors import EngineError, MessageError
from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest, ActivityResponse, BotQuery
from ee_core.messages.bots import BotHello, BotsCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ee_core.contracts.broker import Broker, Delivery
    from ee_core.messages.subjects import Subjects
    from ee_core.model.ids import Fence

NAME: Final = "check"  # where answers go: `activity.response.check.<bot>`
HEARTBEAT_MS: Final = 15_000
_VISIT: Final = "check#1"
_T = TypeVar("_T")


class Peer:
    """Talks to a bot; open inside `open`."""

    def __init__(self, bot: str, *, broker: Broker, subjects: Subjects, job: str) -> None:
        """Prepare.

        Args:
            job: Begins the ids of this talk's jobs; answers about others are not heard.
        """
        self.bot = bot
        self.said: list[ActivityResponse] = []  # about this talk, in the order it came
        self.seen: list[BotHello] = []  # hellos and heartbeats
        self.garbled: list[str] = []  # what came on the bot's subjects and was no message
        self._broker = broker
        self._subjects = subjects
        self._job = job
        self._leases: set[int] = set()
        self._news = asyncio.Event()
        self._failure: EngineError | None = None  # why nothing is heard any more

    @property
    def reply_to(self) -> str:
        """Where the bot answers."""
        return self._subjects.response(NAME, self.bot)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        """Listen, while the context is open."""
        inbox = Channel(ChannelKind.REPLY, self.reply_to)
        hellos = Channel(ChannelKind.BROADCAST, self._subjects.bots_hello)
        heartbeats = Channel(ChannelKind.BROADCAST, self._subjects.bot_heartbeat(self.bot))
        async with (
            self._broker.consume(inbox, group=NAME) as answers,
            self._broker.consume(hellos, group=NAME) as greetings,
            self._broker.consume(heartbeats, group=NAME) as beats,
        ):
            readers = [
                asyncio.create_task(self._read(reading))
                for reading in (self._hear(answers), self._see(greetings), self._see(beats))
            ]
            try:
                yield self
            finally:
                for reader in readers:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)

    # -- what an engine sends --------------------------------------------------------------------------------

    async def call(self) -> None:
        """Ask who is there."""
        channel = Channel(ChannelKind.BROADCAST, self._subjects.bots_call)
        await self._broker.publish(channel, BotsCall().to_bytes())

    async def claim(self, lease: int) -> None:
        """Claim the bot."""
        self._leases.add(lease)
        await self._send(self._subjects.query_bot, BotQuery(lease=lease, reply_to=self.reply_to).to_bytes())

    async def ask(self, lease: int, number: int) -> None:
        """Ask about one attempt."""
        query = BotQuery(lease=lease, job=self.job(number), visit=_VISIT, attempt=1, reply_to=self.reply_to)
        await self._send(self._subjects.query_bot, query.to_bytes())

    async def request(self, number: int, fence: Fence, ledger: str, activity: str, value: Any) -> None:
        """Request an attempt: of the job of that number, which it is the only one of."""
        digest = hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        job = self.job(number)
        request = ActivityRequest(
            job=job,
            node="check",
            visit=_VISIT,
            attempt=1,
            fence=fence,
            ledger=ledger,
            activity=activity,
            input=value,
            input_hash=digest,
            heartbeat_ms=HEARTBEAT_MS,
            idempotency_key=f"{job}/{_VISIT}",
            reply_to=self.reply_to,
        )
        await self._send(self._subjects.execute, request.to_bytes())

    async def cancel(self, number: int, fence: Fence) -> None:
        """Cancel an attempt."""
        cancel = ActivityCancel(
            job=self.job(number), visit=_VISIT, attempt=1, fence=fence, reply_to=self.reply_to
        )
        await self._send(self._subjects.cancel, cancel.to_bytes())

    async def acknowledge(self, number: int, fence: Fence | None) -> None:
        """Say that an answer is recorded."""
        ack = ActivityAck(job=self.job(number), visit=_VISIT, attempt=1, fence=fence, verdict="recorded")
        await self._send(self._subjects.ack, ack.to_bytes())

    async def babble(self, body: bytes) -> None:
        """Send what is no request where requests go."""
        await self._send(self._subjects.execute, body)

    # -- what is heard -----------------------------------------------------------------------------------------

    def job(self, number: int) -> str:
        """Return the id of a job of this talk."""
        return f"{self._job}-{number}"

    async def find(
        self, fits: Callable[[ActivityResponse], bool], *, since: int, within_s: float
    ) -> ActivityResponse | None:
        """Return the first answer that fits, of those that came after the first `since`; None when none does in time.

        Raises:
            EngineError: The broker is gone.
        """
        return await self._wait_for(lambda: next(filter(fits, self.said[since:]), None), within_s)

    async def sight(self, fits: Callable[[BotHello], bool], *, within_s: float) -> BotHello | None:
        """Return the first hello or heartbeat that fits; None when none does in time. Raises as `find`."""
        return await self._wait_for(lambda: next(filter(fits, self.seen), None), within_s)

    async def _wait_for(self, look: Callable[[], _T | None], within_s: float) -> _T | None:
        try:
            async with asyncio.timeout(within_s):
                while (found := look()) is None:
                    if self._failure is not None:
                        raise self._failure
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        return found

    async def _read(self, reading: Awaitable[None]) -> None:
        try:
            await reading
        except EngineError as error:
            self._failure = error
            self._news.set()

    async def _send(self, subject_of: Callable[[str], str], body: bytes) -> None:
        await self._broker.publish(Channel(ChannelKind.INBOX, subject_of(self.bot)), body)

    async def _hear(self, deliveries: AsyncIterator[Delivery]) -> None:
        async for delivery in deliveries:
            try:
                response = ActivityResponse.from_bytes(delivery.body)
            except MessageError as error:
                self.garbled.append(str(error))
            else:
                # answers of an earlier talk may still be there
                if (response.job or "").startswith(f"{self._job}-") or response.lease in self._leases:
                    self.said.append(response)
            self._news.set()
            await delivery.ack()

    async def _see(self, deliveries: AsyncIterator[Delivery]) -> None:
        async for delivery in deliveries:
            try:
                hello = BotHello.from_bytes(delivery.body)
            except MessageError as error:
                self.garbled.append(str(error))
            else:
                if hello.bot == self.bot:
                    self.seen.append(hello)
            self._news.set()
