"""Follows all lock records with a consumer that is made anew whenever it may have missed something.

A new consumer begins with the last record of each bot, so nothing has to be remembered but what was shown last. It is
made anew after a reconnect, when numbers are missing, and when even its heartbeat stays away: the client's own ordered
consumer does the last alone, and is silent for many seconds after a restart of the server.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final, Self

import nats.errors

from ee_core.contracts.leasing import record_from_json
from ee_core.errors import BrokerError, LockError, LockUnavailableError
from ee_core.model.ids import BotId

if TYPE_CHECKING:
    from types import TracebackType

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from ee_core.contracts.lock import LockRecord
    from ee_nats.connection import Connection
    from ee_nats.lock_stream import LockStream

_log = logging.getLogger(__name__)

_HEARTBEAT_S: Final = 2.0
_SILENT_S: Final = 5.0  # two heartbeats and some
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0  # between trials: engines that all come back at once must not make a storm
_ABANDONED_S: Final = 30.0  # after this the server removes a consumer that nobody reads
_NS: Final = 1_000_000_000


class RecordWatch:
    """An iterator over records, following inside its context; keeps the last one of each bot for a slow reader."""

    def __init__(self, connection: Connection, stream: LockStream) -> None:
        self._connection = connection
        self._stream = stream
        self._shown: dict[BotId, LockRecord] = {}  # the last that came, of each bot
        self._waiting: dict[BotId, None] = {}  # whose was not read yet; oldest change first
        self._readable = asyncio.Event()
        self._broken = asyncio.Event()
        self._error: BaseException | None = None
        self._heard_s = 0.0
        self._consumer = 0  # counts them
        self._received = 0  # messages of the present one
        self._inbox: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._begin()  # here, so that a change after the entry is never missed
        except BaseException:
            await self._leave()
            raise
        self._task = asyncio.create_task(self._keep_following(), name="ee-nats-lock-watch")
        self._task.add_done_callback(self._followed)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LockRecord:
        while not self._waiting and self._error is None:
            self._readable.clear()
            await self._readable.wait()
        if self._error is not None:
            raise self._error
        bot = next(iter(self._waiting))
        del self._waiting[bot]
        return self._shown[bot]

    def begin_anew(self) -> None:
        """Make a new consumer: something may have been missed."""
        self._broken.set()

    def end(self, error: BaseException) -> None:
        """Let the reader see an error instead of more records."""
        self._error = self._error or error
        self._readable.set()

    async def _leave(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._unsubscribe()

    def _followed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.end(error)

    async def _keep_following(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._until_broken()
            try:
                await self._begin()
                pause_s = _FIRST_PAUSE_S
            except LockError as error:
                _log.log(
                    self._connection.outage.level_of(error),
                    "lock records are not followed, trying again: %s",
                    error,
                    extra={"action": "lock_watch_late"},
                )
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                self._broken.set()

    async def _until_broken(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._broken.is_set() and (left_s := self._heard_s + _SILENT_S - loop.time()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._broken.wait()
            except TimeoutError:
                continue  # something may have come meanwhile

    async def _begin(self) -> None:
        """Make a consumer, and forget the one before.

        Raises:
            LockUnavailableError: JetStream does not answer. Retryable.
        """
        self._broken.clear()
        await self._unsubscribe()
        self._received = 0
        self._consumer += 1
        self._heard_s = asyncio.get_running_loop().time()
        client = self._connection.nc
        inbox = client.new_inbox()
        config = {
            "deliver_policy": "last_per_subject",
            "deliver_subject": inbox,
            "filter_subject": self._stream.all_bots,
            "ack_policy": "none",
            "idle_heartbeat": int(_HEARTBEAT_S * _NS),
            "inactive_threshold": int(_ABANDONED_S * _NS),
            "mem_storage": True,
            "num_replicas": 1,
        }
        try:
            self._inbox = await client.subscribe(
                inbox,
                cb=partial(self._receive, self._consumer),
                pending_msgs_limit=-1,
                pending_bytes_limit=-1,
            )
            await self._stream.restore()
            await self._connection.api(
                f"CONSUMER.CREATE.{self._stream.name}", {"stream_name": self._stream.name, "config": config}
            )
        except (BrokerError, nats.errors.Error) as error:
            raise LockUnavailableError(f"lock records cannot be followed: {error}") from error

    async def _unsubscribe(self) -> None:
        inbox, self._inbox = self._inbox, None
        if inbox is not None and not self._connection.nc.is_closed:
            try:
                await inbox.unsubscribe()
            except nats.errors.Error as error:
                _log.debug("the inbox of lock records was not given up: %s", error)

    async def _receive(self, consumer: int, message: Msg) -> None:
        if consumer != self._consumer:
            return  # on its way from an older one
        self._heard_s = asyncio.get_running_loop().time()
        if message.headers and message.headers.get("Status") == "100":
            if int(message.headers.get("Nats-Last-Consumer", "0")) != self._received:
                self._broken.set()
            return
        self._received += 1
        if message.metadata.sequence.consumer != self._received:
            self._broken.set()
            return
        self._show(message.subject.rpartition(".")[2], message.data)

    def _show(self, token: str, body: bytes) -> None:
        bot = BotId(token)
        try:
            record = record_from_json(bot, body)
        except LockError as error:
            _log.error("%s", error, extra={"action": "lock_record_unreadable", "bot": bot})
            return
        if self._shown.get(bot) != record:  # else a new consumer has begun with it
            self._shown[bot] = record
            self._waiting.pop(bot, None)
            self._waiting[bot] = None
            self._readable.set()
