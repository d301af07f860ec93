"""Broadcasts and requests: plain NATS, where nothing is kept."""

from __future__ import annotations

import asyncio
import itertools
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import nats.errors

from ee_core.errors import BrokerError, BrokerUnavailableError
from ee_nats.delivery import Broadcast
from ee_nats.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from ee_nats.connection import Connection
    from ee_nats.mailbox import Leavable

_log = logging.getLogger(__name__)
_numbers: Final = itertools.count(1)  # names broadcasts within the process; they have no other place


class Listener:
    """A subscription that is in force at the server while its context is open."""

    def __init__(self, connection: Connection, pattern: str, members: dict[Leavable, None]) -> None:
        super().__init__()
        self._connection = connection
        self._pattern = pattern
        self._members = members
        self._subscription: Subscription | None = None
        self._forget: Callable[[], None] = lambda: None
        self._is_left = False

    async def __aenter__(self) -> Self:
        if self._subscription is not None or self._is_left:
            raise BrokerError(f"the consumer of {self._pattern!r} was opened before; ask for a new one")
        try:
            self._subscription = await self._connection.nc.subscribe(
                self._pattern, cb=self._came, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
            await self._connection.nc.flush()  # what is published from now on reaches us
        except (nats.errors.Error, TimeoutError) as error:
            raise BrokerUnavailableError(f"cannot listen on {self._pattern!r}: {error}") from error
        self._forget = self._connection.on_change(self._changed)
        self._members[self] = None
        if self._connection.nc.is_closed:  # meanwhile
            await self.leave()
            raise BrokerUnavailableError("the connection to NATS was closed")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """End; idempotent."""
        if self._is_left:
            return
        self._is_left = True
        self._members.pop(self, None)
        if self._subscription is not None:
            self._forget()
            with suppress(nats.errors.Error):  # closed: then it is gone anyway
                await self._subscription.unsubscribe()
        await self._stop()

    async def _came(self, message: Msg) -> None:
        raise NotImplementedError

    async def _changed(self, connected: bool) -> None:
        """Nothing is to be done: the client subscribes again."""

    async def _stop(self) -> None:
        raise NotImplementedError


class BroadcastConsumer(Listener, Mailbox[Broadcast]):
    """A consumer of broadcasts. One that reads too slowly keeps all that came: memory is the limit."""

    async def _came(self, message: Msg) -> None:
        self.put(Broadcast(message, f"broadcast/{next(_numbers)}", self._check_open))

    async def _changed(self, connected: bool) -> None:
        if not connected and self._connection.nc.is_closed:
            reason = self._connection.failure
            self.end(lambda: BrokerUnavailableError(f"the connection to NATS closed: {reason}"))

    async def _stop(self) -> None:
        self.end()

    def _check_open(self) -> None:
        if self._connection.nc.is_closed:
            raise BrokerUnavailableError("the connection to NATS is closed")


class Responder(Listener):
    """Answers requests on a subject, each in a task of its own."""

    def __init__(
        self,
        connection: Connection,
        subject: str,
        answer: Callable[[bytes], Awaitable[bytes]],
        members: dict[Leavable, None],
    ) -> None:
        super().__init__(connection, subject, members)
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    async def _came(self, message: Msg) -> None:
        if message.reply:
            task = asyncio.create_task(self._work(message), name=f"answer on {self._pattern}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, message: Msg) -> None:
        try:
            answer = await self._answer(message.data)
        except Exception:  # noqa: BLE001 - the answering code may raise anything; the asker must not wait for its bug
            _log.exception("no answer on %s", self._pattern, extra={"action": "answer_failed"})
            return
        with suppress(nats.errors.Error):  # best effort: not connected, or too large for the server
            await self._connection.nc.publish(message.reply, answer)

    async def _stop(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
